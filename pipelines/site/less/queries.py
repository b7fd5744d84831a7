"""Read the query of an at-rule: what less.js and a browser read in the same way.

A query is checked by its shape, in which a group in parentheses is P, a word i, a number n,
a variable v, a string s, a function with an own meaning S and another one F.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.arithmetic import NUMBER
from pipelines.site.less.nodes import Piece, Ref, SourcePosition, Value
from pipelines.site.less.selectors import read_selector
from pipelines.site.less.tokens import RefusedError, Token, split, words
from pipelines.site.less.values import add_text, spaced, trimmed

_VALUE = r"(?:n(?:/n)?|i|v|F)"
_COMPARE = r"(?:<=?|>=?|=)"
_CHAIN = r"(?: (?:and|or) (?:not )?[PSv])*"
_NAMES = r"i(?:\.i)*(?:,i(?:\.i)*)*"
_OUTER = {
    "@media": rf"(?:(?:not|only) )?[iPv]{_CHAIN}(?:,(?:(?:not|only) )?[iPv]{_CHAIN})*",
    "@container": rf"(?:i )?(?:not )?[PSv]{_CHAIN}",
    "@supports": rf"(?:not )?[PS]{_CHAIN}",
    "@layer": _NAMES,
    "@scope": r"(?:P(?: to P)?)?",
    "@keyframes": "[is]",
    "@-webkit-keyframes": "[is]",
    "@page": r"(?:i?(?::i)*(?:,i?(?::i)*)*)?",
    "@property": "i",
    "@counter-style": "i",
    "@font-palette-values": "i",
    "@position-try": "i",
}  # of all others: nothing
_FEATURE = rf"i|i:{_VALUE}|{_VALUE}{_COMPARE}{_VALUE}(?:{_COMPARE}{_VALUE})?"
_NESTED = rf"(?:not )?[PSv]{_CHAIN}"
_OWN = {
    "@supports": ("selector(", "font-tech(", "font-format("),
    "@container": ("style(", "scroll-state("),
}
_WORDS = ("and", "or", "not", "only", "to")
_REMEDY = "write it as CSS has it, with spaces between words; a variable stands for a whole value"


def read_query(tokens: Sequence[Token], path: str, name: str) -> Value:
    """Return the query of the at-rule *name* as text and variables; raises RefusedError."""
    plain = spaced(tokens)
    line = plain[0].line if plain else 0
    shape = _shape(plain, name)
    if not re.fullmatch(_OUTER.get(name, ""), shape):
        said = "".join(token.text for token in plain).strip()
        raise RefusedError(line, f"{name} {said}: no query that is known here", _REMEDY)
    pieces: list[Piece] = []
    for token in plain:
        if token.kind != "at":
            add_text(pieces, token.text)
        elif name in ("@media", "@container"):
            pieces.append(Ref(token.text, SourcePosition(path, token.line)))
        else:
            raise RefusedError(token.line, f"{token.text} in {name}", "write its value")
    return trimmed(pieces)


def _shape(tokens: Sequence[Token], name: str) -> str:
    """Return the shape of a query, or of what stands in parentheses in it."""
    shape = ""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "function" or token.text == "(":
            end = _end(tokens, at)
            shape += _group(token, tokens[at + 1 : end], name)
            at = end
        elif token.kind == "number" and NUMBER.fullmatch(token.text):
            shape += "n"
        elif token.kind == "at" and not token.text.startswith("@@"):
            shape += "v"
        elif token.kind == "string" and "@{" not in token.text:
            shape += "s"
        elif token.kind == "ident" and "\\" not in token.text:
            shape += token.text.lower() if token.text.lower() in _WORDS else "i"
        elif token.kind == "space":
            shape += " "
        elif token.kind == "delim":
            shape += token.text
        else:
            raise RefusedError(token.line, f"{token.text} in a query", _REMEDY)
        at += 1
    return re.sub(r" ?([,:<>=/]) ?", r"\1", shape).strip()


def _end(tokens: Sequence[Token], start: int) -> int:
    """Return where the parenthesis at *start* closes."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].kind == "function" or tokens[at].text == "(":
            depth += 1
        elif tokens[at].text == ")":
            depth -= 1
            if depth == 0:
                return at
    raise RefusedError(tokens[start].line, f"{tokens[start].text} without its end", "close it")


def _group(opening: Token, inner: Sequence[Token], name: str) -> str:
    """Return the letter of a function or of parentheses, when their content is known."""
    if opening.text in _OWN.get(name, ()):
        _no_variables(inner)
        if opening.text == "selector(":
            read_selector(inner, opening.line)
        elif not re.fullmatch(f"{_FEATURE}|{_NESTED}", _shape(inner, name)):
            return opening.text
        return "S"
    if opening.kind == "function":
        _no_variables(inner)
        return "F" if opening.text.lower() == "calc(" and words(inner) else opening.text
    if name == "@scope":
        for part in split(inner, ","):
            read_selector(part, opening.line)
        return "P"
    if name == "@supports" and [token.text for token in words(inner)[1:2]] == [":"]:
        # A declaration, which is the browser's alone.
        _no_variables(inner)
        return "P" if words(inner)[0].kind == "ident" and len(words(inner)) > 2 else "(:"
    shape = _shape(inner, name)
    return "P" if re.fullmatch(f"{_FEATURE}|{_NESTED}", shape) else f"({shape})"


def _no_variables(tokens: Sequence[Token]) -> None:
    for token in tokens:
        said = "@{" in token.text if token.kind == "string" else token.kind
        if said is True or said in ("at", "interpolation", "escape"):
            raise RefusedError(token.line, f"{token.text}: a variable in this place", _REMEDY)
