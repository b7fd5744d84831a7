"""Run one pass of the build over the HTML of a fragment."""

from __future__ import annotations

from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser

from pipelines.site.content.document import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html.fault_report import FaultReport
from pipelines.site.markdown.positions import Positions


def empty_report(body: str = "") -> FaultReport:
    """Return the report of a page whose *body* begins on line 1."""
    path, meta = "content/posts/here.md", Metadata("Here")
    document = Document(path, "post", False, meta, body, 1, "", "here", "en", "/posts/here/", None, "")
    return FaultReport(document, Positions(body, 1, {}))


def run_pass(
    html: str, step: Callable[[LexborHTMLParser, FaultReport], object]
) -> tuple[str, list[tuple[str, str]]]:
    """Return *html* after *step*, and (check, text) of each finding."""
    report = empty_report(html)
    tree = LexborHTMLParser(html, is_fragment=True)
    step(tree, report)
    return tree.html or "", [(fault.check, fault.text) for fault in report.faults]
