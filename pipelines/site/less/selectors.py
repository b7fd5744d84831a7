"""Read selectors: CSS as it stands, but for ``&``.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.nodes import Selector, SourcePosition
from pipelines.site.less.tokens import Token, UnsupportedError, strip_trivia
from pipelines.site.less.values import normalize_spaces

_KEYFRAME = re.compile(r"from|to|(?:\d+\.\d+|\.\d+|\d+)%", re.IGNORECASE)
# What a selector may have outside of parentheses, in them, and in brackets.
_DELIMITERS = {"": ">+~.:*", "(": ">+~.:*,-", "[": "=~|^$*"}
_KINDS = {
    "": ("ident", "hash", "function", "space"),
    "(": ("ident", "hash", "function", "space", "number"),
    "[": ("ident", "string", "space"),
}
_NAME = r"(?:[\w-]|[^\x00-\x7f])+"
_ATTRIBUTE = re.compile(rf" ?{_NAME} ?(?:[~|^$*]?= ?(?:{_NAME}|\"[^\"]*\"|'[^']*')(?: [iIsS])? ?)?", re.ASCII)
_COMBINATORS = (">", "+", "~", " ")


def parse_selector(tokens: Sequence[Token], line: int) -> Selector:
    """Return one complex selector of a rule at *line*; raises RefusedError."""
    kept = list(tokens)
    while kept and kept[-1].kind in ("space", "comment"):
        kept.pop()
    while kept and kept[0].kind in ("space", "comment"):
        kept.pop(0)
    if not kept:
        raise UnsupportedError(line, "nothing beside a comma of a selector", "drop the comma")
    for token in kept:
        if token.kind == "comment":
            # less.js may draw together what stands on both sides of it.
            raise UnsupportedError(token.line, "a comment inside a selector", "put it above the rule")
    return _SelectorParser(normalize_spaces(kept)).read()


def selector_names(tokens: Sequence[Token], path: str) -> list[tuple[str, SourcePosition]]:
    """Return the .classes and #ids among *tokens*."""
    names = []
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.kind == "hash" or (token.kind == "ident" and before and before.text == "."):
            name = token.text if token.kind == "hash" else f".{token.text}"
            names.append((name, SourcePosition(path, token.line)))
    return names


class _SelectorParser:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.steps: list[str] = []
        self.open: list[Token] = []
        self.attribute: list[str] = []  # the words in brackets

    def read(self) -> Selector:
        nothing = Token("end", "", self.tokens[-1].line)
        for before, token, after in zip(
            (nothing, *self.tokens), self.tokens, (*self.tokens[1:], nothing), strict=False
        ):
            self.one(token, before, after)
        if self.open:
            token = self.open[0]
            raise UnsupportedError(token.line, f"{token.text} without its end", "close it")
        if self.steps[-1] in _COMBINATORS:
            text = f"nothing after {self.steps[-1]}"
            raise UnsupportedError(nothing.line, text, "name what it leads to")
        return Selector(tuple(self.steps))

    def one(self, token: Token, before: Token, after: Token) -> None:
        within = self.open[-1].text[-1] if self.open else ""
        mark = token.text if token.kind == "delim" else ""
        if mark == "&":
            if within:
                raise UnsupportedError(token.line, "& inside parentheses of a selector")
            if before.kind not in ("space", "end") and before.text not in _COMBINATORS:
                fix = "write & at the beginning, or a space before it"
                raise UnsupportedError(token.line, f"& directly after {before.text}", fix)
            self.steps.append("&")
        elif mark in (")", "]"):
            if before.text in (",", "(") or before.kind == "function":
                raise UnsupportedError(token.line, f"{before.text}{mark} in a selector", "name something")
            if mark == "]" and not _ATTRIBUTE.fullmatch("".join(self.attribute)):
                text = "brackets in a selector that are no attribute"
                raise UnsupportedError(token.line, text, 'write [name] or [name="value"]')
            if not self.open or within != {")": "(", "]": "["}[mark]:
                raise UnsupportedError(token.line, f"{mark} without its beginning", "balance it")
            self.open.pop()
            self.glue(mark)
        elif mark == "[" and within != "[":
            self.open.append(token)
            self.attribute = []
            self.glue(mark)
        elif token.kind == "number" and before.text == "&":
            self.glue(token.text)  # the end of a name: &-2
        elif token.kind in _KINDS[within] or (mark and mark in _DELIMITERS[within]):
            self.plain(token, before, after, within)
        else:
            said = ": a variable" if token.kind in ("interpolation", "at") else ""
            raise UnsupportedError(token.line, f"{token.text}{said} in a selector")

    def plain(self, token: Token, before: Token, after: Token, within: str) -> None:
        self.attribute.append(token.text)
        if token.text == ":" and not (after.kind in ("ident", "function") or after.text == ":"):
            fix = "end the declaration before the block with a semicolon"
            raise UnsupportedError(token.line, "a colon without a name in a selector", fix)
        if token.text == "." and after.kind not in ("ident", "interpolation"):
            text = "a full stop without a name in a selector"
            raise UnsupportedError(token.line, text, "name the class")
        if token.kind == "string" and "@{" in token.text:
            raise UnsupportedError(token.line, "a variable inside a string")
        if token.text == "," and (before.text == "," or before.kind == "function"):
            raise UnsupportedError(token.line, f"{before.text}, in a selector", "drop the comma")
        if token.kind == "function":
            if before.text != ":":
                raise UnsupportedError(token.line, f"{token.text} in a selector")
            self.open.append(token)
        if within or token.text not in _COMBINATORS:
            self.glue(token.text)
        elif not self.steps or self.steps[-1] not in _COMBINATORS:
            self.steps.append(token.text)
        elif token.text != " " and self.steps[-1] != " ":
            text = f"{self.steps[-1]} before {token.text} in a selector"
            raise UnsupportedError(token.line, text, "keep one of them")
        elif token.text != " ":
            self.steps[-1] = token.text

    def glue(self, text: str) -> None:
        """Append to the compound at the end, or begin one."""
        if not self.steps or self.steps[-1] in _COMBINATORS:
            self.steps.append(text)
        else:
            self.steps[-1] += text


def parse_keyframe_selector(tokens: Sequence[Token], line: int) -> Selector:
    """Return one step of an animation; raises RefusedError."""
    text = "".join(token.text for token in strip_trivia(tokens))
    if not _KEYFRAME.fullmatch(text):
        fix = "write from, to or a percentage"
        raise UnsupportedError(line, f"{text or 'nothing'} in keyframes", fix)
    return Selector((text,))
