"""Map front matter keys of other generators to what this build has for them.

The keys are those of Hugo, Jekyll, Eleventy, Astro, MkDocs Material, Zola,
Docusaurus and Pelican, as their documentation lists them. Pure functions. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

_EXTRA = "remove the line, or declare the key in [metadata.extra] of site.toml"
_TEMPLATE = "remove the line: the directory of a file decides which template it has"
_ORDER = "remove the line: posts are ordered by date, the menu is in site.toml"
_SWITCH = "remove the line: what a page does not use costs it nothing"
_DATE = "write `date: …`; a post with a later date is published then"
_DRAFT = "write `status: draft`"
_INDEXED = "remove the line: sitemap and search contain what the site publishes"

# Keys in lower case, without - and _: "lastmod", "last_modified_at" and "lastModified" differ in these only.
_ROWS: tuple[tuple[str, str], ...] = (
    ("lastmod lastmodified lastmodifiedat lastupdated lastupdate updated updatedat updateddate updatedon"
     " moddatetime revised dateupdated datemodified modifieddate dateupdate", "write `modified: …`"),
    ("created createdat creationdate pubdate pubdatetime publishdate publishedat publisheddate publishedon"
     " publishon datepublished datecreated datetime time", _DATE),
    ("expirydate expires unpublishdate", "remove the line, and delete the file when its time is over"),
    ("description excerpt abstract lead teasertext metadescription deck blurb subtitle subheading",
     "write `summary: …`"),
    ("excerptseparator", "write the excerpt as `summary: …`"),
    ("keywords tag topics labels", "write `tags: […]`"),
    ("categories", "write one `category: …`; further ones are `tags: […]`"),
    ("section", "write `category: …`"),
    ("taxonomies", "write `tags: […]` and `category: …` as keys of their own"),
    ("extra params customfields",
     "write its keys one by one; those of your own are declared in [metadata.extra] of site.toml"),
    ("authors byline writer by", "write `author: …`, a name or a list of names"),
    ("language locale", "write `lang: …`, as in `lang: de`"),
    ("cover covers thumbnail thumb featuredimage featureimage featuredimg heroimage hero ogimage socialimage"
     " images banner headerimage coverimage previewimage teaser img photo picture",
     "write `image: …`, one path"),
    ("imagealt coveralt", "remove the line: the title is the text of the preview image"),
    ("permalink path", "write `url: /an/address/`; [urls] of site.toml has patterns for all"),
    ("saveas urlpath postslug", "write `slug: …`, or `url: /an/address/`"),
    ("redirectfrom redirects alias oldurl oldurls", "write `aliases: [/old/address/]`"),
    ("redirectto redirect", "delete the file, and write its address as `aliases: […]` of the other page"),
    ("guid uuid atomid feedid", "write `id: …`, the id of the entry in the old feed"),
    ("linktitle shorttitle sidebarlabel navtitle menutitle h1", "write it as `title: …`, or remove the line"),
    ("layout template type kind pagetemplate pagelayout contenttype bodyclass classes cssclasses class",
     _TEMPLATE),
    ("weight order navorder position sidebarposition sortby parent grandparent haschildren menu menus nav"
     " navigation eleventynavigation pagination paginationnext paginationprev prev next", _ORDER),
    ("math mathjax katex latex usemath mermaid diagram diagrams highlight codecopy emoji", _SWITCH),
    ("toc showtoc tocopen tableofcontents tocdepth hidetableofcontents",
     "remove the line: a page with three sections has a table of contents; `[TOC]` puts one into the text"),
    ("comments disqus discussionid showcomments utterances giscus commentable",
     "remove the line: pages have no comments"),
    ("sitemap robots noindex searchexclude searchhidden insearchindex search unlisted"
     " eleventyexcludefromcollections",
     _INDEXED),
    ("readtime readingtime minread", "remove the line: it is counted"),
    ("translation translations translationkey tkey ref",
     "give the translations one slug, and each its `lang: …`"),
    ("markup renderer engine templateengineoverride", "remove the line; `dialect: …` chooses the Markdown"),
    ("markdown format", "remove the line; `dialect: …` chooses the Markdown"),
    ("visibility", "write `access: members` or `access: public`"),
    ("password private membersonly", "write `access: members`"),
    ("seriesorder seriespart part", "remove the line: the parts of a series are ordered by date"),
    ("canonical canonicalurl originalurl", "link to the original in the text"),
    ("pin pinned sticky featured icon hide hidden social links sidebar header", _EXTRA),
)  # fmt: skip
_HINTS = {key: fix for keys, fix in _ROWS for key in keys.split()}
_FALSE = frozenset({"false", "no", "off", "0"})


def hint(key: str, value: object, known: Iterable[str]) -> str:
    """Return the fix for the unknown *key* with *value*; *known* are the keys that exist."""
    plain = re.sub("[-_]", "", key.lower())
    off = isinstance(value, str) and value.strip().lower() in _FALSE
    if plain == "draft":
        return "remove the line: a page is published unless it says `status: draft`" if off else _DRAFT
    if plain == "published":
        return _DRAFT if off else "remove the line; a date is written as `date: …`"
    if off and plain in ("private", "membersonly", "password"):
        return "remove the line: a page is public unless it says `access: members`"
    if plain in ("permalink", "path") and isinstance(value, str) and re.fullmatch(r"/[\w./-]*", value):
        return f"write `url: {value}`"
    if found := _HINTS.get(plain):
        return found
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
    return hint(key, value, ()).startswith(("write `status: draft`", "write `access: members`"))


def nested_hint(key: str) -> str:
    """Return the fix for the known *key* with a table or a list of lists as its value."""
    if key == "date":  # MkDocs Material: created and updated
        return "write `date: …` and `modified: …`"
    return "write a text or a flat list; a text with [ ] { } or : needs double quotes"
