"""Put back into lesscpy's result what was put aside, and compare it with the books.

Reads and writes nothing. No network.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest

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


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule of the result."""

    groups: tuple[GroupRule, ...]
    selectors: tuple[str, ...]
    declarations: tuple[tuple[Declaration, EvaluatedValue], ...]


class CompilerMismatchError(Exception):
    """lesscpy wrote what it cannot have been told."""


def verify_result(css: str, core: EmittedLess, books: Evaluation) -> tuple[str, list[Fault]]:
    """Return the theme's CSS, or a fault for everything that is not as in the books."""
    try:
        blocks = _parse_output(core, css)
    except CompilerMismatchError as error:
        text = f"lesscpy compiles the theme wrong: {error}"
        return "", [Fault(core.places[0].path, 0, text, LESSCPY_FIX)]
    blocks, faults = _compare_values(core, books, blocks)
    return ("" if faults else _format_css(core, books, blocks)), faults


def _parse_output(core: EmittedLess, css: str) -> list[CompiledRule]:
    """Return the rules that lesscpy wrote, with everything put back."""
    blocks: list[CompiledRule] = []
    groups: tuple[GroupRule, ...] = ()
    grouped = False
    selectors: tuple[str, ...] = ()
    declarations: list[tuple[Declaration, EvaluatedValue]] | None = None
    heads = ""
    for line in filter(None, map(str.strip, css.splitlines())):
        if found := _GROUP.fullmatch(line):
            if grouped or declarations is not None:
                raise CompilerMismatchError(line)
            groups, grouped = core.groups[int(found[1])], True
        elif line == "}":
            if declarations is not None:
                blocks.append(CompiledRule(groups, selectors, tuple(declarations)))
                declarations = None
            elif grouped:
                groups, grouped = (), False
            else:
                raise CompilerMismatchError(line)
        elif declarations is None and line[-1] in ",{":
            heads += line[:-1].strip() + ","
            if line[-1] == "{":
                selectors = tuple(_restore_selector(core, head) for head in heads.split(",")[:-1])
                declarations, heads = [], ""
        elif declarations is not None and (found := _DECLARATION.fullmatch(line)):
            entry = tuple(_restore_value(core, word) for word in _WORD.findall(found[2]))
            declarations.append((core.declarations[int(found[1])], entry))
        else:
            raise CompilerMismatchError(line)
    if grouped or declarations is not None or heads:
        raise CompilerMismatchError("the end is missing")
    return blocks


def _restore_selector(core: EmittedLess, text: str) -> str:
    if not _SELECTOR.fullmatch(text):
        raise CompilerMismatchError(f"selector {text}")
    return re.sub(r"\.s(\d+)_", lambda found: core.selectors[int(found[1])], text)


def _restore_value(core: EmittedLess, word: str) -> str | Dimension:
    if found := _TEXT.fullmatch(word):
        return core.texts[int(found[1])]
    if found := _NUMBER.fullmatch(word):
        units = {theirs: ours for ours, theirs in core.units.items()}
        if not found[2] or found[2] in units:
            return Dimension(Fraction(found[1]), units.get(found[2], ""))
    return f" {word}"  # no text of the theme: it would stand in quotes


def _compare_values(
    core: EmittedLess, books: Evaluation, blocks: list[CompiledRule]
) -> tuple[list[CompiledRule], list[Fault]]:
    """Return the blocks with exact numbers, and a fault for what is not as in the books."""
    # What stands in the source must stand in the result, as often as it is used.
    missing = {declaration: Counter(entries) for declaration, entries in books.values.items()}
    missing |= {statement: Counter([("",)]) for statement in core.statements}
    exact: list[CompiledRule] = []
    wrong: dict[Declaration, list[EvaluatedValue]] = {}
    for block in blocks:
        declarations = []
        for declaration, entry in block.declarations:
            entries = missing[declaration]
            ours = next((one for one in entries if entries[one] and _values_match(one, entry)), None)
            if ours is None:
                wrong.setdefault(declaration, []).append(entry)
            else:
                entries[ours] -= 1
                declarations.append((declaration, ours))
        exact.append(CompiledRule(block.groups, block.selectors, tuple(declarations)))
    faults = []
    for declaration, entries in missing.items():
        lost = list(entries.elements())
        for ours, theirs in zip_longest(lost, wrong.get(declaration, [])):
            faults.append(_mismatch_fault(declaration, ours, theirs))
    return exact, faults


def _values_match(ours: EvaluatedValue, theirs: EvaluatedValue) -> bool:
    if len(ours) != len(theirs):
        return False
    return all(
        _dimensions_match(one, other)
        if isinstance(one, Dimension) and isinstance(other, Dimension)
        else one == other
        for one, other in zip(ours, theirs, strict=True)
    )


def _dimensions_match(ours: Dimension, theirs: Dimension) -> bool:
    """Compare numbers; lesscpy drops the unit of a zero."""
    if not ours.value and not theirs.value:
        return theirs.unit in (ours.unit, "")
    # Both are rounded to eight decimals later; what is large may be off in proportion.
    slack = max(Fraction(1, 10**9), abs(ours.value) / 10**12)
    return abs(ours.value - theirs.value) <= slack and ours.unit == theirs.unit


def _value_text(entry: EvaluatedValue) -> str:
    return "".join(map(str, entry)).strip()


def _mismatch_fault(
    declaration: Declaration, ours: EvaluatedValue | None, theirs: EvaluatedValue | None
) -> Fault:
    place = declaration.place
    if ours is None:
        text = f"lesscpy repeats {declaration.name}: {_value_text(theirs or ())}"
    elif theirs is None:
        text = f"lesscpy loses {declaration.name}: {_value_text(ours)}"
    else:
        text = f"lesscpy makes {declaration.name}: {_value_text(theirs)} of what is {_value_text(ours)}"
    return Fault(place.path, place.line, text, LESSCPY_FIX)


def _format_css(core: EmittedLess, books: Evaluation, blocks: list[CompiledRule]) -> str:
    """Return CSS; neighbours under the same at-rules share them."""
    lines: list[str] = []
    above: tuple[GroupRule, ...] = ()
    for block in blocks:
        while block.groups[: len(above)] != above:
            above = above[:-1]
            lines.append("  " * len(above) + "}")
        for group in block.groups[len(above) :]:
            head = f"{group.name} {books.queries[group]}".rstrip()
            lines.append("  " * len(above) + f"{head} {{")
            above = (*above, group)
        lines += _format_rule(core, block, "  " * len(above))
    while above:
        above = above[:-1]
        lines.append("  " * len(above) + "}")
    return "\n".join(lines) + "\n" if lines else ""


def _format_rule(core: EmittedLess, block: CompiledRule, pad: str) -> list[str]:
    first = block.declarations[0][0] if block.declarations else None
    if first in core.statements:
        return [f"{pad}{core.statements[first]};"]
    lines = [f"{pad}{f',{chr(10)}{pad}'.join(block.selectors)} {{"]
    for declaration, entry in block.declarations:
        lines.append(f"{pad}  {declaration.name}: {_value_text(entry)};")
    return [*lines, f"{pad}}}"]
