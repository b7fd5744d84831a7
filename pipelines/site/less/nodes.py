"""The nodes of the syntax tree of supported LESS.

Nodes are compared by identity: two equal declarations in two places are two nodes.
Reads and writes nothing. No network.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourcePosition:
    path: str  # relative to the project
    line: int  # counted from 1


@dataclass(frozen=True, slots=True)
class CssText:
    """Plain CSS; the emitter replaces it by a placeholder."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number in an operation."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class VariableRef:
    """A use of a variable."""

    name: str  # with its @
    position: SourcePosition
    in_comparison: bool = False  # an argument of min() or max()


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """Arithmetic in parentheses."""

    symbol: str  # + - * /
    left: Operand
    right: Operand
    position: SourcePosition


Operand = Number | VariableRef | Operation
ValuePart = CssText | VariableRef | Operation
Value = tuple[ValuePart, ...]  # concatenated; the spaces are in the CssTexts


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    name: str
    value: Value
    position: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class VariableDefinition:
    name: str  # with its @
    value: Value
    position: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class MixinCall:
    """A call of a mixin."""

    name: str  # with its dot
    args: tuple[tuple[str, Value], ...]  # name with its @, or "" if positional
    position: SourcePosition


@dataclass(frozen=True, slots=True)
class Param:
    name: str  # with its @
    default: Value | None


@dataclass(frozen=True, slots=True)
class Selector:
    """One complex selector: compounds, ">", "+", "~" and " "; "&" and "&:hover" are compounds."""

    parts: tuple[str, ...]

    @property
    def needs_parent(self) -> bool:
        return self.parts[0] in (">", "+", "~") or any(part[0] == "&" for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Selectors and a block, or an at-rule that contains only declarations."""

    selectors: tuple[Selector, ...]
    body: tuple[Node, ...]
    position: SourcePosition
    at_rule: str = ""  # "@font-face", "@page :first" …; then there are no selectors


@dataclass(frozen=True, slots=True, eq=False)
class GroupRule:
    """An at-rule that contains rules: @media, @supports, @keyframes …"""

    name: str  # with its @
    query: Value
    body: tuple[Node, ...]
    position: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class StatementAtRule:
    """An at-rule without a block."""

    text: str
    position: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class MixinDefinition:
    name: str  # with its dot
    params: tuple[Param, ...]
    body: tuple[Node, ...]
    position: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class Import:
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


@dataclass(frozen=True, slots=True)
class Stylesheet:
    """One file, or the entry with all its imports."""

    body: tuple[Node, ...]
    rejected_names: frozenset[str]  # variables and mixins whose definition was rejected
    selector_names: tuple[tuple[str, SourcePosition], ...]  # every .class and #id of a selector
