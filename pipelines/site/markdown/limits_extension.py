"""Check the limits during a conversion: an extension of Python-Markdown.

Each check runs on the input of the step that it limits: the HTML parser, the
block parser, the inline patterns. No reads, no writes, no network.
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
    """Makes the converter raise LimitExceeded by the limits of ``limits.py``."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802  # Python-Markdown's name
        """Register each check before the step that it limits."""
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
        brackets = inline = 0
        for element in root.iter():
            if len(element) > limits.MAX_SIBLINGS:
                first = _first_line(next(filter(str.strip, element.itertext()), ""))
                what = f"has {len(element)} blocks, items or rows in one element"
                raise LimitExceeded(what, f"split them; the limit is {limits.MAX_SIBLINGS}", first)
            for text in (element.text, element.tail):
                if not text or isinstance(text, AtomicString):
                    continue
                brackets += limits.bracket_cost(text)
                inline += limits.inline_cost(text)
                if brackets > limits.MAX_BRACKET_COST:
                    fix = r"close each [, or write \[ and \] where it is text"
                    raise LimitExceeded("has too many unclosed [", fix, _first_line(text))
                if inline > limits.MAX_INLINE_COST:
                    what = f"a text of {len(text)} characters has too much markup"
                    raise LimitExceeded(what, "split it with blank lines", _first_line(text))


def _first_line(text: str) -> str:
    return text.strip().split("\n")[0][:60]
