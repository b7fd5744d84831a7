"""Stock Pelican: its own Markdown reader, with what this build does too."""

AUTHOR, SITENAME, SITEURL = "A", "Peer", "https://peer.example"
SITESUBTITLE = "Posts of a benchmark"
TIMEZONE, DEFAULT_LANG = "UTC", "en"
PATH, THEME = "content", "theme"
PLUGIN_PATHS, PLUGINS = ["."], ["neighbours"]

ARTICLE_PATHS, PAGE_PATHS = ["posts"], ["pages"]
ARTICLE_URL, ARTICLE_SAVE_AS = "posts/{slug}/", "posts/{slug}/index.html"
PAGE_URL, PAGE_SAVE_AS = "{slug}/", "{slug}/index.html"
TAG_URL, TAG_SAVE_AS = "tags/{slug}/", "tags/{slug}/index.html"
CATEGORY_URL, CATEGORY_SAVE_AS = "categories/{slug}/", "categories/{slug}/index.html"
AUTHOR_SAVE_AS = AUTHORS_SAVE_AS = ""
SLUGIFY_SOURCE = "basename"

DIRECT_TEMPLATES = ["index", "posts", "tags", "categories", "archives"]
POSTS_SAVE_AS, ARCHIVES_SAVE_AS = "posts/index.html", "archive/index.html"
TAGS_SAVE_AS, CATEGORIES_SAVE_AS = "tags/index.html", "categories/index.html"
PAGINATED_TEMPLATES = {"posts": 10}
PAGINATION_PATTERNS = (
    (1, "{base_name}/", "{base_name}/index.html"),
    (2, "{base_name}/page/{number}/", "{base_name}/page/{number}/index.html"),
)

FEED_DOMAIN = SITEURL
FEED_ALL_ATOM, TAG_FEED_ATOM = "feed.atom", "tags/{slug}/feed.atom"
CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = AUTHOR_FEED_ATOM = AUTHOR_FEED_RSS = None
FEED_MAX_ITEMS = 20
RSS_FEED_SUMMARY_ONLY = False

# Pelican's default but for guess_lang: by default Pygments guesses the language of code that names none.
MARKDOWN = {
    "extension_configs": {
        "markdown.extensions.codehilite": {"css_class": "highlight", "guess_lang": False},
        "markdown.extensions.extra": {},
        "markdown.extensions.meta": {},
        "markdown.extensions.toc": {},
    },
    "output_format": "html5",
}
