"""The nodes of the syntax tree of supported LESS.

Nodes are compared by identity: two equal declarations in two places are two nodes.
Reads and writes nothing. No network.
"""

from __future__ import annotations

from msgspec import Struct


class SourcePosition(Struct, frozen=True):
    path: str  # relative to the project
    line: int  # counted from 1


class CssText(Struct, frozen=True):
    """Plain CSS; the emitter replaces it by a placeholder."""

    text: str


class Number(Struct, frozen=True):
    """A number in an operation."""

    text: str


class VariableRef(Struct, frozen=True, eq=False):
    """A use of a variable."""

    name: str  # with its @
    position: SourcePosition
    in_comparison: bool = False  # an argument of min() or max()


class Operation(Struct, frozen=True, eq=False):
    """Arithmetic in parentheses."""

    symbol: str  # + - * /
    left: Operand
    right: Operand
    position: SourcePosition


Operand = Number | VariableRef | Operation
ValuePart = CssText | VariableRef | Operation
Value = tuple[ValuePart, ...]  # concatenated; the spaces are in the CssTexts


class Declaration(Struct, frozen=True, eq=False):
    name: str
    value: Value
    position: SourcePosition


class VariableDefinition(Struct, frozen=True, eq=False):
    name: str  # with its @
    value: Value
    position: SourcePosition


class MixinCall(Struct, frozen=True, eq=False):
    """A call of a mixin."""

    name: str  # with its dot
    args: tuple[tuple[str, Value], ...]  # name with its @, or "" if positional
    position: SourcePosition


class Param(Struct, frozen=True):
    name: str  # with its @
    default: Value | None


class Selector(Struct, frozen=True):
    """One complex selector: compounds, ">", "+", "~" and " "; "&" and "&:hover" are compounds."""

    parts: tuple[str, ...]

    @property
    def needs_parent(self) -> bool:
        return self.parts[0] in (">", "+", "~") or any(part[0] == "&" for part in self.parts)


class Rule(Struct, frozen=True, eq=False):
    """Selectors and a block, or an at-rule that contains only declarations."""

    selectors: tuple[Selector, ...]
    body: tuple[Node, ...]
    position: SourcePosition
    at_rule: str = ""  # "@font-face", "@page :first" …; then there are no selectors


class GroupRule(Struct, frozen=True, eq=False):
    """An at-rule that contains rules: @media, @supports, @keyframes …"""

    name: str  # with its @
    query: Value
    body: tuple[Node, ...]
    position: SourcePosition


class StatementAtRule(Struct, frozen=True, eq=False):
    """An at-rule without a block."""

    text: str
    position: SourcePosition


class MixinDefinition(Struct, frozen=True, eq=False):
    name: str  # with its dot
    params: tuple[Param, ...]
    body: tuple[Node, ...]
    position: SourcePosition


class Import(Struct, frozen=True, eq=False):
    target: str
    position: SourcePosition


Node = (
    Declaration
    | VariableDefinition
    | MixinCall
    | Rule
    | GroupRule
    | StatementAtRule
    | MixinDefinition
    | Import
)


class Stylesheet(Struct, frozen=True):
    """One file, or the entry with all its imports."""

    body: tuple[Node, ...]
    rejected_names: frozenset[str]  # variables and mixins whose definition was rejected
    selector_names: tuple[tuple[str, SourcePosition], ...]  # every .class and #id of a selector
