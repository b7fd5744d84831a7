"""Split LESS into tokens, each with its line.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

from pipelines.core.errors import Fault

FALLBACK_FIX = 'put it into a file in theme/css/, or set less_compiler = "lessc" in site.toml'


class UnsupportedError(Exception):
    """Unsupported syntax; the parser catches it and resumes at the next statement."""

    def __init__(self, line: int, text: str, fix: str = FALLBACK_FIX) -> None:
        super().__init__(text)
        self.line, self.text, self.fix = line, text, fix

    def fault(self, path: str) -> Fault:
        return Fault(path, self.line, self.text, self.fix, "theme")


class Token(Struct, frozen=True):
    """One token of LESS.

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
            # An unquoted URL; a variable if it begins with @.
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

# Openings that match as a delimiter only when their end is missing.
_UNTERMINATED = {'"': "string", "'": "string", "/*": "comment"}


def tokenize(text: str, path: str) -> tuple[list[Token], list[Fault]]:
    """Return the tokens of *text*, and a fault for an unterminated string or comment."""
    tokens: list[Token] = []
    faults: list[Fault] = []
    line = 1
    for match in _PATTERN.finditer(text):
        kind, lexeme = str(match.lastgroup), match.group()
        start = text[match.start() : match.start() + 2]
        unterminated = _UNTERMINATED.get(start) or _UNTERMINATED.get(lexeme)
        if kind == "delim" and unterminated:
            faults.append(
                Fault(path, line, f"unterminated {unterminated}", f"close the {unterminated}", "theme")
            )
            break
        tokens.append(Token(kind, lexeme, line))
        line += lexeme.count("\n")
    return tokens, faults


def strip_trivia(tokens: Iterable[Token]) -> list[Token]:
    """Return *tokens* without spaces and comments."""
    return [token for token in tokens if token.kind not in ("space", "comment")]


def depth_change(token: Token) -> int:
    """Return how a token changes the nesting depth of parentheses and brackets: 1, 0 or -1."""
    if token.kind == "function" or token.text in ("(", "["):
        return 1
    return -1 if token.text in (")", "]") else 0


def split_tokens(tokens: Sequence[Token], separator: str) -> list[list[Token]]:
    """Split *tokens* at each *separator* outside of parentheses and brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += depth_change(token)
        if token.text == separator and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts
