"""Compare lesscpy's output with the evaluation, and replace its placeholders by CSS.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from itertools import zip_longest

from msgspec import Struct

from pipelines.core.errors import Fault
from pipelines.site.less.emitter import EmittedLess
from pipelines.site.less.evaluation import Dimension, EvaluatedValue, Evaluation
from pipelines.site.less.lesscpy_compiler import LESSCPY_FIX
from pipelines.site.less.nodes import Declaration, GroupRule

_GROUP = re.compile(r"@media \(min-width:(\d+)px\) \{")
_SELECTOR = re.compile(r"(?:[>+~] )?(?:\.s\d+_)+(?:(?: | [>+~] )(?:\.s\d+_)+)*")
_DECLARATION = re.compile(r"-d(\d+)-: (.+);")
_TEXT = re.compile(r'"(\d+)"')
_WORD = re.compile(r'"\d+"|[^"\s]+')
_NUMBER = re.compile(r"(-?\d*\.?\d+(?:e[+-]?\d+)?)([a-z%]*)")


class CompiledRule(Struct, frozen=True):
    """One rule of lesscpy's output."""

    groups: tuple[GroupRule, ...]
    selectors: tuple[str, ...]
    declarations: tuple[tuple[Declaration, EvaluatedValue], ...]


class CompilerMismatchError(Exception):
    """lesscpy's output has a form that the emitted LESS cannot produce."""


def verify_result(css: str, emitted: EmittedLess, evaluation: Evaluation) -> tuple[str, list[Fault]]:
    """Return the theme's CSS, or a fault for each deviation from *evaluation*."""
    try:
        rules = _parse_output(emitted, css)
    except CompilerMismatchError as error:
        text = f"lesscpy compiles the theme wrong: {error}"
        return "", [Fault(emitted.positions[0].path, 0, text, LESSCPY_FIX, "theme")]
    rules, faults = _compare_values(emitted, evaluation, rules)
    return ("" if faults else _format_css(emitted, evaluation, rules)), faults


def _parse_output(emitted: EmittedLess, css: str) -> list[CompiledRule]:
    """Parse lesscpy's output; replace each placeholder by its original."""
    rules: list[CompiledRule] = []
    groups: tuple[GroupRule, ...] = ()
    grouped = False
    selectors: tuple[str, ...] = ()
    declarations: list[tuple[Declaration, EvaluatedValue]] | None = None
    selector_list = ""
    for line in filter(None, map(str.strip, css.splitlines())):
        if found := _GROUP.fullmatch(line):
            if grouped or declarations is not None:
                raise CompilerMismatchError(line)
            groups, grouped = emitted.groups[int(found[1])], True
        elif line == "}":
            if declarations is not None:
                rules.append(CompiledRule(groups, selectors, tuple(declarations)))
                declarations = None
            elif grouped:
                groups, grouped = (), False
            else:
                raise CompilerMismatchError(line)
        elif declarations is None and line[-1] in ",{":
            selector_list += line[:-1].strip() + ","
            if line[-1] == "{":
                selectors = tuple(
                    _restore_selector(emitted, prelude) for prelude in selector_list.split(",")[:-1]
                )
                declarations, selector_list = [], ""
        elif declarations is not None and (found := _DECLARATION.fullmatch(line)):
            value = tuple(_restore_value(emitted, word) for word in _WORD.findall(found[2]))
            declarations.append((emitted.declarations[int(found[1])], value))
        else:
            raise CompilerMismatchError(line)
    if grouped or declarations is not None or selector_list:
        raise CompilerMismatchError("the end is missing")
    return rules


def _restore_selector(emitted: EmittedLess, text: str) -> str:
    if not _SELECTOR.fullmatch(text):
        raise CompilerMismatchError(f"selector {text}")
    return re.sub(r"\.s(\d+)_", lambda found: emitted.selectors[int(found[1])], text)


def _restore_value(emitted: EmittedLess, word: str) -> str | Dimension:
    if found := _TEXT.fullmatch(word):
        return emitted.texts[int(found[1])]
    if found := _NUMBER.fullmatch(word):
        units = {actual: expected for expected, actual in emitted.units.items()}
        if not found[2] or found[2] in units:
            return Dimension(Fraction(found[1]), units.get(found[2], ""))
    return f" {word}"  # never equal to a text of the theme


def _compare_values(
    emitted: EmittedLess, evaluation: Evaluation, rules: list[CompiledRule]
) -> tuple[list[CompiledRule], list[Fault]]:
    """Return the rules with exact numbers, and a fault for each value that differs."""
    missing = {declaration: Counter(values) for declaration, values in evaluation.values.items()}
    missing |= {statement: Counter([("",)]) for statement in emitted.statements}
    verified: list[CompiledRule] = []
    mismatched: dict[Declaration, list[EvaluatedValue]] = {}
    for rule in rules:
        declarations = []
        for declaration, value in rule.declarations:
            values = missing[declaration]
            expected = next((one for one in values if values[one] and _values_match(one, value)), None)
            if expected is None:
                mismatched.setdefault(declaration, []).append(value)
            else:
                values[expected] -= 1
                declarations.append((declaration, expected))
        verified.append(CompiledRule(rule.groups, rule.selectors, tuple(declarations)))
    faults = []
    for declaration, values in missing.items():
        for expected, actual in zip_longest(values.elements(), mismatched.get(declaration, [])):
            faults.append(_mismatch_fault(declaration, expected, actual))
    return verified, faults


def _values_match(expected: EvaluatedValue, actual: EvaluatedValue) -> bool:
    if len(expected) != len(actual):
        return False
    return all(
        _dimensions_match(a, b) if isinstance(a, Dimension) and isinstance(b, Dimension) else a == b
        for a, b in zip(expected, actual, strict=True)
    )


def _dimensions_match(expected: Dimension, actual: Dimension) -> bool:
    """Whether two numbers are equal; lesscpy drops the unit of a zero."""
    if not expected.value and not actual.value:
        return actual.unit in (expected.unit, "")
    # The output is rounded to eight decimals; large numbers get a relative tolerance.
    tolerance = max(Fraction(1, 10**9), abs(expected.value) / 10**12)
    return abs(expected.value - actual.value) <= tolerance and expected.unit == actual.unit


def _value_text(value: EvaluatedValue) -> str:
    return "".join(map(str, value)).strip()


def _mismatch_fault(
    declaration: Declaration, expected: EvaluatedValue | None, actual: EvaluatedValue | None
) -> Fault:
    position = declaration.position
    if expected is None:
        text = f"lesscpy repeats {declaration.name}: {_value_text(actual or ())}"
    elif actual is None:
        text = f"lesscpy drops {declaration.name}: {_value_text(expected)}"
    else:
        text = f"lesscpy writes {declaration.name}: {_value_text(actual)}, not {_value_text(expected)}"
    return Fault(position.path, position.line, text, LESSCPY_FIX, "theme")


def _format_css(emitted: EmittedLess, evaluation: Evaluation, rules: list[CompiledRule]) -> str:
    """Return CSS; adjacent rules in the same group rules share them."""
    lines: list[str] = []
    open_groups: tuple[GroupRule, ...] = ()
    for rule in rules:
        while rule.groups[: len(open_groups)] != open_groups:
            open_groups = open_groups[:-1]
            lines.append("  " * len(open_groups) + "}")
        for group in rule.groups[len(open_groups) :]:
            prelude = f"{group.name} {evaluation.queries[group]}".rstrip()
            lines.append("  " * len(open_groups) + f"{prelude} {{")
            open_groups = (*open_groups, group)
        lines += _format_rule(emitted, rule, "  " * len(open_groups))
    while open_groups:
        open_groups = open_groups[:-1]
        lines.append("  " * len(open_groups) + "}")
    return "\n".join(lines) + "\n" if lines else ""


def _format_rule(emitted: EmittedLess, rule: CompiledRule, indent: str) -> list[str]:
    first = rule.declarations[0][0] if rule.declarations else None
    if first in emitted.statements:
        return [f"{indent}{emitted.statements[first]};"]
    lines = [f"{indent}{f',{chr(10)}{indent}'.join(rule.selectors)} {{"]
    for declaration, value in rule.declarations:
        lines.append(f"{indent}  {declaration.name}: {_value_text(value)};")
    return [*lines, f"{indent}}}"]
