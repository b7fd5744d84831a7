"""Find out what every name in a sheet stands for, and how often every block is used.

Scopes are those of LESS: a variable holds in its whole block, before its
definition too. Where lesscpy or less.js would let a name leak out of its block, the name
is refused. Reads and writes nothing. No network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.core.errors import Fault, suggest
from pipelines.site.less.nodes import (
    Declaration,
    GroupRule,
    MixinCall,
    MixinDefinition,
    Node,
    Operation,
    Rule,
    SourcePosition,
    Stylesheet,
    Value,
    ValuePart,
    VariableDefinition,
    VariableRef,
)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """One variable or parameter."""

    name: str
    place: SourcePosition
    value: Value | None  # None: a parameter without a default
    mixin: MixinDefinition | None  # whose body it stands in
    param: int = -1  # its number among the parameters of the mixin


@dataclass(slots=True)
class ResolvedNames:
    """What is known of the names of a sheet."""

    faults: list[Fault] = field(default_factory=list)
    mixins: dict[str, MixinDefinition] = field(default_factory=dict)
    refs: dict[VariableRef, Binding] = field(default_factory=dict)
    variables: dict[VariableDefinition, Binding] = field(default_factory=dict)
    params: dict[MixinDefinition, tuple[Binding, ...]] = field(default_factory=dict)
    calls: list[tuple[MixinCall, MixinDefinition | None]] = field(default_factory=list)  # and who calls
    args: dict[MixinCall, tuple[Value, ...]] = field(default_factory=dict)  # by position, complete


Scope = dict[str, Binding]


def find_refs(value: Value) -> Iterator[VariableRef]:
    """Every variable that *value* names."""
    pieces: list[object] = list(value)
    while pieces:
        piece = pieces.pop(0)
        if isinstance(piece, VariableRef):
            yield piece
        elif isinstance(piece, Operation):
            pieces[:0] = [piece.left, piece.right]


def resolve_names(sheet: Stylesheet) -> ResolvedNames:
    """Return what the names of *sheet* stand for; unknown and leaking ones are faults."""
    return _Resolver(sheet).run()


class _Resolver:
    def __init__(self, sheet: Stylesheet) -> None:
        self.sheet = sheet
        self.names = ResolvedNames()
        self.uses: list[tuple[VariableRef, list[Scope]]] = []  # and the scopes around it

    def fault(self, place: SourcePosition, text: str, fix: str) -> None:
        self.names.faults.append(Fault(place.path, place.line, text, fix))

    def run(self) -> ResolvedNames:
        for node in self.sheet.body:
            if isinstance(node, MixinDefinition):
                self.mixin(node)
        self.block(self.sheet.body, [], None)
        self.leaks()
        self.circles()
        if not self.names.faults:
            self.shadows()
        return self.names

    def mixin(self, node: MixinDefinition) -> None:
        other = self.names.mixins.get(node.name)
        if other:
            where = f"{other.place.path}:{other.place.line}"
            fix = "give each its own name; lesscpy does not choose between them"
            self.fault(node.place, f"{node.name}() is defined at {where} too", fix)
            return
        self.names.mixins[node.name] = node
        for name, place in self.sheet.names:
            if name == node.name:
                fix = "rename one of them; a call would take in the rule as well"
                self.fault(place, f"{name} is the name of a mixin too", fix)

    def block(self, body: tuple[Node, ...], scopes: list[Scope], mixin: MixinDefinition | None) -> None:
        scope: Scope = {}
        inner = [*scopes, scope]
        for node in body:
            if isinstance(node, VariableDefinition):
                self.define(scope, Binding(node.name, node.place, node.value, mixin))
                self.names.variables[node] = scope[node.name]
        for node in body:
            if isinstance(node, VariableDefinition | Declaration):
                self.value(node.value, inner)
            elif isinstance(node, MixinCall):
                self.call(node, inner, mixin)
            elif isinstance(node, Rule):
                self.block(node.body, inner, mixin)
            elif isinstance(node, GroupRule):
                self.value(node.query, inner)
                self.block(node.body, inner, mixin)
            elif isinstance(node, MixinDefinition) and self.names.mixins.get(node.name) is node:
                params: Scope = {}
                for index, param in enumerate(node.params):
                    self.define(params, Binding(param.name, node.place, param.default, node, index))
                self.names.params[node] = tuple(params.values())
                for param in node.params:
                    self.value(param.default or (), [*inner, params])
                self.block(node.body, [*inner, params], node)

    def define(self, scope: Scope, binding: Binding) -> None:
        if binding.name in scope:
            where = f"{scope[binding.name].place.path}:{scope[binding.name].place.line}"
            text = f"{binding.name} is defined at {where} too"
            self.fault(binding.place, text, "keep one of the two definitions")
        scope.setdefault(binding.name, binding)

    def value(self, value: Value, scopes: list[Scope]) -> None:
        for ref in find_refs(value):
            found = next((s[ref.name] for s in reversed(scopes) if ref.name in s), None)
            if found:
                self.names.refs[ref] = found
                self.uses.append((ref, scopes))
            elif ref.name not in self.sheet.refused:
                known = {name for scope in scopes for name in scope}
                hint = suggest(ref.name, known) if known else "define it"
                self.fault(ref.place, f"unknown variable {ref.name}", hint)

    def call(self, call: MixinCall, scopes: list[Scope], caller: MixinDefinition | None) -> None:
        for _, value in call.args:
            self.value(value, scopes)
        mixin = self.names.mixins.get(call.name)
        if mixin is None:
            if any(call.name == name for name, _ in self.sheet.names):
                fix = f"put what both need into a mixin {call.name}-mixin() {{…}}"
                self.fault(call.place, f"{call.name} is a rule, not a mixin", fix)
            elif call.name not in self.sheet.refused:
                known = self.names.mixins
                hint = suggest(call.name, known) if known else f"define {call.name}()"
                self.fault(call.place, f"unknown mixin {call.name}()", hint)
            return
        self.names.calls.append((call, caller))
        args = self.arguments(call, mixin)
        if args is not None:
            self.names.args[call] = args

    def arguments(self, call: MixinCall, mixin: MixinDefinition) -> tuple[Value, ...] | None:
        """Return the arguments in the order of the parameters, defaults filled in."""
        given: dict[str, Value] = {}
        free = [param.name for param in mixin.params]
        for name, value in sorted(call.args, key=lambda arg: not arg[0]):
            if name and name not in free:
                hint = suggest(name, free) if free else "drop it"
                self.fault(call.place, f"{call.name}() takes no {name}", hint)
                return None
            if not name and not free:
                takes = f"{len(mixin.params)} argument{'' if len(mixin.params) == 1 else 's'}"
                fix = "part arguments by semicolons, and drop those too many"
                self.fault(call.place, f"{call.name}() takes {takes}", fix)
                return None
            name = name or free[0]
            free.remove(name)
            given[name] = value
        for param in mixin.params:
            if param.name not in given and param.default is None:
                fix = f"give it: {call.name}({param.name}: …)"
                self.fault(call.place, f"{call.name}() needs {param.name}", fix)
                return None
        return tuple(self.filled(param.name, mixin, given) for param in mixin.params)

    def filled(self, name: str, mixin: MixinDefinition, given: dict[str, Value]) -> Value:
        """Return an argument, or the default with the other arguments put into it."""
        if name in given:
            return given[name]
        default = next(param.default for param in mixin.params if param.name == name) or ()
        pieces: list[ValuePart] = []
        own = {param.name for param in mixin.params}
        for piece in default:
            if isinstance(piece, VariableRef) and piece.name in own and piece.name != name:
                pieces += self.filled(piece.name, mixin, given)
            elif isinstance(piece, Operation) and own & {ref.name for ref in find_refs((piece,))}:
                fix = f"compute it inside {mixin.name}()"
                self.fault(mixin.place, f"{name} computes with another parameter", fix)
            else:
                pieces.append(piece)
        return tuple(pieces)

    def leaks(self) -> None:
        """Refuse a name inside a mixin that is a variable somewhere else too.

        less.js hands the variables of a mixin to its caller, where they would win over
        those of the blocks around it.
        """
        bindings = [*self.names.variables.values(), *(p for ps in self.names.params.values() for p in ps)]
        for inner in self.names.variables.values():
            if inner.mixin is None:
                continue
            for other in bindings:
                if other is not inner and other.name == inner.name:
                    where = f"{other.place.path}:{other.place.line}"
                    text = f"{inner.name} inside {inner.mixin.name}() is defined at {where} too"
                    self.fault(inner.place, text, "give it a name of its own: mixins share theirs")

    def shadows(self) -> None:
        """Refuse a variable whose definition means something else where it is used.

        less.js works a variable out among the names of the place where it is used.
        """
        for ref, scopes in self.uses:
            binding = self.names.refs[ref]
            for inner in self.behind(binding):
                here = next((s[inner.name] for s in reversed(scopes) if inner.name in s), inner)
                if here is not inner:
                    where = f"{here.place.path}:{here.place.line}"
                    text = f"{ref.name} is made of {inner.name}, which is another one here ({where})"
                    self.fault(ref.place, text, "rename one of the two")

    def behind(self, binding: Binding) -> set[Binding]:
        """The variables that *binding* is made of."""
        found: set[Binding] = set()
        for ref in find_refs(binding.value or ()):
            if inner := self.names.refs.get(ref):
                found |= {inner, *self.behind(inner)}
        return found

    def circles(self) -> None:
        """Refuse variables and mixins that need themselves."""
        done: set[Binding] = set()

        def follow(binding: Binding, above: tuple[Binding, ...]) -> None:
            if binding in above:
                self.fault(binding.place, f"{binding.name} is defined by itself", "give it a value")
            elif binding not in done and binding.value is not None:
                for ref in find_refs(binding.value):
                    if ref in self.names.refs:
                        follow(self.names.refs[ref], (*above, binding))
            done.add(binding)

        for binding in self.names.refs.values():
            follow(binding, ())
        called: dict[str, set[str]] = {}
        for call, caller in self.names.calls:
            if caller:
                called.setdefault(caller.name, set()).add(call.name)
        for mixin in self.names.mixins.values():
            reached, wave = set[str](), called.get(mixin.name, set())
            while wave - reached:
                reached |= wave
                wave = {name for known in wave for name in called.get(known, ())}
            if mixin.name in reached:
                self.fault(mixin.place, f"{mixin.name}() calls itself", "repeat what it repeats")
