"""Bind each variable and mixin to its definition.

Scopes are those of LESS: a variable is visible in its whole block, also before its
definition. A name that lesscpy or less.js would leak out of its block is rejected.
Reads and writes nothing. No network.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

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


class Binding(Struct, frozen=True, eq=False):
    """One variable or parameter."""

    name: str
    position: SourcePosition
    value: Value | None  # None: a parameter without a default
    mixin: MixinDefinition | None  # whose body contains it
    param: int = -1  # its index among the parameters


class ResolvedNames(Struct):
    """The definition behind each name of a stylesheet."""

    faults: list[Fault] = field(default_factory=list)
    mixins: dict[str, MixinDefinition] = field(default_factory=dict)
    refs: dict[VariableRef, Binding] = field(default_factory=dict)
    variables: dict[VariableDefinition, Binding] = field(default_factory=dict)
    params: dict[MixinDefinition, tuple[Binding, ...]] = field(default_factory=dict)
    calls: list[tuple[MixinCall, MixinDefinition | None]] = field(
        default_factory=list
    )  # and the mixin that contains the call
    args: dict[MixinCall, tuple[Value, ...]] = field(default_factory=dict)  # by position, complete


Scope = dict[str, Binding]


def find_refs(value: Value) -> Iterator[VariableRef]:
    """Yield each variable that *value* refers to."""
    parts: list[object] = list(value)
    while parts:
        part = parts.pop(0)
        if isinstance(part, VariableRef):
            yield part
        elif isinstance(part, Operation):
            parts[:0] = [part.left, part.right]


def resolve_names(sheet: Stylesheet) -> ResolvedNames:
    """Return the definitions of all names of *sheet*; unknown and leaking names are faults."""
    return _Resolver(sheet).run()


class _Resolver:
    def __init__(self, sheet: Stylesheet) -> None:
        self.sheet = sheet
        self.names = ResolvedNames()
        self.references: list[tuple[VariableRef, list[Scope]]] = []  # and its enclosing scopes

    def fault(self, position: SourcePosition, text: str, fix: str) -> None:
        self.names.faults.append(Fault(position.path, position.line, text, fix, "theme"))

    def run(self) -> ResolvedNames:
        for node in self.sheet.body:
            if isinstance(node, MixinDefinition):
                self.mixin(node)
        self.block(self.sheet.body, [], None)
        self.check_leaks()
        self.check_cycles()
        if not self.names.faults:
            self.check_shadowing()
        return self.names

    def mixin(self, node: MixinDefinition) -> None:
        other = self.names.mixins.get(node.name)
        if other:
            where = f"{other.position.path}:{other.position.line}"
            fix = "give each its own name; lesscpy does not overload mixins"
            self.fault(node.position, f"{node.name}() is also defined at {where}", fix)
            return
        self.names.mixins[node.name] = node
        for name, position in self.sheet.selector_names:
            if name == node.name:
                fix = "rename one of them; a call would include the rule as well"
                self.fault(position, f"{name} is also the name of a mixin", fix)

    def block(self, body: tuple[Node, ...], scopes: list[Scope], mixin: MixinDefinition | None) -> None:
        scope: Scope = {}
        inner = [*scopes, scope]
        for node in body:
            if isinstance(node, VariableDefinition):
                self.define(scope, Binding(node.name, node.position, node.value, mixin))
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
                    self.define(params, Binding(param.name, node.position, param.default, node, index))
                self.names.params[node] = tuple(params.values())
                for param in node.params:
                    self.value(param.default or (), [*inner, params])
                self.block(node.body, [*inner, params], node)

    def define(self, scope: Scope, binding: Binding) -> None:
        if binding.name in scope:
            where = f"{scope[binding.name].position.path}:{scope[binding.name].position.line}"
            text = f"{binding.name} is also defined at {where}"
            self.fault(binding.position, text, "keep one of the two definitions")
        scope.setdefault(binding.name, binding)

    def value(self, value: Value, scopes: list[Scope]) -> None:
        for ref in find_refs(value):
            found = next((s[ref.name] for s in reversed(scopes) if ref.name in s), None)
            if found:
                self.names.refs[ref] = found
                self.references.append((ref, scopes))
            elif ref.name not in self.sheet.rejected_names:
                known = {name for scope in scopes for name in scope}
                hint = suggest(ref.name, known) if known else "define it"
                self.fault(ref.position, f"unknown variable {ref.name}", hint)

    def call(self, call: MixinCall, scopes: list[Scope], caller: MixinDefinition | None) -> None:
        for _, value in call.args:
            self.value(value, scopes)
        mixin = self.names.mixins.get(call.name)
        if mixin is None:
            if any(call.name == name for name, _ in self.sheet.selector_names):
                fix = f"put what both need into a mixin {call.name}-mixin() {{…}}"
                self.fault(call.position, f"{call.name} is a rule, not a mixin", fix)
            elif call.name not in self.sheet.rejected_names:
                known = self.names.mixins
                hint = suggest(call.name, known) if known else f"define {call.name}()"
                self.fault(call.position, f"unknown mixin {call.name}()", hint)
            return
        self.names.calls.append((call, caller))
        args = self.arguments(call, mixin)
        if args is not None:
            self.names.args[call] = args

    def arguments(self, call: MixinCall, mixin: MixinDefinition) -> tuple[Value, ...] | None:
        """Return the arguments in the order of the parameters, with defaults."""
        given: dict[str, Value] = {}
        unbound = [param.name for param in mixin.params]
        for name, value in sorted(call.args, key=lambda arg: not arg[0]):
            if name and name not in unbound:
                hint = suggest(name, unbound) if unbound else "drop it"
                self.fault(call.position, f"{call.name}() takes no {name}", hint)
                return None
            if not name and not unbound:
                takes = f"{len(mixin.params)} argument{'' if len(mixin.params) == 1 else 's'}"
                fix = "separate arguments with semicolons, and drop the extra ones"
                self.fault(call.position, f"{call.name}() takes {takes}", fix)
                return None
            name = name or unbound[0]
            unbound.remove(name)
            given[name] = value
        for param in mixin.params:
            if param.name not in given and param.default is None:
                fix = f"give it: {call.name}({param.name}: …)"
                self.fault(call.position, f"{call.name}() needs {param.name}", fix)
                return None
        return tuple(self.fill_default(param.name, mixin, given) for param in mixin.params)

    def fill_default(self, name: str, mixin: MixinDefinition, given: dict[str, Value]) -> Value:
        """Return an argument, or the default with references to other arguments replaced."""
        if name in given:
            return given[name]
        default = next(param.default for param in mixin.params if param.name == name) or ()
        parts: list[ValuePart] = []
        own = {param.name for param in mixin.params}
        for part in default:
            if isinstance(part, VariableRef) and part.name in own and part.name != name:
                parts += self.fill_default(part.name, mixin, given)
            elif isinstance(part, Operation) and own & {ref.name for ref in find_refs((part,))}:
                fix = f"compute it inside {mixin.name}()"
                self.fault(mixin.position, f"{name} computes with another parameter", fix)
            else:
                parts.append(part)
        return tuple(parts)

    def check_leaks(self) -> None:
        """Reject a variable of a mixin whose name is defined elsewhere, too.

        less.js copies the variables of a mixin into the caller's scope, where they shadow
        those of the enclosing blocks.
        """
        bindings = [*self.names.variables.values(), *(p for ps in self.names.params.values() for p in ps)]
        for inner in self.names.variables.values():
            if inner.mixin is None:
                continue
            for other in bindings:
                if other is not inner and other.name == inner.name:
                    where = f"{other.position.path}:{other.position.line}"
                    text = f"{inner.name} inside {inner.mixin.name}() is also defined at {where}"
                    self.fault(
                        inner.position, text, "rename it: variables of a mixin are visible to its caller"
                    )

    def check_shadowing(self) -> None:
        """Reject a variable whose definition refers to a name that is shadowed at its use.

        less.js evaluates a variable in the scope of its use (dynamic scoping).
        """
        for ref, scopes in self.references:
            binding = self.names.refs[ref]
            for inner in self.dependencies(binding):
                here = next((s[inner.name] for s in reversed(scopes) if inner.name in s), inner)
                if here is not inner:
                    where = f"{here.position.path}:{here.position.line}"
                    text = f"{ref.name} depends on {inner.name}, which is redefined here ({where})"
                    self.fault(ref.position, text, "rename one of the two")

    def dependencies(self, binding: Binding) -> set[Binding]:
        """Return all variables that *binding* depends on."""
        found: set[Binding] = set()
        for ref in find_refs(binding.value or ()):
            if inner := self.names.refs.get(ref):
                found |= {inner, *self.dependencies(inner)}
        return found

    def check_cycles(self) -> None:
        """Reject variables and mixins that depend on themselves."""
        done: set[Binding] = set()

        def follow(binding: Binding, stack: tuple[Binding, ...]) -> None:
            if binding in stack:
                self.fault(
                    binding.position, f"{binding.name} is defined in terms of itself", "give it a value"
                )
            elif binding not in done and binding.value is not None:
                for ref in find_refs(binding.value):
                    if ref in self.names.refs:
                        follow(self.names.refs[ref], (*stack, binding))
            done.add(binding)

        for binding in self.names.refs.values():
            follow(binding, ())
        called: dict[str, set[str]] = {}
        for call, caller in self.names.calls:
            if caller:
                called.setdefault(caller.name, set()).add(call.name)
        for mixin in self.names.mixins.values():
            reached, frontier = set[str](), called.get(mixin.name, set())
            while frontier - reached:
                reached |= frontier
                frontier = {name for known in frontier for name in called.get(known, ())}
            if mixin.name in reached:
                self.fault(mixin.position, f"{mixin.name}() calls itself", "write the repetition out")
