"""Emit a stylesheet in a minimal subset of LESS that lesscpy compiles correctly.

Plain CSS is replaced by placeholders: ``-d7-`` for a property, ``"7"`` for the text of a
value, ``.s7_`` for a compound selector, ``(min-width: 7px)`` for the group rules around a
rule. lesscpy processes only variables, arithmetic, nesting and calls.

A block contains either declarations or one nested block, because lesscpy reorders mixed
ones. A mixin therefore becomes one mixin for each of its fragments.
Reads and writes nothing. No network.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

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

# The units that lesscpy parses. Any other unit is mapped to one that the theme does not use.
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


class Fragment(Struct, frozen=True):
    """Emitted LESS, with the group rules to wrap it in."""

    groups: tuple[GroupRule, ...]
    text: str
    position: SourcePosition
    is_declarations: bool = False  # not wrapped in a rule yet


class EmittedLess(Struct):
    """The emitted LESS, and the original behind each placeholder."""

    lines: list[str] = field(default_factory=list)
    positions: list[SourcePosition] = field(default_factory=list)  # of each line
    declarations: list[Declaration] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)
    groups: list[tuple[GroupRule, ...]] = field(default_factory=list)
    units: dict[str, str] = field(default_factory=dict)  # unit of the theme -> unit of lesscpy
    statements: dict[Declaration, str] = field(default_factory=dict)  # placeholder -> at-rule without a block
    faults: list[Fault] = field(default_factory=list)


def emit_less(sheet: Stylesheet, names: ResolvedNames) -> EmittedLess:
    """Emit *sheet*; what the subset cannot express is a fault."""
    emitter = _Emitter(names)
    emitter.stylesheet(sheet)
    return emitter.emitted


class _Emitter:
    def __init__(self, names: ResolvedNames) -> None:
        self.emitted = EmittedLess()
        self.names = names
        self.numbers: dict[tuple[str, str], int] = {}  # (kind, original) -> placeholder number
        self.variables: dict[Binding, str] = {}
        self.variable_count = 0  # names given so far: @v1, @v2 …
        self.mixins: dict[MixinDefinition, tuple[str, list[Fragment]]] = {}

    def stylesheet(self, sheet: Stylesheet) -> None:
        for binding in self.names.variables.values():
            if binding.mixin is None:
                self.line(self.definition(binding), binding.position)
        declarations, blocks = self.block(sheet.body, in_rule=False)
        for fragment in (*declarations, *blocks):
            self.line(self.wrap_in_group(fragment), fragment.position)

    def line(self, text: str, position: SourcePosition) -> None:
        self.emitted.lines.append(text)
        self.emitted.positions.append(position)

    def fault(self, position: SourcePosition, text: str, fix: str) -> None:
        self.emitted.faults.append(Fault(position.path, position.line, text, fix, "theme"))

    # --- Blocks ---

    def block(self, body: tuple[Node, ...], in_rule: bool) -> tuple[list[Fragment], list[Fragment]]:
        """Return the declarations of *body*, and its nested blocks in source order."""
        declarations: list[Fragment] = []
        blocks: list[Fragment] = []
        for node in body:
            if isinstance(node, Declaration):
                declarations.append(
                    Fragment((), self.declaration(node, node.value), node.position, is_declarations=True)
                )
            elif isinstance(node, MixinCall):
                self.call(node, declarations, blocks, in_rule)
            elif isinstance(node, Rule):
                prelude = self.prelude(node)
                declared, nested = self.block(node.body, in_rule=True)
                for fragment in (*_join_declarations(declared), *nested):
                    text = f"{prelude} {{ {fragment.text} }}"
                    blocks.append(Fragment(fragment.groups, text, fragment.position))
            elif isinstance(node, GroupRule):
                declared, nested = self.block(node.body, in_rule)
                for fragment in (*_join_declarations(declared), *nested):
                    blocks.append(replace(fragment, groups=(node, *fragment.groups)))
            elif isinstance(node, StatementAtRule):
                self.emitted.statements[Declaration("", (), node.position)] = node.text
                text = self.declaration(list(self.emitted.statements)[-1], ())
                blocks.append(
                    Fragment((), f"{self.placeholder('selectors', '')} {{ {text} }}", node.position)
                )
        return declarations, blocks

    def prelude(self, rule: Rule) -> str:
        if rule.at_rule:
            return self.placeholder("selectors", rule.at_rule)
        return ", ".join(self.selector(selector) for selector in rule.selectors)

    def selector(self, selector: Selector) -> str:
        components = []
        for compound in selector.parts:
            if compound.startswith("&"):
                components.append("&" + (self.placeholder("selectors", compound[1:]) if compound[1:] else ""))
            elif compound == " ":
                continue
            else:
                components.append(compound if compound in ">+~" else self.placeholder("selectors", compound))
        return " ".join(components)

    def wrap_in_group(self, fragment: Fragment) -> str:
        chain = [group.name for group in fragment.groups]
        for index, group in enumerate(fragment.groups):
            if group.name in chain[:index]:
                text = f"{group.name} inside {group.name}"
                self.fault(group.position, text, "join the two conditions in one query")
        if not fragment.groups:
            return fragment.text
        if fragment.groups not in self.emitted.groups:
            self.emitted.groups.append(fragment.groups)
        return f"@media (min-width: {self.emitted.groups.index(fragment.groups)}px) {{ {fragment.text} }}"

    # --- Mixins ---

    def call(
        self, call: MixinCall, declarations: list[Fragment], blocks: list[Fragment], in_rule: bool
    ) -> None:
        mixin = self.names.mixins[call.name]
        name, fragments = self.mixin(mixin)
        is_declarations = any(fragment.is_declarations for fragment in fragments)
        if not in_rule and (is_declarations or self.needs_parent(mixin.body)):
            text = f"{call.name}() writes declarations or & outside of a rule"
            self.fault(call.position, text, "call it inside a rule")
        for number, fragment in enumerate(fragments):
            before, args = "", []
            for value in self.names.args[call]:
                text = self.binding_value(value)
                if " " in text and not text.startswith("("):
                    before += f"{self.new_variable()}: {text}; "
                    text = f"@v{self.variable_count}"
                args.append(text)
            emitted = f"{before}.{name}_{number}({'; '.join(args)});"
            target = declarations if fragment.is_declarations and not fragment.groups else blocks
            target.append(Fragment(fragment.groups, emitted, call.position, fragment.is_declarations))

    def needs_parent(self, body: Iterable[Node]) -> bool:
        """Whether a selector in *body* refers to the enclosing rule."""
        for node in body:
            if isinstance(node, Rule) and any(one.needs_parent for one in node.selectors):
                return True
            if isinstance(node, GroupRule) and self.needs_parent(node.body):
                return True
            if isinstance(node, MixinCall) and self.needs_parent(self.names.mixins[node.name].body):
                return True
        return False

    def mixin(self, mixin: MixinDefinition) -> tuple[str, list[Fragment]]:
        """Emit *mixin* on its first use; return its name and its fragments."""
        if mixin not in self.mixins:
            name = f"m{len(self.mixins)}"
            self.mixins[mixin] = (name, [])
            params = "; ".join(self.name(binding) for binding in self.names.params[mixin])
            declared = [b for b in self.names.variables.values() if b.mixin is mixin]
            local = "".join(f"{self.definition(binding)} " for binding in declared)
            declarations, blocks = self.block(mixin.body, in_rule=True)
            for number, fragment in enumerate((*_join_declarations(declarations), *blocks)):
                text = f".{name}_{number}({params}) {{ {local}{fragment.text} }}"
                self.line(text, fragment.position)
                self.mixins[mixin][1].append(fragment)
        return self.mixins[mixin]

    # --- Values ---

    def declaration(self, node: Declaration, value: Value) -> str:
        self.emitted.declarations.append(node)
        text = " ".join(self.part(part) for part in value or (CssText(""),))
        return f"-d{len(self.emitted.declarations) - 1}-: {text};"

    def definition(self, binding: Binding) -> str:
        return f"{self.name(binding)}: {self.binding_value(binding.value or ())};"

    def binding_value(self, value: Value) -> str:
        """Emit a variable or an argument; a single number stays visible to lesscpy."""
        if parse_dimension(value):
            return self.literal(str(getattr(value[0], "text", "")))
        return " ".join(self.part(part) for part in value)

    def part(self, part: ValuePart) -> str:
        return self.placeholder("texts", part.text) if isinstance(part, CssText) else self.operand(part)

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
        if unit and unit not in self.emitted.units:
            used = self.emitted.units.values()
            free = [unit] if unit in LESSCPY_UNITS and unit not in used else []
            free += [candidate for candidate in reversed(LESSCPY_UNITS) if candidate not in used]
            if not free:
                text = f"more than {len(LESSCPY_UNITS)} units in variables and arithmetic"
                position = self.emitted.positions[-1] if self.emitted.positions else SourcePosition("", 0)
                self.fault(position, text, "use fewer of them")
            self.emitted.units[unit] = (free or LESSCPY_UNITS)[0]
        return text.lstrip("+").removesuffix(unit) + (self.emitted.units[unit] if unit else "")

    def name(self, binding: Binding) -> str:
        if binding not in self.variables:
            self.variables[binding] = self.new_variable()
        return self.variables[binding]

    def new_variable(self) -> str:
        self.variable_count += 1
        return f"@v{self.variable_count}"

    def placeholder(self, kind: str, text: str) -> str:
        """Store *text* among the originals of *kind*; return its placeholder."""
        originals: list[str] = getattr(self.emitted, kind)
        if (kind, text) not in self.numbers:
            self.numbers[kind, text] = len(originals)
            originals.append(text)
        number = self.numbers[kind, text]
        return f'"{number}"' if kind == "texts" else f".s{number}_"


def _join_declarations(fragments: list[Fragment]) -> list[Fragment]:
    """Join all declarations into one fragment."""
    if not fragments:
        return []
    text = " ".join(fragment.text for fragment in fragments)
    return [Fragment((), text, fragments[0].position, is_declarations=True)]
