"""Parse selectors: plain CSS, and ``&``.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.nodes import Selector, SourcePosition
from pipelines.site.less.tokens import Token, UnsupportedError, strip_trivia
from pipelines.site.less.values import normalize_spaces

_KEYFRAME = re.compile(r"from|to|(?:\d+\.\d+|\.\d+|\d+)%", re.IGNORECASE)
# Delimiters and token kinds of a selector: outside of brackets, in (…), and in […].
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
    """Return one complex selector of a rule at *line*; raises UnsupportedError."""
    stripped = list(tokens)
    while stripped and stripped[-1].kind in ("space", "comment"):
        stripped.pop()
    while stripped and stripped[0].kind in ("space", "comment"):
        stripped.pop(0)
    if not stripped:
        raise UnsupportedError(line, "an empty selector beside a comma", "drop the comma")
    for token in stripped:
        if token.kind == "comment":
            # less.js may join the tokens on both sides of it.
            raise UnsupportedError(token.line, "a comment inside a selector", "put it above the rule")
    return _SelectorParser(normalize_spaces(stripped)).parse()


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
        self.parts: list[str] = []
        self.unclosed: list[Token] = []
        self.attribute_text: list[str] = []  # the tokens in brackets

    def parse(self) -> Selector:
        nothing = Token("end", "", self.tokens[-1].line)
        for before, token, after in zip(
            (nothing, *self.tokens), self.tokens, (*self.tokens[1:], nothing), strict=False
        ):
            self.parse_token(token, before, after)
        if self.unclosed:
            token = self.unclosed[0]
            raise UnsupportedError(token.line, f"{token.text} is not closed", "close it")
        if self.parts[-1] in _COMBINATORS:
            text = f"nothing after {self.parts[-1]}"
            raise UnsupportedError(nothing.line, text, "name the element")
        return Selector(tuple(self.parts))

    def parse_token(self, token: Token, before: Token, after: Token) -> None:
        enclosing = self.unclosed[-1].text[-1] if self.unclosed else ""
        char = token.text if token.kind == "delim" else ""
        if char == "&":
            if enclosing:
                raise UnsupportedError(token.line, "& inside parentheses of a selector")
            if before.kind not in ("space", "end") and before.text not in _COMBINATORS:
                fix = "write & at the beginning, or a space before it"
                raise UnsupportedError(token.line, f"& directly after {before.text}", fix)
            self.parts.append("&")
        elif char in (")", "]"):
            if before.text in (",", "(") or before.kind == "function":
                raise UnsupportedError(token.line, f"{before.text}{char} in a selector", "name something")
            if char == "]" and not _ATTRIBUTE.fullmatch("".join(self.attribute_text)):
                text = "brackets in a selector without an attribute"
                raise UnsupportedError(token.line, text, 'write [name] or [name="value"]')
            if not self.unclosed or enclosing != {")": "(", "]": "["}[char]:
                raise UnsupportedError(
                    token.line, f"{char} without an opening bracket", "remove it, or open it"
                )
            self.unclosed.pop()
            self.append(char)
        elif char == "[" and enclosing != "[":
            self.unclosed.append(token)
            self.attribute_text = []
            self.append(char)
        elif token.kind == "number" and before.text == "&":
            self.append(token.text)  # a suffix: &-2
        elif token.kind in _KINDS[enclosing] or (char and char in _DELIMITERS[enclosing]):
            self.parse_simple(token, before, after, enclosing)
        else:
            suffix = ": a variable" if token.kind in ("interpolation", "at") else ""
            raise UnsupportedError(token.line, f"{token.text}{suffix} in a selector")

    def parse_simple(self, token: Token, before: Token, after: Token, enclosing: str) -> None:
        self.attribute_text.append(token.text)
        if token.text == ":" and not (after.kind in ("ident", "function") or after.text == ":"):
            fix = "end the declaration before the block with a semicolon"
            raise UnsupportedError(token.line, "a colon without a name in a selector", fix)
        if token.text == "." and after.kind not in ("ident", "interpolation"):
            text = "a dot without a class name in a selector"
            raise UnsupportedError(token.line, text, "name the class")
        if token.kind == "string" and "@{" in token.text:
            raise UnsupportedError(token.line, "a variable inside a string")
        if token.text == "," and (before.text == "," or before.kind == "function"):
            raise UnsupportedError(token.line, f"{before.text}, in a selector", "drop the comma")
        if token.kind == "function":
            if before.text != ":":
                raise UnsupportedError(token.line, f"{token.text} in a selector")
            self.unclosed.append(token)
        if enclosing or token.text not in _COMBINATORS:
            self.append(token.text)
        elif not self.parts or self.parts[-1] not in _COMBINATORS:
            self.parts.append(token.text)
        elif token.text != " " and self.parts[-1] != " ":
            text = f"{self.parts[-1]} before {token.text} in a selector"
            raise UnsupportedError(token.line, text, "keep one of them")
        elif token.text != " ":
            self.parts[-1] = token.text

    def append(self, text: str) -> None:
        """Append to the last compound selector, or begin one."""
        if not self.parts or self.parts[-1] in _COMBINATORS:
            self.parts.append(text)
        else:
            self.parts[-1] += text


def parse_keyframe_selector(tokens: Sequence[Token], line: int) -> Selector:
    """Return a keyframe selector: from, to or a percentage; raises UnsupportedError."""
    text = "".join(token.text for token in strip_trivia(tokens))
    if not _KEYFRAME.fullmatch(text):
        fix = "write from, to or a percentage"
        raise UnsupportedError(line, f"{text or 'nothing'} in keyframes", fix)
    return Selector((text,))
