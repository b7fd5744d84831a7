"""Convert Markdown to HTML with markdown-it-py: CommonMark 0.31 and what GitLab adds.

A function of the text. No reads, no writes, no network.
"""

from __future__ import annotations

from functools import lru_cache

from markdown_it import MarkdownIt
from mdit_py_plugins.gfm_autolink import gfm_autolink_plugin

from pipelines.site.markdown.converted import Converted, Source


def convert(source: Source) -> Converted:
    """Convert the body and the summary of *source*."""
    md = parser()
    return Converted(md.render(source.body), md.render(source.summary), "", 0)


def plain_html(text: str) -> str:
    """Return *text* as the HTML of CommonMark and GFM alone, without our additions."""
    return str(parser(additions=False).render(text))


@lru_cache(maxsize=2)
def parser(*, additions: bool = True) -> MarkdownIt:
    """Return the parser of this process."""
    md = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return md.use(gfm_autolink_plugin)
