"""Write a sheet in the core of LESS that lesscpy compiles right.

What is CSS is put aside, and a name that means nothing stands in its place: ``-d7-`` for a
property, ``"7"`` for a piece of a value, ``.s7_`` for a part of a selector,
``(min-width: 7px)`` for the at-rules around a rule. Every block holds declarations
alone or one block alone, because lesscpy changes the order of mixed ones; so a mixin becomes
as many mixins as it has parts. lesscpy is left with variables, arithmetic, nesting and calls.
Reads and writes nothing. No network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from pipelines.core.errors import Fault
from pipelines.site.less.evaluation import parse_dimension
from pipelines.site.less.nodes import (
    CssText,
    Declaration,
    GroupRule,
    MixinCall,
    MixinDefinition,
    Node,
    Number,
    Operand,
    Rule,
    Selector,
    SourcePosition,
    StatementAtRule,
    Stylesheet,
    Value,
    ValuePart,
    VariableRef,
)
from pipelines.site.less.scopes import Binding, ResolvedNames

# The units that lesscpy reads. Others of the theme borrow one that the theme does not use.
LESSCPY_UNITS = (
    "px",
    "em",
    "%",
    "s",
    "ms",
    "deg",
    "pt",
    "cm",
    "mm",
    "in",
    "pc",
    "ex",
    "rad",
    "grad",
    "hz",
    "khz",
    "dpi",
    "dpcm",
    "dppx",
)


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of core LESS, with the at-rules that belong around it."""

    groups: tuple[GroupRule, ...]
    text: str
    place: SourcePosition
    bare: bool = False  # declarations, with no rule around them yet


@dataclass(slots=True)
class EmittedLess:
    """The sheet in core LESS, and what its names stand for."""

    lines: list[str] = field(default_factory=list)
    places: list[SourcePosition] = field(default_factory=list)  # of each line
    declarations: list[Declaration] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)
    groups: list[tuple[GroupRule, ...]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)  # of the theme: of lesscpy
    statements: dict[Declaration, str] = field(default_factory=dict)  # at-rules without a block
    faults: list[Fault] = field(default_factory=list)


def emit_less(sheet: Stylesheet, names: ResolvedNames) -> EmittedLess:
    """Return *sheet* in core LESS; what has no place in it is a fault."""
    writer = _Emitter(names)
    writer.sheet(sheet)
    return writer.core


