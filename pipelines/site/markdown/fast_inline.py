"""An inline parser that asks only the rules of a character, instead of all at each one.

Gives the tokens of markdown-it-py's own ``ParserInline``. No reads, no writes,
no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from markdown_it import MarkdownIt
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType

Rule = Callable[[StateInline, bool], bool]
AfterRule = Callable[[StateInline], None]


class FastInline(ParserInline):
    """Parses text by rules for characters."""

    def __init__(
        self, rules: Mapping[str, Sequence[Rule]], after: Sequence[AfterRule], terminator: re.Pattern[str]
    ) -> None:
        """Take the rules of each character, those for pairs, and the pattern of where a rule may match."""
        super().__init__()
        self._rules, self._after = dict(rules), tuple(after)
        self.terminator_re = terminator

    def skipToken(self, state: StateInline) -> None:  # noqa: N802  # markdown-it-py's name
        """Skip one token without writing it."""
        pos, cache = state.pos, state.cache
        if pos in cache:
            state.pos = cache[pos]
            return
        if state.level >= state.md.options["maxNesting"]:
            state.pos = state.posMax  # as markdown-it-py
        else:
            found = self.terminator_re.search(state.src, pos, state.posMax)
            stop = found.start() if found else state.posMax
            if stop > pos:
                state.pos = stop
            else:
                state.level += 1
                matched = any(rule(state, True) for rule in self._rules.get(state.src[pos], ()))
                state.level -= 1
                if not matched:
                    state.pos += 1
        cache[pos] = state.pos

    def tokenize(self, state: StateInline) -> None:
        """Write the tokens of the text of *state*."""
        src, end, rules = state.src, state.posMax, self._rules
        search, deepest = self.terminator_re.search, state.md.options["maxNesting"]
        while state.pos < end:
            pos = state.pos
            found = search(src, pos, end)
            stop = found.start() if found else end
            if stop > pos:
                state.append_pending(src[pos:stop])
                state.pos = stop
                if found is None:
                    break
            matched = False
            if state.level < deepest:
                for rule in rules.get(src[stop], ()):
                    if rule(state, False):
                        matched = True
                        break
            if not matched:
                state.append_pending(src[stop])
                state.pos += 1
        if state.pending:
            state.pushPending()

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Append the tokens of *src* to *tokens*."""
        if not self.terminator_re.search(src):
            if src:
                token = Token("text", "", 0)
                token.content = src
                tokens.append(token)
            return tokens
        state = StateInline(src, md, env, tokens)
        self.tokenize(state)
        if state.delimiters or any(state.tokens_meta):
            for rule in self._after:
                rule(state)
        return state.tokens
