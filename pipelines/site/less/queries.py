"""Parse the prelude of an at-rule: the subset that less.js and browsers parse alike.

A query is matched by its shape, a string of one letter a component: i identifier, n number,
v variable, s string, P parenthesized group, S function of this at-rule, F other function.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.arithmetic import NUMBER
from pipelines.site.less.nodes import SourcePosition, Value, ValuePart, VariableRef
from pipelines.site.less.selectors import parse_selector
from pipelines.site.less.tokens import Token, UnsupportedError, split_tokens, strip_trivia
from pipelines.site.less.values import append_text, normalize_spaces, strip_spaces

_VALUE = r"(?:n(?:/n)?|i|v|F)"
_COMPARE = r"(?:<=?|>=?|=)"
_CHAIN = r"(?: (?:and|or) (?:not )?[PSv])*"
_NAMES = r"i(?:\.i)*(?:,i(?:\.i)*)*"
_QUERY_SHAPES = {
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
}  # all other at-rules: an empty prelude
_FEATURE = rf"i|i:{_VALUE}|{_VALUE}{_COMPARE}{_VALUE}(?:{_COMPARE}{_VALUE})?"
_NESTED = rf"(?:not )?[PSv]{_CHAIN}"
_QUERY_FUNCTIONS = {
    "@supports": ("selector(", "font-tech(", "font-format("),
    "@container": ("style(", "scroll-state("),
}
_KEYWORDS = ("and", "or", "not", "only", "to")
_QUERY_FIX = "write it as in CSS, with spaces between words; a variable must be a whole value"


def parse_query(tokens: Sequence[Token], path: str, name: str) -> Value:
    """Return the query of the at-rule *name* as text and variables; raises UnsupportedError."""
    normalized = normalize_spaces(tokens)
    line = normalized[0].line if normalized else 0
    shape = _shape(normalized, name)
    if not re.fullmatch(_QUERY_SHAPES.get(name, ""), shape):
        query = "".join(token.text for token in normalized).strip()
        raise UnsupportedError(line, f"{name} {query}: unsupported query", _QUERY_FIX)
    parts: list[ValuePart] = []
    for token in normalized:
        if token.kind != "at":
            append_text(parts, token.text)
        elif name in ("@media", "@container"):
            parts.append(VariableRef(token.text, SourcePosition(path, token.line)))
        else:
            raise UnsupportedError(token.line, f"{token.text} in {name}", "write its value")
    return strip_spaces(parts)


def _shape(tokens: Sequence[Token], name: str) -> str:
    """Return the shape of a query, or of the tokens in its parentheses."""
    shape = ""
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.kind == "function" or token.text == "(":
            end = _closing_index(tokens, at)
            shape += _group_shape(token, tokens[at + 1 : end], name)
            at = end
        elif token.kind == "number" and NUMBER.fullmatch(token.text):
            shape += "n"
        elif token.kind == "at" and not token.text.startswith("@@"):
            shape += "v"
        elif token.kind == "string" and "@{" not in token.text:
            shape += "s"
        elif token.kind == "ident" and "\\" not in token.text:
            shape += token.text.lower() if token.text.lower() in _KEYWORDS else "i"
        elif token.kind == "space":
            shape += " "
        elif token.kind == "delim":
            shape += token.text
        else:
            raise UnsupportedError(token.line, f"{token.text} in a query", _QUERY_FIX)
        at += 1
    return re.sub(r" ?([,:<>=/]) ?", r"\1", shape).strip()


def _closing_index(tokens: Sequence[Token], start: int) -> int:
    """Return the index of the parenthesis that closes the one at *start*."""
    depth = 0
    for at in range(start, len(tokens)):
        if tokens[at].kind == "function" or tokens[at].text == "(":
            depth += 1
        elif tokens[at].text == ")":
            depth -= 1
            if depth == 0:
                return at
    raise UnsupportedError(tokens[start].line, f"{tokens[start].text} is not closed", "close it")


def _group_shape(opening: Token, inner: Sequence[Token], name: str) -> str:
    """Return the letter of a function or a group; its own text if the content is unsupported."""
    if opening.text in _QUERY_FUNCTIONS.get(name, ()):
        _reject_variables(inner)
        if opening.text == "selector(":
            parse_selector(inner, opening.line)
        elif not re.fullmatch(f"{_FEATURE}|{_NESTED}", _shape(inner, name)):
            return opening.text
        return "S"
    if opening.kind == "function":
        _reject_variables(inner)
        return "F" if opening.text.lower() == "calc(" and strip_trivia(inner) else opening.text
    if name == "@scope":
        for part in split_tokens(inner, ","):
            parse_selector(part, opening.line)
        return "P"
    if name == "@supports" and [token.text for token in strip_trivia(inner)[1:2]] == [":"]:
        # A declaration, which less.js does not evaluate.
        _reject_variables(inner)
        significant = strip_trivia(inner)
        return "P" if significant[0].kind == "ident" and len(significant) > 2 else "(:"
    shape = _shape(inner, name)
    return "P" if re.fullmatch(f"{_FEATURE}|{_NESTED}", shape) else f"({shape})"


def _reject_variables(tokens: Sequence[Token]) -> None:
    for token in tokens:
        interpolated = token.kind == "string" and "@{" in token.text
        if interpolated or token.kind in ("at", "interpolation", "escape"):
            raise UnsupportedError(token.line, f"{token.text}: a variable is not allowed here", _QUERY_FIX)
