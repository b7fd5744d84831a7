"""Evaluate each declaration, independently of lesscpy.

The verifier compares lesscpy's output with these values. Arithmetic is exact;
incompatible units are rejected.
Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

import tinycss2
import tinycss2.color4
from msgspec import Struct, field

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
MAX_CALLS = 10_000  # argument lists of one mixin, through all its callers


class Dimension(Struct, frozen=True):
    value: Fraction
    unit: str

    def __str__(self) -> str:
        # less.js rounds to eight decimals.
        text = f"{float(self.value):.8f}".rstrip("0").rstrip(".")
        return f"{'0' if text == '-0' else text}{self.unit}"


EvaluatedValue = tuple[str | Dimension, ...]  # the parts of a value
Arguments = Mapping[Binding, EvaluatedValue]


class Evaluation(Struct):
    """The values of each declaration, counted by how often they occur, and the queries of group rules."""

    values: dict[Declaration, Counter[EvaluatedValue]] = field(default_factory=dict)
    queries: dict[GroupRule, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def parse_dimension(value: Value | str) -> Dimension | None:
    """Return *value* as a number with its unit, or None if it is not one."""
    if not isinstance(value, str):
        only = value[0] if len(value) == 1 else None
        return parse_dimension(only.text) if isinstance(only, CssText) else None
    found = NUMBER.fullmatch(value)
    return Dimension(Fraction(f"{found[1]}{found[2]}"), found[3]) if found else None


def evaluate(sheet: Stylesheet, names: ResolvedNames) -> Evaluation:
    """Return the values of all declarations of *sheet*, whose names are resolved."""
    evaluation = Evaluation()
    evaluator = _Evaluator(names, evaluation.faults)
    for node, mixin in _nodes(sheet.body, None):
        if isinstance(node, GroupRule):
            evaluation.queries[node] = evaluator.query(node)
            continue
        # less.js evaluates unused variables, too, and reports their errors.
        evaluated_values = Counter(
            evaluator.value(node.value, arguments) for arguments in evaluator.calls(mixin)
        )
        if isinstance(node, Declaration):
            evaluation.values[node] = evaluated_values
            evaluator.check_colours(node, evaluated_values)
    return evaluation


def _nodes(
    body: tuple[Node, ...], mixin: MixinDefinition | None
) -> Iterator[tuple[Declaration | VariableDefinition | GroupRule, MixinDefinition | None]]:
    """Yield each node with a value or a query, and the mixin that contains it."""
    for node in body:
        if isinstance(node, Declaration | VariableDefinition | GroupRule):
            yield node, mixin
        if isinstance(node, Rule | GroupRule | MixinDefinition):
            yield from _nodes(node.body, node if isinstance(node, MixinDefinition) else mixin)


class _Evaluator:
    def __init__(self, names: ResolvedNames, faults: list[Fault]) -> None:
        self.names = names
        self.faults = faults
        self.call_arguments: dict[MixinDefinition | None, list[Arguments]] = {None: [{}]}
        self.constants: dict[Binding, EvaluatedValue] = {}

    def fault(self, position: SourcePosition, text: str, fix: str) -> None:
        self.faults.append(Fault(position.path, position.line, text, fix, "theme"))

    def calls(self, mixin: MixinDefinition | None) -> list[Arguments]:
        """Return the evaluated arguments of each call of *mixin*, direct or through other mixins."""
        if mixin not in self.call_arguments:
            assert mixin is not None
            calls: list[Arguments] = []
            for call, caller in self.names.calls:
                if call.name != mixin.name or call not in self.names.args:
                    continue
                params, args = self.names.params[mixin], self.names.args[call]
                for arguments in self.calls(caller):
                    calls.append(
                        {
                            param: self.binding_value(arg, arguments)
                            for param, arg in zip(params, args, strict=True)
                        }
                    )
            if len(calls) > MAX_CALLS:
                fix = "let mixins call each other less often"
                self.fault(mixin.position, f"{mixin.name}() has {len(calls)} different calls", fix)
                calls = []
            self.call_arguments[mixin] = calls
        return self.call_arguments[mixin]

    def binding_value(self, value: Value, arguments: Arguments) -> EvaluatedValue:
        """Evaluate a variable or an argument; a single number becomes a Dimension."""
        number = parse_dimension(value)
        return (number,) if number else self.value(value, arguments)

    def binding(self, binding: Binding, arguments: Arguments) -> EvaluatedValue:
        if binding in arguments:
            return arguments[binding]
        if binding.mixin:
            return self.binding_value(binding.value or (), arguments)
        if binding not in self.constants:
            self.constants[binding] = self.binding_value(binding.value or (), {})
        return self.constants[binding]

    def value(self, value: Value, arguments: Arguments) -> EvaluatedValue:
        evaluated: list[str | Dimension] = []
        for part in value or (CssText(""),):
            if isinstance(part, CssText):
                evaluated.append(part.text)
            elif isinstance(part, Operation):
                evaluated.append(self.operation(part, arguments) or "")
            else:
                inner = self.binding(self.names.refs[part], arguments)
                if part.in_comparison and not _is_comparable(inner):
                    text = f"{part.name} in min() or max() is not one value with a unit"
                    self.fault(part.position, text, "give it a unit, or write the result")
                evaluated += inner
        return tuple(evaluated)

    def check_colours(self, node: Declaration, evaluated_values: Iterable[EvaluatedValue]) -> None:
        """Reject an rgb() or hsl() that is not a CSS colour: less.js accepts more than CSS."""
        for evaluated in evaluated_values:
            text = "".join(map(str, evaluated))
            for token in tinycss2.parse_component_value_list(text) if _COLOUR.search(text) else ():
                if not _is_portable_colour(token):
                    message = f"{node.name} has {token.serialize()}, which is not a colour"
                    self.fault(node.position, message, "write the whole colour where it is used")

    def query(self, group: GroupRule) -> str:
        """Return the query of *group* with its variables replaced."""
        text = ""
        for part in group.query:
            if isinstance(part, VariableRef):
                binding = self.names.refs[part]
                if binding.mixin:
                    message = f"{part.name} of {binding.mixin.name}() in a query"
                    self.fault(part.position, message, "use a variable of the top level")
                else:
                    text += "".join(map(str, self.binding(binding, {})))
            elif isinstance(part, CssText):
                text += part.text
        return text

    def operand(self, operand: Operand, arguments: Arguments) -> Dimension | None:
        if isinstance(operand, Operation):
            return self.operation(operand, arguments)
        if not isinstance(operand, VariableRef):
            return parse_dimension(operand.text)
        binding = self.names.refs[operand]
        evaluated = self.binding(binding, arguments)
        if len(evaluated) == 1 and isinstance(evaluated[0], Dimension):
            return evaluated[0]
        if evaluated == ("",):
            return None  # an operation that was reported already
        value = "".join(map(str, evaluated))
        text = f"{operand.name} in an operation is not a number but {value}"
        self.fault(operand.position, text, "compute with numbers alone")
        return None

    def operation(self, node: Operation, arguments: Arguments) -> Dimension | None:
        left, right = self.operand(node.left, arguments), self.operand(node.right, arguments)
        if left is None or right is None:
            return None
        error = _operation_fault(node.symbol, left, right)
        if error:
            self.fault(node.position, *error)
            return None
        value = {
            "+": lambda a, b: a + b,
            "-": lambda a, b: a - b,
            "*": lambda a, b: a * b,
            "/": lambda a, b: a / b,
        }[node.symbol](left.value, right.value)
        return Dimension(value, left.unit or right.unit)


def _is_comparable(evaluated: EvaluatedValue) -> bool:
    """Whether less.js compares it by unit: one value, and not a number without a unit."""
    tokens = tinycss2.parse_component_value_list("".join(map(str, evaluated)), skip_comments=True)
    parts = [token for token in tokens if token.type != "whitespace"]
    return len(parts) == 1 and parts[0].type != "number"


def _is_portable_colour(token: Any) -> bool:
    """Whether CSS and less.js agree on every rgb() and hsl() in *token*."""
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
        return True  # var() may expand to several numbers
    if functions and texts.count(",") == 3 and token.lower_name in ("rgb", "hsl"):
        return False  # less.js drops the fourth
    tried = (
        "".join(number if word.type == "function" else word.serialize() for word in inner)
        for number in ("1", "1%")
    )
    return any(tinycss2.color4.parse_color(f"{token.name}({text})") for text in tried)


def _operation_fault(symbol: str, left: Dimension, right: Dimension) -> tuple[str, str] | None:
    """Return the error of an operation and its fix, or None."""
    operation = f"{left} {symbol} {right}"
    if symbol in "+-" and left.unit and right.unit and left.unit.lower() != right.unit.lower():
        return f"{operation}: two units", "use one unit, or leave the sum to the browser: calc()"
    if symbol == "*" and left.unit and right.unit:
        return f"{operation}: two units", "multiply by a number without a unit"
    if symbol == "/" and right.unit:
        return f"{operation}: a divisor with a unit", "divide by a number without a unit"
    if symbol == "/" and not (right.value and left.value):
        return f"{operation}: a division with zero", "write its result"
    return None
