"""Parse a value: plain CSS, variables, and arithmetic in parentheses.

Rejects what less.js evaluates in plain CSS: its functions, and sums outside of calc(). A
browser would give them another meaning.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.site.less.arithmetic import EXPONENT, NUMBER, parse_operation
from pipelines.site.less.nodes import CssText, Operation, SourcePosition, Value, ValuePart, VariableRef
from pipelines.site.less.tokens import FALLBACK_FIX, Token, UnsupportedError

# Functions of less.js 4 that CSS lacks or evaluates to another result.
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
COMPARISON_FUNCTIONS = ("min", "max")  # less.js evaluates them if their units agree
FILTER_FUNCTIONS = ("saturate", "contrast")  # CSS with a number, LESS with a colour
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3,4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
ATOM_KINDS = ("ident", "number", "string", "escape", "hash", "url", "range")
_SPACE_FIX = "write a space between them, or an operation in parentheses"


def parse_value(tokens: Sequence[Token], path: str, property_name: str = "") -> Value:
    """Return the parts of a value; raises UnsupportedError.

    *property_name* is empty for the value of a variable or an argument.
    """
    return _ValueParser(tokens, path, property_name).parse()


class _ValueParser:
    def __init__(self, tokens: Sequence[Token], path: str, property_name: str) -> None:
        self.source_tokens = tokens
        self.tokens = normalize_spaces(tokens)  # of the same length
        self.path = path
        self.property_name = property_name
        self.parts: list[ValuePart] = []
        self.at = 0
        self.unclosed: list[Token] = []  # functions, ( and [

    def parse(self) -> Value:
        while self.at < len(self.tokens):
            token, before, after = self.tokens[self.at], self.peek(-1), self.peek(1)
            beside = before and (before.kind in ATOM_KINDS or before.text in ("]", ")"))
            if before and beside and (token.kind in (*ATOM_KINDS, "function") or token.text == "["):
                text = f"{before.text}{token.text} without a space between"
                raise UnsupportedError(token.line, text, _SPACE_FIX)
            if self.in_calc or self.enclosing in COMPARISON_FUNCTIONS:
                self.check_math_operand(token)
            if self.enclosing == "[" and not (token.kind in ("ident", "space") or token.text == "]"):
                raise UnsupportedError(token.line, f"{token.text} in brackets", "write names of grid lines")
            getattr(self, f"read_{token.kind}")(token, before, after)
            self.at += 1
        if self.unclosed:
            token = self.unclosed[0]
            raise UnsupportedError(token.line, f"{token.text} is not closed", "close it")
        return strip_spaces(self.parts)

    def peek(self, step: int) -> Token | None:
        index = self.at + step
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def text(self, token: Token, before: Token | None = None, after: Token | None = None) -> None:
        append_text(self.parts, token.text)

    read_space = read_ident = read_range = read_url = text

    @property
    def enclosing(self) -> str:
        """The innermost open bracket: a function's name, "(", "[", or "" if there is none."""
        return self.unclosed[-1].text.lower().removesuffix("(") or "(" if self.unclosed else ""

    @property
    def in_calc(self) -> bool:
        functions = [token.text.lower() for token in self.unclosed if token.kind == "function"]
        return functions[-1:] == ["calc("]

    # --- One method for each kind of token; parse() finds it by name ---

    def read_string(self, token: Token, before: Token | None, after: Token | None) -> None:
        if "@{" in token.text:
            raise UnsupportedError(token.line, "a variable inside a string")
        self.text(token)

    def read_escape(self, token: Token, before: Token | None, after: Token | None) -> None:
        content = token.text[2:-1]
        if re.search(r"[{};@\\`\"']|/\*|//", content) or content.count("(") != content.count(")"):
            raise UnsupportedError(token.line, f"{token.text} contains more than plain text")
        append_text(self.parts, content)

    def read_hash(self, token: Token, before: Token | None, after: Token | None) -> None:
        if not _COLOUR.fullmatch(token.text):
            fix = "write 3, 4, 6 or 8 hexadecimal digits"
            raise UnsupportedError(token.line, f"{token.text} is not a colour", fix)
        self.text(token)

    def read_interpolation(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = f"@{token.text[2:-1]}"
        fix = f"write {name}" if self.property_name.startswith("--") else FALLBACK_FIX
        raise UnsupportedError(token.line, f"{token.text}: an interpolated variable", fix)

    def read_number(self, token: Token, before: Token | None, after: Token | None) -> None:
        match = NUMBER.fullmatch(token.text)
        if not match or EXPONENT.fullmatch(match[3]):
            fix = "write digits and a unit, with spaces around an operator"
            raise UnsupportedError(token.line, f"{token.text} is not a LESS number", fix)
        if match[1] and before and not (before.kind in ("space", "function") or before.text in ",/*("):
            raise _unparenthesized_operation(token)
        if self.enclosing.startswith("hsl") and match[3] not in ("", "%", "deg"):
            text = f"{token.text} in hsl(), which LESS misreads"
            raise UnsupportedError(token.line, text, "give the hue in degrees")
        if self.enclosing in COMPARISON_FUNCTIONS and not match[3]:
            text = f"{token.text} without a unit in {self.enclosing}()"
            raise UnsupportedError(token.line, text, "give it a unit, or write the result")
        self.text(token)

    def read_function(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = token.text[:-1].lower()
        if name in FILTER_FUNCTIONS:
            is_css = bool(after and (after.kind == "number" or after.text == "var("))
        else:
            # less.js recognizes calc() only without a vendor prefix.
            is_css = name not in LESS_FUNCTIONS and not re.search(r"-calc$|\\", name)
        if not is_css:
            fix = f"write its result, or a function of CSS; or {FALLBACK_FIX}"
            raise UnsupportedError(token.line, f"{name}() is a function of LESS", fix)
        if name == "url" and not (after and after.kind == "string"):
            text = "url() with spaces, quotes or a variable in it"
            raise UnsupportedError(token.line, text, "write the address in quotes")
        self.unclosed.append(token)
        self.text(token)

    def read_at(self, token: Token, before: Token | None, after: Token | None) -> None:
        name = token.text
        if name.startswith("@@"):
            raise UnsupportedError(token.line, f"{name}: a variable that names a variable")
        if after and after.text == "[":
            raise UnsupportedError(token.line, f"{name}[…]: a map")
        separated = before is None or before.kind in ("space", "function") or before.text in "(,/*"
        if not separated or not (after is None or after.kind == "space" or after.text in "),/*!"):
            raise UnsupportedError(token.line, f"{name} without a space beside it", _SPACE_FIX)
        if self.enclosing in ("url", *FILTER_FUNCTIONS):
            raise UnsupportedError(token.line, f"{name} in {self.enclosing}()")
        in_comparison = self.enclosing in COMPARISON_FUNCTIONS
        self.parts.append(VariableRef(name, SourcePosition(self.path, token.line), in_comparison))

    def read_delim(self, token: Token, before: Token | None, after: Token | None) -> None:
        char = token.text
        if char == "-" and after and after.kind == "at":
            raise UnsupportedError(token.line, f"-{after.text}", f"write ({after.text} * -1)")
        if char in "+-*/,":
            self.check_operands(token)
        if char in "+-*" or (char == "/" and after and after.text == "/"):
            spaced = all(near and near.kind == "space" for near in (before, after))
            if not self.in_calc or not (char == "*" or spaced):
                raise _unparenthesized_operation(token)
        elif char == "(" and not self.in_calc:
            self.parenthesis(token, before)
            return
        elif char in "([":
            if char == "[" and after and after.kind == "space":
                raise UnsupportedError(token.line, "a space after [", "drop the space")
            self.unclosed.append(token)
        elif char in ")]":
            if char == "]" and not any(t.kind == "ident" for t in self.tokens[self.at - 2 : self.at]):
                raise UnsupportedError(token.line, "nothing in brackets", "write names of grid lines")
            if not self.unclosed or (self.unclosed.pop().text == "[") != (char == "]"):
                raise UnsupportedError(
                    token.line, f"{char} without an opening bracket", "remove it, or open it"
                )
        elif char == "!":
            self.important(token)
            return
        elif char == ":":
            fix = "end the declaration before it with a semicolon"
            raise UnsupportedError(token.line, "a colon inside a value", fix)
        elif char not in "/,+-*":
            raise UnsupportedError(token.line, f"{char} inside a value")
        self.text(token)

    def check_math_operand(self, token: Token) -> None:
        """Reject identifiers in calc(), min() and max(), and two operands without an operator."""
        kinds = ("number", "at", "function", "delim", "space")
        if token.kind not in kinds or (self.in_calc and token.text == ","):
            raise UnsupportedError(token.line, f"{token.text} in calc(), min() or max()")
        last = next((t for t in reversed(self.tokens[: self.at]) if t.kind != "space"), None)
        after_operand = last and (last.kind in ("number", "at") or last.text == ")")
        is_operand = token.kind in ("number", "at", "function") or token.text == "("
        if last and after_operand and is_operand:
            text = f"nothing between {last.text} and {token.text}"
            raise UnsupportedError(token.line, text, "write an operator with spaces around it, or a comma")

    def check_operands(self, token: Token) -> None:
        """Reject a comma or an operator without an operand on each side."""
        sides = (reversed(self.tokens[: self.at]), self.tokens[self.at + 1 :])
        before, after = (next((t for t in side if t.kind != "space"), None) for side in sides)
        if before is None or before.kind == "function" or before.text in "(,/+-*":
            raise UnsupportedError(token.line, f"nothing before a {token.text}", "write the operand")
        if after is None or after.text in "),/+-*!":
            raise UnsupportedError(token.line, f"nothing after a {token.text}", "write the operand")

    def important(self, token: Token) -> None:
        if not self.property_name:
            fix = "write !important in the declaration"
            raise UnsupportedError(token.line, "!important in a variable or an argument", fix)
        rest = [t.text.lower() for t in self.tokens[self.at + 1 :] if t.kind != "space"]
        if rest != ["important"] or self.unclosed or not strip_spaces(self.parts):
            text = "an unexpected !"
            raise UnsupportedError(token.line, text, "write !important after the value")
        append_text(self.parts, "!important")
        self.at = len(self.tokens)

    def parenthesis(self, token: Token, before: Token | None) -> None:
        if self.property_name.startswith("--"):
            # less.js does not evaluate arithmetic in a custom property.
            fix = "compute it in a variable, and give the variable to the property"
            raise UnsupportedError(token.line, "an operation in a custom property", fix)
        if before and not (before.kind in ("space", "function") or before.text in ",/"):
            raise UnsupportedError(token.line, f"{before.text}( without a space between", _SPACE_FIX)
        operation, self.at = parse_operation(self.source_tokens, self.at, self.path)
        if not isinstance(operation, Operation):
            fix = "drop the parentheses, or write an operation: (@a * 2)"
            raise UnsupportedError(token.line, "parentheses without an operation", fix)
        after = self.peek(1)
        if after and after.kind != "space" and after.text not in "),/!":
            raise UnsupportedError(token.line, f"){after.text} without a space between", _SPACE_FIX)
        self.parts.append(operation)


def _unparenthesized_operation(token: Token) -> UnsupportedError:
    text = f"an operation ({token.text}) outside of parentheses"
    fix = "put LESS arithmetic into parentheses, and a sum of CSS into calc()"
    return UnsupportedError(token.line, text, fix)


def normalize_spaces(tokens: Sequence[Token]) -> list[Token]:
    """Return *tokens* with each comment and each run of white space as one space."""
    return [
        Token("space", " ", token.line) if token.kind in ("space", "comment") else token for token in tokens
    ]


def append_text(parts: list[ValuePart], text: str) -> None:
    """Append CSS to *parts*; adjacent spaces become one."""
    last = parts[-1] if parts else None
    if not isinstance(last, CssText):
        parts.append(CssText(text))
    elif text != " " or not last.text.endswith(" "):
        parts[-1] = CssText(last.text + text)


def strip_spaces(parts: Sequence[ValuePart]) -> Value:
    """Return *parts* without leading and trailing spaces."""
    stripped = list(parts)
    if stripped and isinstance(stripped[0], CssText):
        stripped[0] = CssText(stripped[0].text.lstrip(" "))
    if stripped and isinstance(stripped[-1], CssText):
        stripped[-1] = CssText(stripped[-1].text.rstrip(" "))
    return tuple(part for part in stripped if part != CssText(""))
