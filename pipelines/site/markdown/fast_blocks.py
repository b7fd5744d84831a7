"""A table of block rules that asks only those of a line's first character, instead of all at each line.

Gives the tokens of markdown-it-py's own ``Ruler``. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markdown_it.ruler import Ruler
from markdown_it.rules_block import StateBlock, code, lheading, table

Rule = Callable[[StateBlock, int, int, bool], bool]

# The characters with which a block can begin, by the name of its rule; other rules are asked at each line.
_FIRST = {
    "fence": "`~",
    "blockquote": ">",
    "hr": "*-_",
    "list": "*-+0123456789",
    "reference": "[",
    "html_block": "<",
    "heading": "#",
    "footnote": "[",
    "abbreviation": "*",
    "admonition": "!?",
    "formula": "$",
    "markdown_html": "<",
}
_INTERRUPTING = {"deflist": ":~"}  # likewise, of rules that interrupt a block
_DELIMITERS = frozenset("|-:")  # of the row below the head of a table
_UNDERLINES = frozenset("-=")


class FastRuler(Ruler[Rule]):
    """The rules of another table; each chain of them is one function."""

    def __init__(self, ruler: Ruler[Rule]) -> None:
        """Take the rules of *ruler*, to which none is added later."""
        super().__init__()
        self.__rules__ = ruler.__rules__
        guarded: dict[Rule, Rule] = {table: _table, code: _code, lheading: _lheading}
        active = [
            (rule.name, guarded.get(rule.fn, rule.fn), rule.alt) for rule in self.__rules__ if rule.enabled
        ]
        self._chains = {"": [_chain((fn, _FIRST.get(name)) for name, fn, _ in active)]}
        for chain in {one for _, _, alt in active for one in alt}:
            rules = [(fn, (_FIRST | _INTERRUPTING).get(name)) for name, fn, alt in active if chain in alt]
            self._chains[chain] = [_chain(rules)]

    def getRules(self, chainName: str = "") -> list[Rule]:  # noqa: N802, N803  # markdown-it-py's names
        """Return the one function of a chain."""
        return self._chains.get(chainName, [])


def _chain(rules: Iterable[tuple[Rule, str | None]]) -> Rule:
    """Return a rule that applies the first of *rules* that matches, in their order."""
    rules = list(rules)
    everywhere = tuple(fn for fn, first in rules if first is None)
    by_first = {
        character: tuple(fn for fn, first in rules if first is None or character in first)
        for character in {one for _, first in rules for one in first or ""}
    }

    def apply(state: StateBlock, start: int, end: int, silent: bool) -> bool:
        for rule in by_first.get(_first(state, start), everywhere):  # noqa: SIM110  # a loop is faster
            if rule(state, start, end, silent):
                return True
        return False

    return apply


def _first(state: StateBlock, line: int) -> str:
    at = state.bMarks[line] + state.tShift[line]
    return state.src[at : at + 1]


def _table(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return start + 2 <= end and _first(state, start + 1) in _DELIMITERS and table(state, start, end, silent)


def _code(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    return state.is_code_block(start) and code(state, start, end, silent)


def _lheading(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    line = start + 1
    while line < end and not state.isEmpty(line):
        if _first(state, line) in _UNDERLINES:
            return lheading(state, start, end, silent)
        line += 1
    state.parentType = "paragraph"  # as lheading leaves it where it does not match
    return False
