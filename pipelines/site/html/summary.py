"""Say in a few words what a page is about: for lists of pages, feeds and search engines.

Functions of HTML fragments. No reads, no writes, no network.
"""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser


def plain_text(html: str) -> str:
    """Return the text of *html*, without any markup."""
    root = LexborHTMLParser(html, is_fragment=True).root if html else None
    return root.text(separator="") if root else ""


def first_paragraph(tree: LexborHTMLParser) -> str:
    """Return the first paragraph of a page that stands in no list, quotation or box; "" without one."""
    for node in tree.css("p"):
        if node.parent is None and node.text().strip():
            return (node.inner_html or "").strip()
    return ""


def summary_html(html: str) -> str:
    """Return a summary as it stands in a list of links: its words and how they look.

    Nothing in it leads anywhere, loads anything or has an id: one page holds
    the summaries of many.
    """
    if not html:
        return ""
    tree = LexborHTMLParser(html, is_fragment=True)
    for node in tree.css("sup[id^='fnref'], img, script"):
        node.decompose()
    for node in tree.css("[id]"):
        del node.attrs["id"]
    tree.unwrap_tags(["a"])
    return (tree.html or "").strip()


def truncate(text: str, limit: int) -> str:
    """Return *text* in one line, cut between words to at most *limit* characters, with an ellipsis."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",;:.") + "…"
