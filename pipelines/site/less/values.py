"""Read a value of LESS: CSS as it stands, variables, and arithmetic in parentheses.

What less.js would compute in plain CSS (its functions, sums outside of calc()) is refused:
the browser and LESS read it in two ways.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.arithmetic import EXPONENT, NUMBER, parse_operation
from pipelines.site.less.nodes import CssText, Operation, SourcePosition, Value, ValuePart, VariableRef
from pipelines.site.less.tokens import FALLBACK_FIX, Token, UnsupportedError

# The functions of less.js 4 that CSS does not have, or that it computes with another result.
LESS_FUNCTIONS = frozenset(
    (
        "%", "abs", "acos", "alpha", "argb", "asin", "atan", "average", "blue", "boolean", "ceil",
        "color", "convert", "cos", "darken", "data-uri", "default", "desaturate", "difference", "e",
        "each", "escape", "exclusion", "extract", "fade", "fadein", "fadeout", "floor", "get-unit",
        "green", "greyscale", "hardlight", "hsv", "hsva", "hsvhue", "hsvsaturation", "hsvvalue", "hue",
        "if", "image-height", "image-size", "image-width", "iscolor", "isdefined", "isem", "iskeyword",
        "isnumber", "ispercentage", "ispixel", "isruleset", "isstring", "isunit", "isurl", "length",
        "lighten", "lightness", "luma", "luminance", "mix", "mod", "multiply", "negation", "overlay",
        "percentage", "pi", "pow", "range", "red", "replace", "round", "saturation", "screen", "shade",
        "sin", "softlight", "spin", "sqrt", "style", "svg-gradient", "tan", "tint", "unit",
    )
)  # fmt: skip
COMPARISON_FUNCTIONS = ("min", "max")  # LESS compares their arguments where it can
FILTER_FUNCTIONS = ("saturate", "contrast")  # of CSS with a number, of LESS with a colour
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
ATOM_KINDS = ("ident", "number", "string", "escape", "hash", "url", "range")
_SPACE_FIX = "write a space between them, or an operation in parentheses"


def parse_value(tokens: Sequence[Token], path: str, of: str = "") -> Value:
    """Return the pieces of a value; *of* is the property that it belongs to, if any.

    Raises RefusedError.
    """
    return _ValueParser(tokens, path, of).read()


class _ValueParser:
    def __init__(self, tokens: Sequence[Token], path: str, of: str) -> None:
        self.written = tokens
        self.tokens = normalize_spaces(tokens)  # of the same length
        self.path = path
        self.of = of
        self.pieces: list[ValuePart] = []
        self.at = 0
        self.open: list[Token] = []  # functions, ( and [ that are not closed yet

    def read(self) -> Value:
        while self.at < len(self.tokens):
            token, before, after = self.tokens[self.at], self.near(-1), self.near(1)
            beside = before and (before.kind in ATOM_KINDS or before.text in ("]", ")"))
            if before and beside and (token.kind in (*ATOM_KINDS, "function") or token.text == "["):
                said = f"{before.text}{token.text} without a space between"
                raise UnsupportedError(token.line, said, _SPACE_FIX)
            if self.in_calc or self.within in COMPARISON_FUNCTIONS:
                self.joined(token)
            if self.within == "[" and not (token.kind in ("ident", "space") or token.text == "]"):
                raise UnsupportedError(token.line, f"{token.text} in brackets", "name lines of a grid")
            getattr(self, f"read_{token.kind}")(token, before, after)
            self.at += 1
        if self.open:
            token = self.open[0]
            raise UnsupportedError(token.line, f"{token.text} without its end", "close it")
        return strip_spaces(self.pieces)

    def near(self, step: int) -> Token | None:
        index = self.at + step
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def text(self, token: Token, before: Token | None = None, after: Token | None = None) -> None:
        append_text(self.pieces, token.text)

    read_space = read_ident = read_range = read_url = text

    @property
    def within(self) -> str:
        """What the next word stands in: a function's name, "(", "[" or nothing."""
        return self.open[-1].text.lower().removesuffix("(") or "(" if self.open else ""

    @property
    def in_calc(self) -> bool:
        functions = [token.text.lower() for token in self.open if token.kind == "function"]
        return functions[-1:] == ["calc("]

    # --- One method for each kind of token ---

    def read_string(self, token: Token, before: Token | None, after: Token | None) -> None:
        if "@{" in token.text:
            raise UnsupportedError(token.line, "a variable inside a string")
        self.text(token)

    def read_escape(self, token: Token, before: Token | None, after: Token | None) -> None:
        content = token.text[2:-1]
        if re.search(r"[{};@\\`\"']|/\*|//", content) or content.count("(") != content.count(")"):
            raise UnsupportedError(token.line, f"{token.text} holds more than words")
        append_text(self.pieces, content)

    def read_hash(self, token: Token, before: Token | None, after: Token | None) -> None:
        if not _COLOUR.fullmatch(token.text):
            fix = "write 3, 4, 6 or 8 hexadecimal digits"
            raise UnsupportedError(token.line, f"{token.text} is not a colour", fix)
        self.text(token)

    def read_interpolation(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = f"@{token.text[2:-1]}"
        fix = f"write {name}" if self.of.startswith("--") else FALLBACK_FIX
        raise UnsupportedError(token.line, f"{token.text}: a variable put into text", fix)

    def read_number(self, token: Token, before: Token | None, after: Token | None) -> None:
        parts = NUMBER.fullmatch(token.text)
        if not parts or EXPONENT.fullmatch(parts[3]):
            fix = "write digits and a unit, with spaces around an operator"
            raise UnsupportedError(token.line, f"{token.text} is not a number to LESS", fix)
        if parts[1] and before and not (before.kind in ("space", "function") or before.text in ",/*("):
            raise _unparenthesized_operation(token)
        if self.within.startswith("hsl") and parts[3] not in ("", "%", "deg"):
            text = f"{token.text} in hsl(), which LESS misreads"
            raise UnsupportedError(token.line, text, "give the hue in degrees")
        if self.within in COMPARISON_FUNCTIONS and not parts[3]:
            text = f"{token.text} without a unit in {self.within}()"
            raise UnsupportedError(token.line, text, "give it a unit, or write the result")
        self.text(token)

    def read_function(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = token.text[:-1].lower()
        if name in FILTER_FUNCTIONS:
            css = bool(after and (after.kind == "number" or after.text == "var("))
        else:
            # less.js knows calc() by its plain name alone.
            css = name not in LESS_FUNCTIONS and not re.search(r"-calc$|\\", name)
        if not css:
            fix = f"write its result, or a function of CSS; or {FALLBACK_FIX}"
            raise UnsupportedError(token.line, f"{name}() is a function of LESS", fix)
        if name == "url" and not (after and after.kind == "string"):
            text = "url() with spaces, quotes or a variable in it"
            raise UnsupportedError(token.line, text, "write the address in quotes")
        self.open.append(token)
        self.text(token)

    def read_at(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = token.text
        if name.startswith("@@"):
            raise UnsupportedError(token.line, f"{name}: a variable that names a variable")
        if after and after.text == "[":
            raise UnsupportedError(token.line, f"{name}[…]: a map")
        fits = before is None or before.kind in ("space", "function") or before.text in "(,/*"
        if not fits or not (after is None or after.kind == "space" or after.text in "),/*!"):
            raise UnsupportedError(token.line, f"{name} without a space beside it", _SPACE_FIX)
        if self.within in ("url", *FILTER_FUNCTIONS):
            raise UnsupportedError(token.line, f"{name} in {self.within}()")
        compared = self.within in COMPARISON_FUNCTIONS
        self.pieces.append(VariableRef(name, SourcePosition(self.path, token.line), compared))

    def read_delim(self, token: Token, before: Token | None, after: Token | None) -> None:
        mark = token.text
        if mark == "-" and after and after.kind == "at":
            raise UnsupportedError(token.line, f"-{after.text}", f"write ({after.text} * -1)")
        if mark in "+-*/,":
            self.between(token)
        if mark in "+-*" or (mark == "/" and after and after.text == "/"):
            apart = all(near and near.kind == "space" for near in (before, after))
            if not self.in_calc or not (mark == "*" or apart):
                raise _unparenthesized_operation(token)
        elif mark == "(" and not self.in_calc:
            self.parenthesis(token, before)
            return
        elif mark in "([":
            if mark == "[" and after and after.kind == "space":
                raise UnsupportedError(token.line, "a space after [", "drop the space")
            self.open.append(token)
        elif mark in ")]":
            if mark == "]" and not any(word.kind == "ident" for word in self.tokens[self.at - 2 : self.at]):
                raise UnsupportedError(token.line, "nothing in brackets", "name lines of a grid")
            if not self.open or (self.open.pop().text == "[") != (mark == "]"):
                raise UnsupportedError(token.line, f"{mark} without its beginning", "balance it")
        elif mark == "!":
            self.important(token)
            return
        elif mark == ":":
            fix = "end the declaration before it with a semicolon"
            raise UnsupportedError(token.line, "a colon inside a value", fix)
        elif mark not in "/,+-*":
            raise UnsupportedError(token.line, f"{mark} inside a value")
        self.text(token)

    def joined(self, token: Token) -> None:
        """In calc(), min() and max() something stands between two values; and no words."""
        kinds = ("number", "at", "function", "delim", "space")
        if token.kind not in kinds or (self.in_calc and token.text == ","):
            raise UnsupportedError(token.line, f"{token.text} in calc(), min() or max()")
        last = next((t for t in reversed(self.tokens[: self.at]) if t.kind != "space"), None)
        ended = last and (last.kind in ("number", "at") or last.text == ")")
        begins = token.kind in ("number", "at", "function") or token.text == "("
        if last and ended and begins:
            text = f"nothing between {last.text} and {token.text}"
            raise UnsupportedError(token.line, text, "write an operator with spaces around it, or a comma")

    def between(self, token: Token) -> None:
        """A comma or an operator stands between two things."""
        sides = (reversed(self.tokens[: self.at]), self.tokens[self.at + 1 :])
        before, after = (next((t for t in side if t.kind != "space"), None) for side in sides)
        if before is None or before.kind == "function" or before.text in "(,/+-*":
            raise UnsupportedError(token.line, f"nothing before a {token.text}", "write what stands there")
        if after is None or after.text in "),/+-*!":
            raise UnsupportedError(token.line, f"nothing after a {token.text}", "write what stands there")

    def important(self, token: Token) -> None:
        if not self.of:
            fix = "write !important in the declaration"
            raise UnsupportedError(token.line, "!important in a variable or an argument", fix)
        rest = [word.text.lower() for word in self.tokens[self.at + 1 :] if word.kind != "space"]
        if rest != ["important"] or self.open or not strip_spaces(self.pieces):
            text = "an exclamation mark in this place"
            raise UnsupportedError(token.line, text, "write !important after the value")
        append_text(self.pieces, "!important")
        self.at = len(self.tokens)

    def parenthesis(self, token: Token, before: Token | None) -> None:
        if self.of.startswith("--"):
            # less.js leaves arithmetic in a custom property as it stands.
            fix = "compute it in a variable, and give the variable to the property"
            raise UnsupportedError(token.line, "an operation in a custom property", fix)
        if before and not (before.kind in ("space", "function") or before.text in ",/"):
            raise UnsupportedError(token.line, f"{before.text}( without a space between", _SPACE_FIX)
        operation, self.at = parse_operation(self.written, self.at, self.path)
        if not isinstance(operation, Operation):
            fix = "drop the parentheses, or write an operation: (@a * 2)"
            raise UnsupportedError(token.line, "parentheses around no operation", fix)
        after = self.near(1)
        if after and after.kind != "space" and after.text not in "),/!":
            raise UnsupportedError(token.line, f"){after.text} without a space between", _SPACE_FIX)
        self.pieces.append(operation)


def _unparenthesized_operation(token: Token) -> UnsupportedError:
    text = f"an operation ({token.text}) outside of parentheses"
    fix = "put LESS arithmetic into parentheses, and a sum of CSS into calc()"
    return UnsupportedError(token.line, text, fix)


def normalize_spaces(tokens: Sequence[Token]) -> list[Token]:
    """Return *tokens* with a plain space for every space and comment."""
    return [
        Token("space", " ", token.line) if token.kind in ("space", "comment") else token for token in tokens
    ]


def append_text(pieces: list[ValuePart], text: str) -> None:
    """Append CSS to *pieces*; spaces are drawn together."""
    last = pieces[-1] if pieces else None
    if not isinstance(last, CssText):
        pieces.append(CssText(text))
    elif text != " " or not last.text.endswith(" "):
        pieces[-1] = CssText(last.text + text)


def strip_spaces(pieces: Sequence[ValuePart]) -> Value:
    """Return *pieces* without the spaces at both ends."""
    kept = list(pieces)
    if kept and isinstance(kept[0], CssText):
        kept[0] = CssText(kept[0].text.lstrip(" "))
    if kept and isinstance(kept[-1], CssText):
        kept[-1] = CssText(kept[-1].text.rstrip(" "))
    return tuple(piece for piece in kept if piece != CssText(""))
