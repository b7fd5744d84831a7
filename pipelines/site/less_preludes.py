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
from pipelines.site.less_values import WORDS, add_text, spaced, trimmed

_KEYFRAME = re.compile(r"from|to|(?:\d+\.\d+|\.\d+|\d+)%", re.IGNORECASE)
# What a selector may have outside of parentheses, in them, and in brackets.
_MARKS = {"": ">+~.:*", "(": ">+~.:*,-", "[": "=~|^$*"}
_KINDS = {
    "": ("ident", "hash", "function", "space"),
    "(": ("ident", "hash", "function", "space", "number"),
    "[": ("ident", "string", "space"),
}
_ATTRIBUTE = re.compile(r" ?ident ?(?:[~|^$*]?= ?(?:ident|string)(?: ident)? ?)?")
# Which functions may stand outside of parentheses in a query.
_FUNCTIONS = {
    "@supports": ("selector(", "font-tech(", "font-format("),
    "@container": ("style(", "scroll-state("),
}
_COMBINATORS = (">", "+", "~", " ")


def read_selector(tokens: Sequence[Token], line: int) -> Selector:
    """Return one complex selector of a rule at *line*; raises RefusedError."""
    kept = list(tokens)
    while kept and kept[-1].kind in ("space", "comment"):
        kept.pop()
    while kept and kept[0].kind in ("space", "comment"):
        kept.pop(0)
    if not kept:
        raise RefusedError(line, "nothing beside a comma of a selector", "drop the comma")
    for token in kept:
        if token.kind == "comment":
            # less.js may draw together what stands on both sides of it.
            raise RefusedError(token.line, "a comment inside a selector", "put it above the rule")
    return _Selector(spaced(kept)).read()


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
        self.attribute: list[str] = []  # the kinds of the words in brackets

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
            if before.text in (",", "(") or before.kind == "function":
                raise RefusedError(token.line, f"{before.text}{mark} in a selector", "name something")
            if mark == "]" and not _ATTRIBUTE.fullmatch("".join(self.attribute)):
                text = "brackets in a selector that are no attribute"
                raise RefusedError(token.line, text, 'write [name] or [name="value"]')
            if not self.open or within != {")": "(", "]": "["}[mark]:
                raise RefusedError(token.line, f"{mark} without its beginning", "balance it")
            self.open.pop()
            self.glue(mark)
        elif mark == "[" and within != "[":
            self.open.append(token)
            self.attribute = []
            self.glue(mark)
        elif token.kind == "number" and before.text == "&":
            self.glue(token.text)  # the end of a name: &-2
        elif token.kind in _KINDS[within] or (mark and mark in _MARKS[within]):
            self.plain(token, before, after, within)
        else:
            said = ": a variable" if token.kind in ("interpolation", "at") else ""
            raise RefusedError(token.line, f"{token.text}{said} in a selector")

    def plain(self, token: Token, before: Token, after: Token, within: str) -> None:
        self.attribute.append(token.kind if token.kind in ("ident", "string") else token.text)
        if token.text == ":" and not (after.kind in ("ident", "function") or after.text == ":"):
            remedy = "end the declaration before the block with a semicolon"
            raise RefusedError(token.line, "a colon without a name in a selector", remedy)
        if token.text == "." and after.kind not in ("ident", "interpolation"):
            text = "a full stop without a name in a selector"
            raise RefusedError(token.line, text, "name the class")
        if token.kind == "string" and "@{" in token.text:
            raise RefusedError(token.line, "a variable inside a string")
        if token.text == "," and (before.text == "," or before.kind == "function"):
            raise RefusedError(token.line, f"{before.text}, in a selector", "drop the comma")
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


