"""Make the summary of a page for lists, feeds and search engines.

Functions of HTML fragments. No reads, no writes, no network.
"""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser


def plain_text(html: str) -> str:
    """Return the text of *html*, without any markup."""
    root = LexborHTMLParser(html, is_fragment=True).root if html else None
    return root.text(separator="") if root else ""


def first_paragraph(tree: LexborHTMLParser) -> str:
    """Return the first paragraph outside of lists, quotations and boxes; "" without one."""
    for node in tree.css("p"):
        if node.parent is None and node.text().strip():
            return (node.inner_html or "").strip()
    return ""


def summary_html(html: str) -> str:
    """Return the inline HTML of a summary for a list of pages.

    Without links, images, scripts and ids: one list has many summaries.
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
