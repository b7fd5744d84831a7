"""Map front matter keys of other generators to what this build has for them.

The keys are those of Hugo, Jekyll, Eleventy, Astro, MkDocs Material, Zola,
Docusaurus and Pelican, as their documentation lists them. Pure functions. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_EXTRA = "remove the line, or declare the key in [metadata.extra] of site.toml"
_TEMPLATE = "remove the line: the directory of a file decides which template it has"
_ORDER = "remove the line: posts are ordered by date, the menu is in site.toml"
_SWITCH = "remove the line: what a page does not use costs it nothing"
_DATE = "write `date: …`; a post with a later date is published then"
_DRAFT = "write `status: draft`"
_PUBLISHED = "remove the line: a page is published unless it says `status: draft`"
_EXPIRY = "remove the line, and write `status: draft` when its time is over"
_INDEXED = "remove the line: sitemap and search contain what the site publishes"
_ASIDE = "remove the line: the theme decides what stands beside the text"

# Keys in lower case, without - and _: "lastmod", "last_modified_at" and "lastModified" differ in these only.
_ROWS: tuple[tuple[str, str], ...] = (
    ("lastmod lastmodified lastmodifiedat lastupdated lastupdate updated updatedat updateddate updatedon"
     " moddatetime revised dateupdated datemodified modifieddate dateupdate", "write `modified: …`"),
    ("created createdat creationdate pubdate pubdatetime publishdate publishedat publisheddate publishedon"
     " datepublished datecreated datetime", _DATE),
    ("publishon goliveat embargo", _DATE),
    ("time", "write the time into the date, as in `date: 2026-05-01 18:30`"),
    ("expirydate expires expireson unpublishdate unpublishon", _EXPIRY),
    ("description excerpt abstract lead teasertext metadescription deck blurb subtitle subheading tagline"
     " searchdescription seodescription ogdescription lede",
     "write `summary: …`"),
    ("excerptseparator", "write the excerpt as `summary: …`"),
    ("keywords tag topics labels metakeywords seokeywords", "write `tags: […]`"),
    ("categories", "write one `category: …`; further ones are `tags: […]`"),
    ("section", "write `category: …`"),
    ("taxonomies", "write `tags: […]` and `category: …` as keys of their own"),
    ("extra params customfields",
     "write its keys one by one; those of your own are declared in [metadata.extra] of site.toml"),
    ("authors byline writer by creator contributors", "write `author: …`, a name or a list of names"),
    ("language locale", "write `lang: …`, as in `lang: de`"),
    ("cover covers thumbnail thumb featuredimage featureimage featuredimg heroimage hero ogimage socialimage"
     " images banner headerimage coverimage previewimage teaser img photo picture",
     "write `image: …`, one path"),
    ("imagealt coveralt coverimagealt heroimagealt",
     "remove the line: the title is the text of the preview image"),
    ("permalink path", "write `url: /an/address/`; [urls] of site.toml has patterns for all"),
    ("saveas urlpath postslug", "write `slug: …`, or `url: /an/address/`"),
    ("redirectfrom redirects alias oldurl oldurls", "write `aliases: [/old/address/]`"),
    ("redirectto redirect", "delete the file, and write its address as `aliases: […]` of the other page"),
    ("guid uuid atomid feedid", "write `id: …`, the id of the entry in the old feed"),
    ("linktitle shorttitle sidebarlabel navtitle menutitle h1 seotitle metatitle ogtitle longtitle",
     "write it as `title: …`, or remove the line"),
    ("layout template type kind pagetemplate pagelayout contenttype bodyclass classes cssclasses cssclass"
     " class sidebarclassname wide fullwidth outputs cascade",
     _TEMPLATE),
    ("weight order navorder position sidebarposition sortby parent grandparent haschildren menu menus nav"
     " navigation eleventynavigation pagination paginationnext paginationprev prev next paginateby sortorder"
     " displayedsidebar parsenumberprefixes up", _ORDER),
    ("math mathjax katex latex usemath mermaid diagram diagrams highlight codecopy emoji iscjklanguage"
     " insertanchorlinks", _SWITCH),
    ("toc showtoc tocopen tableofcontents tocdepth hidetableofcontents toclabel tocicon tocsticky hidetoc"
     " tocminheadinglevel tocmaxheadinglevel",
     "remove the line: a page with three sections has a table of contents; `[TOC]` puts one into the text"),
    ("comments disqus discussionid showcomments utterances giscus commentable comment disablecomments",
     "remove the line: pages have no comments"),
    ("sitemap robots noindex searchexclude searchhidden insearchindex search"
     " eleventyexcludefromcollections pagefind generatefeeds generatefeed rssfullcontent nofollow", _INDEXED),
    ("readtime readingtime minread showreadingtime wordcount", "remove the line: it is counted"),
    ("translation translations translationkey tkey ref",
     "give the translations one slug, and each its `lang: …`"),
    ("markup renderer engine templateengineoverride", "remove the line; `dialect: …` chooses the Markdown"),
    ("markdown format", "remove the line; `dialect: …` chooses the Markdown"),
    ("visibility", "write `access: members` or `access: public`"),
    ("password private membersonly protected restricted subscribersonly loginrequired requireslogin"
     " requiresauth requireauth", "write `access: members`"),
    ("seriesorder seriespart seriesindex seriesweight part",
     "remove the line: the parts of a series are ordered by date"),
    ("canonical canonicalurl originalurl", "link to the original in the text"),
    ("share disableshare hidemeta hidesummary hidetitle authorprofile related relatedposts editurl"
     " customediturl hideeditpost showbreadcrumbs hidefooter breadcrumbs badges hide social sidebar", _ASIDE),
    ("eleventycomputed", "write the values themselves"),
    ("resources", "remove the line: the text names the files that it shows or links to"),
    ("<<", "write its keys one by one"),
    ("pin pinned sticky featured icon links header", _EXTRA),
)  # fmt: skip
_HINTS = {key: fix for keys, fix in _ROWS for key in keys.split()}
_FALSE = frozenset({"false", "no", "off", "0"})
# Keys that keep a page from readers: where they are true, and where they are false.
_DRAFTS = frozenset({"draft", "isdraft", "unpublished"})
_HIDING = frozenset({"hidden", "headless", "exclude", "excluded", "unlisted"})
_SHOWING = frozenset({"published", "publish", "ispublished", "render", "public", "visible"})
_ADDRESSES = frozenset({"permalink", "path"})  # of no page where they are false, as in Eleventy
# Keys without which a page is shown too early or too long.
_TIMED = frozenset(
    "publishdate publishon goliveat embargo expirydate expires expireson unpublishdate unpublishon".split()
)


def _plain(key: str) -> str:
    """Return *key* without what spellings of one key differ in."""
    return re.sub("[-_ ]", "", key.lower())


def hint(key: str, value: object, known: Iterable[str]) -> str:
    """Return the fix for the unknown *key* with *value*; *known* are the keys that exist."""
    plain = _plain(key)
    off = isinstance(value, str) and value.strip().lower() in _FALSE
    if plain in _DRAFTS | _HIDING and off:
        return _PUBLISHED
    if plain in _DRAFTS or (off and plain in _SHOWING | _ADDRESSES):
        return _DRAFT
    if plain in _HIDING or (plain == "build" and value is None):  # Hugo: list and render are "never"
        return f"{_DRAFT}, or remove the line"
    if plain in _SHOWING:
        return "write it as `date: …`" if re.match(r"\d", str(value)) else _PUBLISHED
    if plain == "visibility" and str(value).strip().lower() == "public":
        return "remove the line: a page is public unless it says `access: members`"
    if off and _HINTS.get(plain, "") == "write `access: members`":
        return "remove the line: a page is public unless it says `access: members`"
    if plain in _ADDRESSES and isinstance(value, str) and re.fullmatch(r"/[\w./-]*", value):
        return f"write `url: {value}`"
    if found := _HINTS.get(plain):
        return found
    from difflib import get_close_matches

    near = get_close_matches(key, sorted(known), n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else _EXTRA


def is_prose(key: str, known: Iterable[str]) -> bool:
    """Return whether *key*, alone before a colon on the first line, is a word of a sentence.

    A key that is known, or nearly so, is not: `acess: members` must not publish a page.
    """
    return hint(key, "", known) == _EXTRA


def is_private(key: str, value: object) -> bool:
    """Return whether the unknown *key* with *value* keeps a page from readers in another generator.

    A page without it would be published, whatever the severity of unknown keys is.
    """
    if _plain(key) in _TIMED:
        return bool(value)
    return hint(key, value, ()).startswith((_DRAFT, "write `access: members`"))


def nested_hint(key: str) -> str:
    """Return the fix for the known *key* with a table or a list of lists as its value."""
    return _NESTED.get(key, "write a text or a flat list; a text with [ ] { } or : needs double quotes")


def list_hint(key: str) -> str:
    """Return the fix for the known *key*, which takes one text, with a list as its value."""
    return _LISTS.get(key, "write one text")


_NESTED = {
    # MkDocs Material: created and updated; templates of Hugo: {{ .Date }}
    "date": "write `date: …` and `modified: …`, each with a day",
    "modified": "write a day, as in `modified: 2026-05-01`",
    "image": "write its path alone, as in `image: a.jpg`",
    "author": "write a name, or a list of names",
    "aliases": "write a flat list of paths, as in `aliases: [/old/address/]`",
    "category": "write one name, further ones are `tags: […]`",
    "slug": "write the text itself: nothing is filled in",
}
_LISTS = {
    "category": "write one text, further ones are `tags: […]`",
    "image": "write one path",
    "lang": "write one language, and each translation as a file of its own",
}
