"""Edits of front matter, theme and settings of an edited site, as data."""

from __future__ import annotations

Key = tuple[
    str, str, str
]  # directory of content/, or "" for all; key of the front matter; value, "" for none


def _values(folder: str, key: str, *values: str) -> tuple[Key, ...]:
    return tuple((folder, key, value) for value in values)


TITLES = (
    *_values("", "title", "Renamed", "Zebra", '"Quoted: & <b>"', "Post 3"),
    *_values("", "summary", "", "A *short* summary.", "See [that](../pages/about.md)."),
)
TERMS = (
    *_values("", "tags", "", "[alpha]", "[Alpha, C++]", "[beta, alpha]", "[betax]"),
    *_values("", "category", "", "Features", "features", "Other"),
    *_values("posts", "series", "", "Everything", "everything", "A series"),
)
# Those of June are not due at the time of most builds.
DATES = (
    *_values("posts", "date", "2025-03-04", "2026-02-01", "2026-05-28", "2026-05-29", "2026-06-20 12:00"),
    *_values("", "modified", "", "2026-05-01", "2026-06-20T10:00:00Z", "2020-01-01"),
)
VISIBILITY = (
    *_values("", "status", "", "draft", "published"),
    *_values("pages", "access", "", "members"),
)
LANGUAGES = (
    *_values("", "lang", "", "de", "en", "fr"),
    *_values("", "dialect", "", "commonmark", "python-markdown"),
)
ADDRESSES = (
    *_values("", "aliases", "", "[/old/1/]", "[/old/2/, /old/3.html]", "[/about/]"),
    *_values("", "slug", "", "short", "p01", "other.name"),
    *_values("", "url", "", "/own/", "/own/page.html", "/posts/"),
)
OTHER_KEYS = (
    *_values("", "image", "", "../images/alpha.png", "../images/gamma.png", "../images/nothing.png"),
    *_values("", "author", "", "B", "[A, B]"),
    *_values("", "scene", "", "A scene"),
    *_values("", "pin", "", "true"),
    *_values("posts", "id", "", "tag:other.example,2025:x"),
)
TEMPLATES = (
    *("base", "article", "page", "index", "macros", "posts", "tag", "series", "members", "login", "404"),
)
# A text of a template, and what replaces it there.
TEMPLATE_CHANGES = (
    ("<main", '<p class="new">New.</p><main'),
    ("{{ site.name }}", "{{ site.tagline }}"),
    ("<main", '<img src="https://pictures.example/1.png" alt=""><main'),
    ("<main", '{{ HELPER("") if HELPER is defined }}<main'),
    ("{% block head %}", "{% block head %}<!-- {{ site.author }} -->"),
    ("{#", "{# More."),
    ("{% block main %}", "{% block main %}{% if articles %}<p>{{ articles[0].title }}</p>{% endif %}"),
    ("{% block main %}", "{% block main %}{% if articles %}{{ articles[-1].content }}{% endif %}"),
    ("{% block main %}", '{% block main %}{{ pages | map(attribute="title") | join }}'),
    (
        "{% block main %}",
        "{% block main %}{% for tag, posts in tags %}{{ tag }}{{ posts | length }}{% endfor %}",
    ),
)
TEMPLATE_FAULTS = ("{% if %}", "{{ nothing }}", '{{ t("nothing") }}')
# A file of the theme, a text of it and what replaces it; without a text, what is added.
THEME_CHANGES = (
    ("theme/less/variables.less", "#222222", "#333333"),
    ("theme/less/variables.less", "@gap:", "@gab:"),
    ("theme/less/base.less", "body", "main"),
    ("theme/less/site.less", "", ".x { margin: @gap; }\n"),
    ("theme/css/diagrams.css", "", "\n.y { color: red }\n"),
    ("theme/css/diagrams.css", "", '\n.z { background: url("../images/og.png") }\n'),
    ("theme/js/api.js", "", "\n// More.\nvar z;\n"),
    ("theme/strings/en.toml", '"Posts"', '"Articles"'),
    ("theme/strings/en.toml", "login =", "loggin ="),
    ("theme/strings/de.toml", "Startseite", "Anfang"),
    ("theme/images/mark.svg", "<path", '<path id="new"'),
)
# A table of site.toml, a key and its new value.
SETTING_CHANGES = (
    ("site", "name", '"Other Site"'),
    ("site", "tagline", '"Nothing twice"'),
    ("site", "url", '"https://other.example"'),
    ("site", "author", '"Somebody Else"'),
    ("site", "lang", '"de"'),
    ("site", "lang", '"en"'),
    ("site", "timezone", '"America/New_York"'),
    ("site", "login", "false"),
    ("site", "login", "true"),
    ("site", "nothing", "1"),
    ("[menu]", "path", '"/about/"'),
    ("[menu]", "label", '"Texts"'),
    ("[footer]", "path", '"/nothing/"'),
    ("feed", "authority", '"other.example,2025"'),
    ("security", "contact", '["mailto:other@small.example"]'),
    ("security", "images", '["https://pictures.example"]'),
    ("security", "images", "[]"),
    ("security", "frames", '["https://frames.example"]'),
    ("metadata", "extra", "[]"),
    ("metadata", "extra", '["scene"]'),
    ("metadata", "extra", '{pin = "bool", scene = "text"}'),
    ("markdown", "dialect", '"python-markdown"'),
    ("markdown", "dialect", '"commonmark"'),
    ("urls", "post", '"/{year}/{slug}/"'),
    ("urls", "post", '"/posts/{slug}/"'),
    ("urls", "page", '"/pages/{path}/"'),
    ("urls", "page", '"/{path}/"'),
)
# Lines of pelicanconf.py.
SETTINGS_OF_PELICAN = (
    "PAGINATED_TEMPLATES = {'posts': 4}",
    "FEED_MAX_ITEMS = 3",
    "HELPER = lambda text: text",  # has no digest
    "TAG_URL, TAG_SAVE_AS = 't/{slug}/', 't/{slug}/index.html'",
    "TAG_SAVE_AS = ''",
    "# nothing",
)