class _Emitter:
    def __init__(self, names: ResolvedNames) -> None:
        self.core = EmittedLess()
        self.names = names
        self.numbers: dict[tuple[str, str], int] = {}  # of texts and selectors
        self.variables: dict[Binding, str] = {}
        self.fresh = 0  # the last variable that was named
        self.mixins: dict[MixinDefinition, tuple[str, list[Fragment]]] = {}

    def sheet(self, sheet: Stylesheet) -> None:
        for binding in self.names.variables.values():
            if binding.mixin is None:
                self.line(self.definition(binding), binding.place)
        first, rest = self.block(sheet.body, inside=False)
        for part in (*first, *rest):
            self.line(self.grouped(part), part.place)

    def line(self, text: str, place: SourcePosition) -> None:
        self.core.lines.append(text)
        self.core.places.append(place)

    def fault(self, place: SourcePosition, text: str, fix: str) -> None:
        self.core.faults.append(Fault(place.path, place.line, text, fix))

    # --- Blocks ---

    def block(self, body: tuple[Node, ...], inside: bool) -> tuple[list[Fragment], list[Fragment]]:
        """Return the declarations of *body*, and the blocks under it in their order."""
        first: list[Fragment] = []
        rest: list[Fragment] = []
        for node in body:
            if isinstance(node, Declaration):
                first.append(Fragment((), self.declaration(node, node.value), node.place, bare=True))
            elif isinstance(node, MixinCall):
                self.call(node, first, rest, inside)
            elif isinstance(node, Rule):
                head = self.head(node)
                own, under = self.block(node.body, inside=True)
                for part in (*_join_declarations(own), *under):
                    text = f"{head} {{ {part.text} }}"
                    rest.append(Fragment(part.groups, text, part.place))
            elif isinstance(node, GroupRule):
                own, under = self.block(node.body, inside)
                for part in (*_join_declarations(own), *under):
                    rest.append(replace(part, groups=(node, *part.groups)))
            elif isinstance(node, StatementAtRule):
                self.core.statements[Declaration("", (), node.place)] = node.text
                text = self.declaration(list(self.core.statements)[-1], ())
                rest.append(Fragment((), f"{self.aside('selectors', '')} {{ {text} }}", node.place))
        return first, rest

    def head(self, rule: Rule) -> str:
        if rule.frame:
            return self.aside("selectors", rule.frame)
        return ", ".join(self.selector(selector) for selector in rule.selectors)

    def selector(self, selector: Selector) -> str:
        words = []
        for step in selector.steps:
            if step.startswith("&"):
                words.append("&" + (self.aside("selectors", step[1:]) if step[1:] else ""))
            elif step == " ":
                continue
            else:
                words.append(step if step in ">+~" else self.aside("selectors", step))
        return " ".join(words)

    def grouped(self, part: Fragment) -> str:
        chain = [group.name for group in part.groups]
        for index, group in enumerate(part.groups):
            if group.name in chain[:index]:
                text = f"{group.name} inside {group.name}"
                self.fault(group.place, text, "join the two conditions in one query")
        if not part.groups:
            return part.text
        if part.groups not in self.core.groups:
            self.core.groups.append(part.groups)
        return f"@media (min-width: {self.core.groups.index(part.groups)}px) {{ {part.text} }}"

    # --- Mixins ---

    def call(self, call: MixinCall, first: list[Fragment], rest: list[Fragment], inside: bool) -> None:
        mixin = self.names.mixins[call.name]
        name, parts = self.mixin(mixin)
        bare = any(part.bare for part in parts)
        if not inside and (bare or self.needs_parent(mixin.body)):
            text = f"{call.name}() gives declarations or & outside of a rule"
            self.fault(call.place, text, "call it inside a rule")
        for number, part in enumerate(parts):
            before, args = "", []
            for value in self.names.args[call]:
                text = self.alone(value)
                if " " in text and not text.startswith("("):
                    before += f"{self.new()}: {text}; "
                    text = f"@v{self.fresh}"
                args.append(text)
            core = f"{before}.{name}_{number}({'; '.join(args)});"
            kind = first if part.bare and not part.groups else rest
            kind.append(Fragment(part.groups, core, call.place, part.bare))

    def needs_parent(self, body: Iterable[Node]) -> bool:
        """Whether a selector in *body* leans on the rule around it."""
        for node in body:
            if isinstance(node, Rule) and any(one.needs_parent for one in node.selectors):
                return True
            if isinstance(node, GroupRule) and self.needs_parent(node.body):
                return True
            if isinstance(node, MixinCall) and self.needs_parent(self.names.mixins[node.name].body):
                return True
        return False

    def mixin(self, mixin: MixinDefinition) -> tuple[str, list[Fragment]]:
        """Write *mixin* once, in parts; return its name and the parts."""
        if mixin not in self.mixins:
            name = f"m{len(self.mixins)}"
            self.mixins[mixin] = (name, [])
            params = "; ".join(self.name(binding) for binding in self.names.params[mixin])
            own = [b for b in self.names.variables.values() if b.mixin is mixin]
            local = "".join(f"{self.definition(binding)} " for binding in own)
            first, rest = self.block(mixin.body, inside=True)
            for number, part in enumerate((*_join_declarations(first), *rest)):
                text = f".{name}_{number}({params}) {{ {local}{part.text} }}"
                self.line(text, part.place)
                self.mixins[mixin][1].append(part)
        return self.mixins[mixin]

    # --- Values ---

    def declaration(self, node: Declaration, value: Value) -> str:
        self.core.declarations.append(node)
        text = " ".join(self.piece(piece) for piece in value or (CssText(""),))
        return f"-d{len(self.core.declarations) - 1}-: {text};"

    def definition(self, binding: Binding) -> str:
        return f"{self.name(binding)}: {self.alone(binding.value or ())};"

    def alone(self, value: Value) -> str:
        """Write a variable or an argument; lesscpy sees the number that it computes with."""
        if parse_dimension(value):
            return self.literal(str(getattr(value[0], "text", "")))
        return " ".join(self.piece(piece) for piece in value)

    def piece(self, piece: ValuePart) -> str:
        return self.aside("texts", piece.text) if isinstance(piece, CssText) else self.operand(piece)

    def operand(self, operand: Operand) -> str:
        if isinstance(operand, VariableRef):
            return self.name(self.names.refs[operand])
        if isinstance(operand, Number):
            return self.literal(operand.text)
        left, right = self.operand(operand.left), self.operand(operand.right)
        return f"({left} {operand.symbol} {right})"

    def literal(self, text: str) -> str:
        number = parse_dimension(text)
        assert number is not None
        unit = number.unit
        if unit and unit not in self.core.units:
            taken = self.core.units.values()
            free = [unit] if unit in LESSCPY_UNITS and unit not in taken else []
            free += [known for known in reversed(LESSCPY_UNITS) if known not in taken]
            if not free:
                said = f"more than {len(LESSCPY_UNITS)} units in variables and arithmetic"
                place = self.core.places[-1] if self.core.places else SourcePosition("", 0)
                self.fault(place, said, "use fewer of them")
            self.core.units[unit] = (free or LESSCPY_UNITS)[0]
        return text.lstrip("+").removesuffix(unit) + (self.core.units[unit] if unit else "")

    def name(self, binding: Binding) -> str:
        if binding not in self.variables:
            self.variables[binding] = self.new()
        return self.variables[binding]

    def new(self) -> str:
        self.fresh += 1
        return f"@v{self.fresh}"

    def aside(self, shelf: str, text: str) -> str:
        """Put *text* aside and return what stands in its place."""
        things: list[str] = getattr(self.core, shelf)
        if (shelf, text) not in self.numbers:
            self.numbers[shelf, text] = len(things)
            things.append(text)
        number = self.numbers[shelf, text]
        return f'"{number}"' if shelf == "texts" else f".s{number}_"


def _join_declarations(parts: list[Fragment]) -> list[Fragment]:
    """Put declarations into one part."""
    if not parts:
        return []
    text = " ".join(part.text for part in parts)
    return [Fragment((), text, parts[0].place, bare=True)]
