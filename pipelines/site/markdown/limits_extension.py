"""Ask the limits at those points of a conversion where the text is what the next step reads.

An extension of Python-Markdown: before its HTML parser, before its block parser
and before its patterns for text. No reads, no writes, no network.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from pipelines.site.markdown import limits
from pipelines.site.markdown.limits import LimitExceeded


class LimitsExtension(Extension):
    """The limits of ``limits.py``; the converter raises TooMuch."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Python-Markdown's name
        """Register each check before the step whose work it bounds."""
        md.preprocessors.register(_TagLimit(md), "limit tags", 21)  # fences at 25, HTML at 20
        md.preprocessors.register(_BlockLimits(md), "limit blocks", 1)  # last
        md.treeprocessors.register(_InlineLimits(md), "limit texts", 21)  # text at 20


class _TagLimit(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        limits.check_tags("\n".join(lines))
        return lines


class _BlockLimits(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        limits.check_blocks("\n".join(lines))
        return lines


class _InlineLimits(Treeprocessor):
    def run(self, root: Element) -> None:
        brackets = signs = 0
        for element in root.iter():
            if len(element) > limits.MAX_SIBLINGS:
                first = _first_line(next(filter(str.strip, element.itertext()), ""))
                what = f"has {len(element)} blocks, items or rows side by side"
                raise LimitExceeded(what, f"divide them; the limit is {limits.MAX_SIBLINGS}", first)
            for text in (element.text, element.tail):
                if not text or isinstance(text, AtomicString):
                    continue
                brackets += limits.bracket_cost(text)
                signs += limits.inline_cost(text)
                if brackets > limits.MAX_BRACKET_COST:
                    fix = r"close each [, or write \[ and \] where it is text"
                    raise LimitExceeded("has too many [ without an end in its texts", fix, _first_line(text))
                if signs > limits.MAX_INLINE_COST:
                    what = f"a text of {len(text)} characters has too much markup"
                    raise LimitExceeded(what, "divide it by blank lines", _first_line(text))


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:60]