def read_query(tokens: Sequence[Token], path: str, name: str) -> Value:
    """Return the condition of the at-rule *name* as text and variables.

    Raises RefusedError.
    """
    plain = spaced(tokens)
    pieces: list[Piece] = []
    opened: list[Token] = []  # functions and parentheses
    remedy = f"give the result to a variable; or {WAY_OUT}"
    for index, token in enumerate(plain):
        functions = [one.text for one in opened if one.kind == "function"]
        _apart(plain, index)
        if opened and name != "@scope" and "selector(" not in functions:
            _between(plain, index)
        if token.kind == "function" or token.text == "(":
            allowed = _FUNCTIONS.get(name, ()) if not opened else ()
            after = [word.text for word in words(plain[:index])][-1:]
            computed = functions or after in ([":"], ["<"], [">"], ["="]) or name == "@scope"
            if token.kind == "function" and token.text not in allowed and not (opened and computed):
                raise RefusedError(token.line, f"{token.text} in a query", "write a space before (")
            opened.append(token)
        elif token.text == ")":
            if not opened:
                raise RefusedError(token.line, ") without its beginning", "balance it")
            opened.pop()
        elif token.kind == "at":
            if functions or not _stands_alone(plain, index) or name not in ("@media", "@container"):
                raise RefusedError(token.line, f"{token.text} in this place of a query", remedy)
            pieces.append(Ref(token.text, Place(path, token.line)))
            continue
        elif (
            token.kind in ("interpolation", "escape", "url", "range")
            or (token.kind == "hash" and not opened)
            or (token.kind == "number" and not NUMBER.fullmatch(token.text))
            or (token.kind == "string" and "@{" in token.text)
            or (token.kind == "ident" and "\\" in token.text)
        ):
            raise RefusedError(token.line, f"{token.text} in a query", remedy)
        elif token.kind == "delim" and token.text not in _query_marks(name, opened, bool(functions)):
            said = f"an operation ({token.text})" if token.text in "+-*" else token.text
            raise RefusedError(token.line, f"{said} in a query", remedy)
        add_text(pieces, token.text)
    if opened:
        raise RefusedError(opened[-1].line, f"{opened[-1].text} without its end", "close it")
    return trimmed(pieces)


def _apart(tokens: Sequence[Token], index: int) -> None:
    """Refuse words without a space between them."""
    token, before = tokens[index], tokens[index - 1] if index else None
    word = token.kind in (*WORDS, "function", "at")
    if before and (
        (word and before.kind in (*WORDS, "at"))
        or (before.text == ")" and (word or token.text == "("))
    ):
        said = f"{before.text}{token.text} in a query"
        raise RefusedError(token.line, said, "write a space between them")


def _between(tokens: Sequence[Token], index: int) -> None:
    """Refuse a mark inside of parentheses that does not stand between two values."""
    token = tokens[index]
    if token.kind != "delim" or token.text not in ":,/<>=":
        return
    before = [t for t in tokens[:index] if t.kind != "space"][-2:]
    after = next((t for t in tokens[index + 1 :] if t.kind != "space"), token)
    ends = before[-1].kind in ("ident", "number", "at", "string") or before[-1].text == ")"
    begins = after.kind not in ("delim", "space") or after.text == "("
    if token.text == ":":
        # One name between the parenthesis and the colon.
        ends = before[-1].kind == "ident" and before[0].text[-1] == "("
    elif token.text == "=" and tokens[index - 1].text in ("<", ">"):
        ends = True
    elif token.text in ("<", ">") and after.text == "=" and after is tokens[index + 1]:
        begins = True
    if not ends or not begins:
        text = f"{token.text} in a query without a value beside it"
        raise RefusedError(token.line, text, "write what it stands between")


def _query_marks(name: str, opened: Sequence[Token], in_function: bool) -> str:
    """Return the marks that may stand in this place of a query."""
    if not opened:
        return {"@page": ",:", "@layer": ",."}.get(name, ",")
    if in_function or name == "@scope":
        return ":,/<>=.*+-~"
    return ":,/<>="


def _stands_alone(tokens: Sequence[Token], index: int) -> bool:
    """Whether the variable at *index* is a whole value or a whole condition."""
    if tokens[index].text.startswith("@@"):
        return False
    before = [word.text for word in words(tokens[:index])][-1:]
    after = [word.text for word in words(tokens[index + 1 :])][:1]
    fits = before in ([], [":"], ["<"], [">"], ["="], ["("], ["and"], [","])
    return fits and after in ([], [")"], ["<"], [">"], ["="], ["and"], [","])
