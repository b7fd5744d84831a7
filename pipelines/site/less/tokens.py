"""Cut LESS into tokens, each with its line.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipelines.core.errors import Fault

FALLBACK_FIX = 'put it into a file in theme/css/, or set less_compiler = "lessc" in site.toml'


class UnsupportedError(Exception):
    """Something that the grammar does not admit; caught where the next statement begins."""

    def __init__(self, line: int, text: str, fix: str = FALLBACK_FIX) -> None:
        super().__init__(text)
        self.line, self.text, self.fix = line, text, fix

    def fault(self, path: str) -> Fault:
        return Fault(path, self.line, self.text, self.fix)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of LESS.

    kind is one of space, comment, string, escape, url, at, interpolation, range, number,
    hash, function, ident, delim. A function's text ends with its parenthesis; delim is
    any other single character.
    """

    kind: str
    text: str
    line: int


_ESCAPED = r"\\(?:[0-9a-fA-F]{1,6}[ \t]?|[^\s0-9a-fA-F])"
_NAME_START = rf"(?:[A-Za-z_]|[^\x00-\x7f]|{_ESCAPED})"
_NAME_REST = rf"(?:[\w-]|[^\x00-\x7f]|{_ESCAPED})*"
_NAME = rf"(?:--|-?{_NAME_START}){_NAME_REST}"
_STRING = r"\"(?:[^\"\\\n]|\\[^\n])*\"|'(?:[^'\\\n]|\\[^\n])*'"

_PATTERN = re.compile(
    "|".join(
        (
            r"(?P<space>\s+)",
            r"(?P<comment>/\*.*?\*/|//[^\n]*)",
            rf"(?P<string>{_STRING})",
            rf"(?P<escape>~(?:{_STRING}))",
            # An address without quotes; one that begins with @ is a variable.
            r"(?P<url>(?i:url)\(\s*(?![@\"'])(?:[^\s\"'()\\@]|@(?!\{))+\s*\))",
            r"(?P<interpolation>@\{[^}\n]*\})",
            r"(?P<at>@@?-?[\w-]+)",
            r"(?P<range>U\+[0-9A-Fa-f?]+(?:-[0-9A-Fa-f]+)?)",
            rf"(?P<number>[+-]?(?:\d*\.)?\d+(?:%|-?{_NAME_START}{_NAME_REST})?)",
            rf"(?P<hash>#{_NAME_REST[:-1]}+)",
            rf"(?P<function>{_NAME}\()",
            rf"(?P<ident>{_NAME})",
            r"(?P<delim>.)",
        )
    ),
    re.DOTALL | re.ASCII,
)

# What can only be the beginning of something that never ends.
_UNTERMINATED = {'"': "string", "'": "string", "/*": "comment"}


def tokenize(text: str, path: str) -> tuple[list[Token], list[Fault]]:
    """Return the tokens of *text*, and a fault for a string or comment without an end."""
    tokens: list[Token] = []
    faults: list[Fault] = []
    line = 1
    for match in _PATTERN.finditer(text):
        kind, word = str(match.lastgroup), match.group()
        endless = _UNTERMINATED.get(text[match.start() : match.start() + 2]) or _UNTERMINATED.get(word)
        if kind == "delim" and endless:
            faults.append(Fault(path, line, f"{endless} without an end", f"close the {endless}"))
            break
        tokens.append(Token(kind, word, line))
        line += word.count("\n")
    return tokens, faults


def strip_trivia(tokens: Iterable[Token]) -> list[Token]:
    """Return *tokens* without spaces and comments."""
    return [token for token in tokens if token.kind not in ("space", "comment")]


def depth_change(token: Token) -> int:
    """How a token changes the depth of parentheses and brackets."""
    if token.kind == "function" or token.text in ("(", "["):
        return 1
    return -1 if token.text in (")", "]") else 0


def split_tokens(tokens: Sequence[Token], mark: str) -> list[list[Token]]:
    """Return what stands between the *mark*s outside of parentheses."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += depth_change(token)
        if token.text == mark and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
