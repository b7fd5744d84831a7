"""Work out the value of every declaration, as the second entry in the books.

lesscpy works them out too, and what it writes must agree with these books. Arithmetic
is exact here; units that do not fit are refused.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import tinycss2
import tinycss2.color4

from pipelines.core.errors import Fault
from pipelines.site.less.arithmetic import NUMBER
from pipelines.site.less.nodes import (
    CssText,
    Declaration,
    GroupRule,
    MixinDefinition,
    Node,
    Operand,
    Operation,
    Rule,
    SourcePosition,
    Stylesheet,
    Value,
    VariableDefinition,
    VariableRef,
)
from pipelines.site.less.scopes import Binding, ResolvedNames

_COLOUR = re.compile(r"\b(?:rgb|hsl)a?\(", re.IGNORECASE)
MAX_CALLS = 10_000  # ways in which one mixin is called


@dataclass(frozen=True, slots=True)
class Dimension:
    value: Fraction
    unit: str

    def __str__(self) -> str:
        # less.js rounds to eight decimals.
        text = f"{float(self.value):.8f}".rstrip("0").rstrip(".")
        return f"{'0' if text == '-0' else text}{self.unit}"


EvaluatedValue = tuple[str | Dimension, ...]  # a value in its pieces
Arguments = Mapping[Binding, EvaluatedValue]


@dataclass(slots=True)
class Evaluation:
    """How often every declaration comes out with which value, and the queries of at-rules."""

    values: dict[Declaration, Counter[EvaluatedValue]] = field(default_factory=dict)
    queries: dict[GroupRule, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def parse_dimension(value: Value | str) -> Dimension | None:
    """Return the number that *value* is, or None."""
    if not isinstance(value, str):
        only = value[0] if len(value) == 1 else None
        return parse_dimension(only.text) if isinstance(only, CssText) else None
    found = NUMBER.fullmatch(value)
    return Dimension(Fraction(f"{found[1]}{found[2]}"), found[3]) if found else None


def evaluate(sheet: Stylesheet, names: ResolvedNames) -> Evaluation:
    """Return the books of *sheet*, whose names are all known."""
    books = Evaluation()
    keeper = _Evaluator(names, books.faults)
    for node, mixin in _nodes(sheet.body, None):
        if isinstance(node, GroupRule):
            books.queries[node] = keeper.query(node)
            continue
        # less.js works out the variables too that nothing uses.
        entries = Counter(keeper.value(node.value, way) for way in keeper.ways(mixin))
        if isinstance(node, Declaration):
            books.values[node] = entries
            keeper.colours(node, entries)
    return books


def _nodes(
    body: tuple[Node, ...], mixin: MixinDefinition | None
) -> Iterator[tuple[Declaration | VariableDefinition | GroupRule, MixinDefinition | None]]:
    """Every value and every at-rule, with the mixin that it stands in."""
    for node in body:
        if isinstance(node, Declaration | VariableDefinition | GroupRule):
            yield node, mixin
        if isinstance(node, Rule | GroupRule | MixinDefinition):
            yield from _nodes(node.body, node if isinstance(node, MixinDefinition) else mixin)


class _Evaluator:
    def __init__(self, names: ResolvedNames, faults: list[Fault]) -> None:
        self.names = names
        self.faults = faults
        self.known: dict[MixinDefinition | None, list[Arguments]] = {None: [{}]}
        self.constants: dict[Binding, EvaluatedValue] = {}

    def fault(self, place: SourcePosition, text: str, fix: str) -> None:
        self.faults.append(Fault(place.path, place.line, text, fix))

    def ways(self, mixin: MixinDefinition | None) -> list[Arguments]:
        """Return the arguments of every call of *mixin*, through other mixins too."""
        if mixin not in self.known:
            assert mixin is not None
            ways: list[Arguments] = []
            for call, caller in self.names.calls:
                if call.name != mixin.name or call not in self.names.args:
                    continue
                params, args = self.names.params[mixin], self.names.args[call]
                for way in self.ways(caller):
                    ways.append(
                        {param: self.alone(arg, way) for param, arg in zip(params, args, strict=True)}
                    )
            if len(ways) > MAX_CALLS:
                fix = "let mixins call each other less often"
                self.fault(mixin.place, f"{mixin.name}() is called in {len(ways)} ways", fix)
                ways = []
            self.known[mixin] = ways
        return self.known[mixin]

    def alone(self, value: Value, way: Arguments) -> EvaluatedValue:
        """Return the value of a variable or an argument: one number is a number."""
        number = parse_dimension(value)
        return (number,) if number else self.value(value, way)

    def binding(self, binding: Binding, way: Arguments) -> EvaluatedValue:
        if binding in way:
            return way[binding]
        if binding.mixin:
            return self.alone(binding.value or (), way)
        if binding not in self.constants:
            self.constants[binding] = self.alone(binding.value or (), {})
        return self.constants[binding]

    def value(self, value: Value, way: Arguments) -> EvaluatedValue:
        entry: list[str | Dimension] = []
        for piece in value or (CssText(""),):
            if isinstance(piece, CssText):
                entry.append(piece.text)
            elif isinstance(piece, Operation):
                entry.append(self.operation(piece, way) or "")
            else:
                inner = self.binding(self.names.refs[piece], way)
                if piece.compared and not _is_comparable(inner):
                    text = f"{piece.name} in min() or max() is not one value with a unit"
                    self.fault(piece.place, text, "give it a unit, or write the result")
                entry += inner
        return tuple(entry)

    def colours(self, node: Declaration, entries: Iterable[EvaluatedValue]) -> None:
        """Refuse rgb() and hsl() that are no colours: LESS reads more into them than CSS."""
        for entry in entries:
            text = "".join(map(str, entry))
            for token in tinycss2.parse_component_value_list(text) if _COLOUR.search(text) else ():
                if not _is_portable_colour(token):
                    said = f"{node.name} has {token.serialize()}, which is no colour"
                    self.fault(node.place, said, "write the whole colour where it is used")

    def query(self, group: GroupRule) -> str:
        """Return the condition of an at-rule as text."""
        text = ""
        for piece in group.query:
            if isinstance(piece, VariableRef):
                binding = self.names.refs[piece]
                if binding.mixin:
                    said = f"{piece.name} of {binding.mixin.name}() in a query"
                    self.fault(piece.place, said, "use a variable of the top level")
                else:
                    text += "".join(map(str, self.binding(binding, {})))
            elif isinstance(piece, CssText):
                text += piece.text
        return text

    def operand(self, operand: Operand, way: Arguments) -> Dimension | None:
        if isinstance(operand, Operation):
            return self.operation(operand, way)
        if not isinstance(operand, VariableRef):
            return parse_dimension(operand.text)
        binding = self.names.refs[operand]
        entry = self.binding(binding, way)
        if len(entry) == 1 and isinstance(entry[0], Dimension):
            return entry[0]
        if entry == ("",):
            return None  # an operation that is a fault already
        said = "".join(map(str, entry))
        text = f"{operand.name} in an operation is not a number but {said}"
        self.fault(operand.place, text, "compute with numbers alone")
        return None

    def operation(self, node: Operation, way: Arguments) -> Dimension | None:
        left, right = self.operand(node.left, way), self.operand(node.right, way)
        if left is None or right is None:
            return None
        wrong = _operation_fault(node.symbol, left, right)
        if wrong:
            self.fault(node.place, *wrong)
            return None
        value = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a / b,
        }[node.symbol](left.value, right.value)
        return Dimension(value, left.unit or right.unit)


def _is_comparable(entry: EvaluatedValue) -> bool:
    """Whether it is one value, and not a number that less.js would take for any unit."""
    tokens = tinycss2.parse_component_value_list("".join(map(str, entry)), skip_comments=True)
    parts = [token for token in tokens if token.type != "whitespace"]
    return len(parts) == 1 and parts[0].type != "number"


def _is_portable_colour(token: Any) -> bool:
    """Whether every rgb() and hsl() in *token* is one that CSS and less.js read alike."""
    inner = getattr(token, "arguments", getattr(token, "content", None)) or ()
    if token.type != "function" or token.lower_name not in ("rgb", "rgba", "hsl", "hsla"):
        return all(map(_is_portable_colour, inner))
    words = [word for word in inner if word.type not in ("whitespace", "comment")]
    functions = [word.lower_name for word in words if word.type == "function"]
    texts = [word.serialize() for word in words]
    if texts[:1] == ["from"]:
        return True
    if not set(functions) <= {"var", "calc", "env", "min", "max", "clamp"} or "none" in texts:
        return False
    if functions and words[0].type == "function":
        return True  # var() may be more than one number
    if functions and texts.count(",") == 3 and token.lower_name in ("rgb", "hsl"):
        return False  # less.js drops the fourth
    tried = (
        "".join(number if word.type == "function" else word.serialize() for word in inner)
        for number in ("1", "1%")
    )
    return any(tinycss2.color4.parse_color(f"{token.name}({text})") for text in tried)


def _operation_fault(symbol: str, left: Dimension, right: Dimension) -> tuple[str, str] | None:
    """Return why an operation is refused, and the remedy."""
    said = f"{left} {symbol} {right}"
    if symbol in "+-" and left.unit and right.unit and left.unit.lower() != right.unit.lower():
        return f"{said}: two units", "use one unit, or leave the sum to the browser: calc()"
    if symbol == "*" and left.unit and right.unit:
        return f"{said}: two units", "multiply by a number without a unit"
    if symbol == "/" and right.unit:
        return f"{said}: a divisor with a unit", "divide by a number without a unit"
    if symbol == "/" and not (right.value and left.value):
        return f"{said}: a division with zero", "write its result"
    return None
