"""The bars of the build, and the tables of the report.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from benchmarks.build.generators import ELEVENTY, HUGO, OURS, PELICAN
from benchmarks.build.preview import HUGO_SERVER, Save
from benchmarks.build.scenarios import NOTHING, TEMPLATE, TEXT
from benchmarks.measure import Run, format_met, median, ratio

T = TypeVar("T")
_BARS = (  # pages, what is measured, against what, greatest ratio
    (1_000, OURS, HUGO, 2.0),
    (1_000, OURS, PELICAN, 0.5),
    (10_000, NOTHING, HUGO, 0.09),
    (10_000, TEXT, HUGO, 0.12),
    (1_000, TEXT, HUGO, 0.22),
    (1_000, TEMPLATE, OURS, 0.5),
)
_GROWTH = (10_000, 1_000, 1.15)  # the ratio of the times per page
_MEMORY = (10_000, 1000.0)  # MB
_SAVE = (1_000, 1.2)  # against Hugo's server


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured with one number of pages."""

    builds: Mapping[str, Sequence[Run]] = field(default_factory=dict)  # by command
    memory: Mapping[str, float] = field(default_factory=dict)  # MB, by generator
    saves: Mapping[str, Sequence[Save]] = field(default_factory=dict)  # by preview


BySize = Mapping[int, Figures]  # by the number of pages


def bars_table(found: BySize) -> str:
    """Return the rows of the bars that *found* has figures for."""
    rows = [*_build_rows(found), *_growth_rows(found), *_memory_rows(found), *_save_rows(found)]
    head = "| pages | this build | s | against | s | ratio: median (least to greatest) | bar | met |"
    return "\n".join([head, "|---:|---|---:|---|---:|---:|---:|---|", *rows])


def _build_rows(found: BySize) -> Iterator[str]:
    for pages, name, other, bar in _BARS:
        runs = found.get(pages, Figures()).builds
        if name in runs and other in runs:
            yield _row(pages, name, runs[name], other, runs[other], _wall, bar)


def _growth_rows(found: BySize) -> Iterator[str]:
    many, few, bar = _GROWTH
    if all(OURS in found.get(pages, Figures()).builds for pages in (many, few)):
        long, short = (median(found[pages].builds[OURS], _wall) / pages for pages in (many, few))
        name, met = _label(OURS), format_met(long / short <= bar)
        figures = f"{long:.4f} | the same with {few:,} | {short:.4f} | {long / short:.2f} | {bar}"
        yield f"| {many:,} | {name}, per page | {figures} | {met} |"


def _memory_rows(found: BySize) -> Iterator[str]:
    pages, bar = _MEMORY
    peak = found.get(pages, Figures()).memory.get(OURS)
    if peak is not None:
        yield f"| {pages:,} | memory | {peak:.0f} MB | | | | {bar:.0f} MB | {format_met(peak < bar)} |"


def _save_rows(found: BySize) -> Iterator[str]:
    pages, bar = _SAVE
    saves = found.get(pages, Figures()).saves
    if saves:
        ours, theirs = saves[OURS], saves[HUGO_SERVER]
        yield _row(pages, "save to page", ours, HUGO_SERVER, theirs, lambda one: one.served, bar)


def _row(
    pages: int,
    name: str,
    ours: Sequence[T],
    other: str,
    theirs: Sequence[T],
    what: Callable[[T], float],
    bar: float,
) -> str:
    least, middle, most = ratio(ours, theirs, what)
    spread, met = _format_ratio(least, middle, most), format_met(middle <= bar)
    figures = f"{median(ours, what):.2f} | {_label(other)} | {median(theirs, what):.2f}"
    return f"| {pages:,} | {_label(name)} | {figures} | {spread} | {bar} | {met} |"


def times_table(pages: int, figures: Figures) -> str:
    """Return the costs of each build, with *pages* posts."""
    rows = []
    for name, runs in figures.builds.items():
        peak = f"{figures.memory[name]:.0f}" if name in figures.memory else ""
        against = ""
        if HUGO in figures.builds and name != HUGO:
            against = _format_ratio(*ratio(runs, figures.builds[HUGO], _wall))
        times = f"{median(runs, _wall):.2f} | {median(runs, _cpu):.2f}"
        rows.append(f"| {_label(name)} | {times} | {peak} | {against} |")
    head = f"| {pages:,} pages | wall s | CPU s | memory MB | wall against Hugo: median (least to greatest) |"
    return "\n".join([head, "|---|---:|---:|---:|---:|", *rows])


def saves_table(pages: int, saves: Mapping[str, Sequence[Save]]) -> str:
    """Return the times of the previews, with *pages* posts."""
    rows = []
    for name, found in saves.items():
        event = median(found, lambda one: one.event)
        times = f"{median(found, lambda one: one.served):.3f} | {f'{event:.3f}' if event else ''}"
        rows.append(f"| {'serve' if name == OURS else name} | {times} |")
    return "\n".join([f"| {pages:,} pages | page s | event s |", "|---|---:|---:|", *rows])


def graph_series(found: BySize) -> dict[str, list[tuple[int, float]]]:
    """Return the median wall times for the graph: first builds, and this build after a changed text."""
    labels = {OURS: OURS, TEXT: f"{OURS}, one edit", HUGO: HUGO, PELICAN: PELICAN, ELEVENTY: ELEVENTY}
    series = {
        label: [
            (pages, median(figures.builds[name], _wall))
            for pages, figures in sorted(found.items())
            if name in figures.builds
        ]
        for name, label in labels.items()
    }
    return {label: line for label, line in series.items() if line}


def _format_ratio(least: float, middle: float, most: float) -> str:
    return f"{middle:.3g} ({least:.3g} to {most:.3g})"


def _label(name: str) -> str:
    if name == OURS:
        return f"{OURS}, first"
    return f"{OURS}, {name}" if name in (NOTHING, TEXT, TEMPLATE) else name


def _wall(run: Run) -> float:
    return run.wall


def _cpu(run: Run) -> float:
    return run.cpu
