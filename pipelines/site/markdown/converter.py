"""Convert Markdown to HTML in one of two dialects.

``commonmark`` is what GitLab and GitHub show (commonmark.py); ``python-markdown``
is Pelican's own (python_markdown.py). A function of its arguments, so that its
result can be cached. Links and images stay as written; html/postprocess.py
resolves them. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pipelines.site.markdown import limits
from pipelines.site.markdown.converted import Converted, Source

_TAG = re.compile(r"<[A-Za-z]")


def load_dialect(dialect: str) -> Callable[[Source], Converted]:
    """Return the converter of *dialect*, and import what it needs: most sites have pages in one dialect."""
    if dialect == "commonmark":
        from pipelines.site.markdown import commonmark

        return commonmark.convert
    from pipelines.site.markdown import python_markdown

    return python_markdown.convert


def convert_markdown(
    body: str, summary: str, name: str, body_line: int, *, dialect: str, lang: str = "en"
) -> Converted:
    """Convert *body* and *summary*; *name* and *body_line* locate the findings.

    A text that exceeds a limit gives an empty result with one finding. *lang*
    (BCP 47) decides the quotation marks.
    """
    source = Source(body, summary, name, body_line, lang)
    try:
        limits.check_page(body)
        converted = load_dialect(dialect)(source)
        if dialect != "commonmark" or _TAG.search(body):  # else it has limited the levels of its blocks
            limits.check_nesting(converted.html)
        limits.check_nesting(converted.summary)
    except limits.LimitExceeded as error:
        what, fix, start = error.args
        line = 1 + body.count("\n", 0, max(body.find(start), 0))
        return _refused(source, line, what, fix)
    except RecursionError:
        return _refused(source, 1, "is nested too deeply", "use fewer levels of > or lists")
    return converted


def _refused(source: Source, line: int, what: str, fix: str) -> Converted:
    return Converted("", "", "", 0, findings=(source.finding(line, what, fix, "limit"),))
