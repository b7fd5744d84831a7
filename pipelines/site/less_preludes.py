"""Read what stands before a block: selectors, and the queries of at-rules.

Both are CSS as it stands, but for ``&`` in selectors and variables in queries.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less_sums import NUMBER
from pipelines.site.less_tokens import WAY_OUT, RefusedError, Token, words
from pipelines.site.less_tree import Piece, Place, Ref, Selector, Value
from pipelines.site.less_values import add_text, spaced, trimmed

_KEYFRAME = re.compile(r"from|to|(?:\d+\.\d+|\.\d+|\d+)%", re.IGNORECASE)
# What a selector may have outside of parentheses, in them, and in brackets.
_MARKS = {"": ">+~.:*|", "(": ">+~.:*|,-", "[": "=~|^$*"}
_KINDS = {
    "": ("ident", "hash", "function", "space"),
    "(": ("ident", "hash", "function", "space", "number"),
    "[": ("ident", "string", "space"),
}
_COMBINATORS = (">", "+", "~", " ")


def read_selector(tokens: Sequence[Token]) -> Selector:
    """Return one complex selector; raises RefusedError."""
    # A comment between two parts of a compound does not part them.
    plain = [token for token in spaced(tokens) if token.kind != "space"]
    if not plain:
        raise RefusedError(tokens[0].line if tokens else 0, "an empty selector", "drop the comma")
    kept = [token for token in tokens if token.kind != "comment"]
    first, last = kept.index(plain[0]), len(kept) - 1 - kept[::-1].index(plain[-1])
    return _Selector(spaced(kept[first : last + 1])).read()


def names_of(tokens: Sequence[Token], path: str) -> list[tuple[str, Place]]:
    """Return the .classes and #ids among *tokens*."""
    names = []
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.kind == "hash" or (token.kind == "ident" and before and before.text == "."):
            name = token.text if token.kind == "hash" else f".{token.text}"
            names.append((name, Place(path, token.line)))
    return names


class _Selector:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.steps: list[str] = []
        self.open: list[Token] = []

    def read(self) -> Selector:
        nothing = Token("end", "", self.tokens[-1].line)
        for before, token, after in zip(
            (nothing, *self.tokens), self.tokens, (*self.tokens[1:], nothing), strict=False
        ):
            self.one(token, before, after)
        if self.open:
            token = self.open[0]
            raise RefusedError(token.line, f"{token.text} without its end", "close it")
        if self.steps[-1] in _COMBINATORS:
            text = f"nothing after {self.steps[-1]}"
            raise RefusedError(nothing.line, text, "name what it leads to")
        return Selector(tuple(self.steps))

    def one(self, token: Token, before: Token, after: Token) -> None:
        within = self.open[-1].text[-1] if self.open else ""
        mark = token.text if token.kind == "delim" else ""
        if mark == "&":
            if within:
                raise RefusedError(token.line, "& inside parentheses of a selector")
            if before.kind not in ("space", "end") and before.text not in _COMBINATORS:
                remedy = "write & at the beginning, or a space before it"
                raise RefusedError(token.line, f"& directly after {before.text}", remedy)
            self.steps.append("&")
        elif mark in (")", "]"):
            if not self.open or within != {")": "(", "]": "["}[mark]:
                raise RefusedError(token.line, f"{mark} without its beginning", "balance it")
            self.open.pop()
            self.glue(mark)
        elif mark == "[" and within != "[":
            self.open.append(token)
            self.glue(mark)
        elif token.kind == "number" and before.text == "&":
            self.glue(token.text)  # the end of a name: &-2
        elif token.kind in _KINDS[within] or (mark and mark in _MARKS[within]):
            self.plain(token, before, after, within)
        else:
            said = ": a variable" if token.kind in ("interpolation", "at") else ""
            raise RefusedError(token.line, f"{token.text}{said} in a selector")

    def plain(self, token: Token, before: Token, after: Token, within: str) -> None:
        if token.text == ":" and not (after.kind in ("ident", "function") or after.text == ":"):
            remedy = "end the declaration before the block with a semicolon"
            raise RefusedError(token.line, "a colon without a name in a selector", remedy)
        if token.text == "." and after.kind not in ("ident", "interpolation"):
            text = "a full stop without a name in a selector"
            raise RefusedError(token.line, text, "name the class")
        if token.text == after.text == "|":
            raise RefusedError(token.line, "|| in a selector")
        if token.kind == "string" and "@{" in token.text:
            raise RefusedError(token.line, "a variable inside a string")
        if token.kind == "function":
            if before.text != ":":
                raise RefusedError(token.line, f"{token.text} in a selector")
            self.open.append(token)
        if within or token.text not in _COMBINATORS:
            self.glue(token.text)
        elif not self.steps or self.steps[-1] not in _COMBINATORS:
            self.steps.append(token.text)
        elif token.text != " " and self.steps[-1] != " ":
            text = f"{self.steps[-1]} before {token.text} in a selector"
            raise RefusedError(token.line, text, "keep one of them")
        elif token.text != " ":
            self.steps[-1] = token.text

    def glue(self, text: str) -> None:
        """Append to the compound at the end, or begin one."""
        if not self.steps or self.steps[-1] in _COMBINATORS:
            self.steps.append(text)
        else:
            self.steps[-1] += text


def read_keyframe(tokens: Sequence[Token], line: int) -> Selector:
    """Return one step of an animation; raises RefusedError."""
    text = "".join(token.text for token in words(tokens))
    if not _KEYFRAME.fullmatch(text):
        remedy = "write from, to or a percentage"
        raise RefusedError(line, f"{text or 'nothing'} in keyframes", remedy)
    return Selector((text,))


def read_query(tokens: Sequence[Token], path: str, variables: bool) -> Value:
    """Return the condition of an at-rule as text and, where they may stand, variables.

    Raises RefusedError.
    """
    plain = spaced(tokens)
    pieces: list[Piece] = []
    functions: list[bool] = []  # of what is open: whether it is a function
    remedy = f"give the result to a variable; or {WAY_OUT}"
    for index, token in enumerate(plain):
        if token.kind == "function" or token.text == "(":
            functions.append(token.kind == "function")
        elif token.text == ")":
            if not functions:
                raise RefusedError(token.line, ") without its beginning", "balance it")
            functions.pop()
        elif token.kind == "at":
            before = [word.text for word in words(plain[:index])][-1:]
            after = [word.text for word in words(plain[index + 1 :])][:1]
            fits = before in ([], [":"], ["<"], [">"], ["="], ["("], ["and"], [","])
            fits = fits and after in ([], [")"], ["<"], [">"], ["="], ["and"], [","])
            if not variables or not fits or any(functions) or token.text.startswith("@@"):
                raise RefusedError(token.line, f"{token.text} in this place of a query", remedy)
            pieces.append(Ref(token.text, Place(path, token.line)))
            continue
        elif (
            token.kind in ("interpolation", "escape", "url", "range")
            or (token.kind == "number" and not NUMBER.fullmatch(token.text))
            or (token.kind == "string" and "@{" in token.text)
            or (token.kind == "delim" and token.text not in ":,/<>=.*+-")
        ):
            raise RefusedError(token.line, f"{token.text} in a query", remedy)
        elif token.text in ("*", "+", "-") and not any(functions):
            raise RefusedError(token.line, f"an operation ({token.text}) in a query", remedy)
        add_text(pieces, token.text)
    if functions:
        raise RefusedError(plain[0].line, "( without its ) in a query", "close it")
    return trimmed(pieces)
