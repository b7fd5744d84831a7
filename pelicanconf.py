"""Pelican's settings. The settings of this one site are in site.toml."""

from pathlib import Path

from pipelines.core.config import load_config
from pipelines.site.content.slugs import SLUG_RULES

SITE = load_config(Path(__file__).parent)

SITENAME = SITE.name
SITEURL = SITE.url
SITESUBTITLE = SITE.tagline
AUTHOR = SITE.author
TIMEZONE = SITE.timezone
DEFAULT_LANG = SITE.lang
LOCALE = ["C.UTF-8", "C"]  # theme/strings formats dates, not the locale of the machine

PATH = "content"
THEME = "theme"
PLUGINS = ["pipelines.site.pelican.plugin"]  # unset, Pelican would load every installed plugin

# [urls] of site.toml has the URLs of posts and pages; ARTICLE_URL and PAGE_URL are used where it does not.
# Every other URL ends in a slash; NGINX and the preview serve its index.html.
TAG_URL, TAG_SAVE_AS = "tags/{slug}/", "tags/{slug}/index.html"
CATEGORY_URL, CATEGORY_SAVE_AS = "categories/{slug}/", "categories/{slug}/index.html"
AUTHOR_SAVE_AS = ""
ARCHIVES_SAVE_AS = ""  # the plugin writes an archive for each year
SLUGIFY_SOURCE = "basename"  # a new title does not change the URL
SLUG_REGEX_SUBSTITUTIONS = list(SLUG_RULES)

DIRECT_TEMPLATES = ["posts", "tags", "categories"]
POSTS_SAVE_AS, POSTS_URL = "posts/index.html", "posts/"
TAGS_SAVE_AS, TAGS_URL = "tags/index.html", "tags/"
CATEGORIES_SAVE_AS, CATEGORIES_URL = "categories/index.html", "categories/"
PAGINATED_TEMPLATES = {"posts": 10}
PAGINATION_PATTERNS = (
    (1, "{base_name}/", "{base_name}/index.html"),
    (2, "{base_name}/page/{number}/", "{base_name}/page/{number}/index.html"),
)

FEED_ATOM = "feed.atom"
TAG_FEED_ATOM = "tags/{slug}/feed.atom"
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = None
AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
FEED_MAX_ITEMS = 20
FEED_DOMAIN = SITE.url

JINJA_ENVIRONMENT = {
    "autoescape": True,
    "trim_blocks": True,
    "lstrip_blocks": True,
}
