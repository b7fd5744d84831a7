"""Give headings the ids that GitHub and GitLab make of their text, besides their own.

A link from elsewhere, or one written for the preview there, leads to the same
section: GitHub keeps ``_``, letters beyond ASCII, and a hyphen for each space;
GitLab joins the hyphens. Functions of trees. No reads, no writes, no network.
"""

from __future__ import annotations

import re

from selectolax.lexbor import LexborHTMLParser

from pipelines.site.content.slugs import slugify

_REMOVED = re.compile(r"[^\w\- ]")  # https://github.com/gjtorikian/html-pipeline, toc_filter.rb
_HYPHENS = re.compile(r"-{2,}")
_NUMBER = re.compile(r"(?:[-_]\d+)?")  # behind the id of a heading whose text another one has


def add_heading_aliases(tree: LexborHTMLParser) -> None:
    """Add those ids to the permalinks of *tree*; none for a heading whose id the author set.

    An id that the page has is not added again.
    """
    permalinks = tree.css("a.headerlink")
    if not permalinks:
        return
    taken = {node.attributes["id"] or "" for node in tree.css("[id]")}
    counts: dict[str, int] = {}
    for permalink in permalinks:
        heading = permalink.parent
        if heading is None:
            continue
        ident, text = heading.attributes.get("id") or "", heading.text().strip()
        text = text.removesuffix(permalink.text()).strip()
        slug = slugify(text) or "section"
        aliases = []
        for alias in ids_elsewhere(text):
            count = counts[alias] = counts.get(alias, -1) + 1
            aliases.append(f"{alias}-{count}" if count else alias)
        if not (ident.startswith(slug) and _NUMBER.fullmatch(ident, len(slug))):
            continue
        for alias in aliases:
            if alias in taken:
                continue
            taken.add(alias)
            if "id" not in permalink.attributes:
                permalink.attrs["id"] = alias
            else:
                second = tree.create_node("span")
                second.attrs["id"] = alias
                permalink.insert_child(second)


def ids_elsewhere(text: str) -> tuple[str, ...]:
    """Return the ids of GitHub and of GitLab for a heading, without numbers; each once."""
    github = _REMOVED.sub("", " ".join(text.split()).lower()).replace(" ", "-")
    return tuple(dict.fromkeys(one for one in (github, _HYPHENS.sub("-", github)) if one.strip("-")))
