"""The parts of a LESS sheet that the guard admits.

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
    """CSS that the compiler never sees."""

    text: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number inside an operation."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class VariableRef:
    """A variable where it is used."""

    name: str  # with its @
    place: SourcePosition
    compared: bool = False  # in min() or max()


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """Arithmetic in parentheses."""

    symbol: str  # + - * /
    left: Operand
    right: Operand
    place: SourcePosition


Operand = Number | VariableRef | Operation
ValuePart = CssText | VariableRef | Operation
Value = tuple[ValuePart, ...]  # written one after the other, spaces included in the texts


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    name: str
    value: Value
    place: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class VariableDefinition:
    name: str  # with its @
    value: Value
    place: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class MixinCall:
    """A mixin where it is used."""

    name: str  # with its dot
    args: tuple[tuple[str, Value], ...]  # name with its @, or "" for a place in the order
    place: SourcePosition


@dataclass(frozen=True, slots=True)
class Param:
    name: str  # with its @
    default: Value | None


@dataclass(frozen=True, slots=True)
class Selector:
    """One complex selector: compounds, ">", "+", "~" and " "; "&" and "&:hover" are compounds."""

    steps: tuple[str, ...]

    @property
    def needs_parent(self) -> bool:
        return self.steps[0] in (">", "+", "~") or any(step[0] == "&" for step in self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """Selectors and a block; with a frame, an at-rule that holds declarations alone."""

    selectors: tuple[Selector, ...]
    body: tuple[Node, ...]
    place: SourcePosition
    frame: str = ""  # "@font-face", "@page :first" …


@dataclass(frozen=True, slots=True, eq=False)
class GroupRule:
    """An at-rule around rules: @media, @supports, @keyframes …"""

    name: str  # with its @
    query: Value
    body: tuple[Node, ...]
    place: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class StatementAtRule:
    """An at-rule without a block."""

    text: str
    place: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class MixinDefinition:
    name: str  # with its dot
    params: tuple[Param, ...]
    body: tuple[Node, ...]
    place: SourcePosition


@dataclass(frozen=True, slots=True, eq=False)
class Import:
    target: str
    place: SourcePosition


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
    """One file, or all of them once the imports are in their places."""

    body: tuple[Node, ...]
    refused: frozenset[str]  # names of variables and mixins whose definition was refused
    names: tuple[tuple[str, SourcePosition], ...]  # .class and #id where a selector has them
