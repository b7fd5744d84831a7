"""Draw where the seconds from a push to the readers go, as an SVG for light and dark pages.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 780, 236, 720, 64, 34
_BAR = 18  # height of a bar
_STEPS = (1, 2, 5, 10, 20, 50, 100)  # seconds between two lines of the grid
_LINES = 8  # of the grid, at most
# Colours with at least 4.5:1 on the background: (light, dark).
_COLOURS = {
    "pipeline": ("#0b5fae", "#6cb6ff"),
    "Flux": ("#7a5200", "#f0b95a"),
    "cluster": ("#1f6b3a", "#6fcf8e"),
}


@dataclass(frozen=True)
class Phase:
    """One bar."""

    label: str
    owner: str  # a key of the colours: who works
    start: float  # seconds since the push began
    end: float


def phases(ends: Mapping[str, float]) -> tuple[Phase, ...]:
    """Return the bars of a delivery, by when its phases ended (tests/cluster/delivery.py)."""
    release, rollout = ends["release"], ends["rollout"]
    return (
        Phase("git push", "pipeline", 0.0, ends["push"]),
        Phase("build, images, chart, upload", "pipeline", ends["push"], ends["pipeline"]),
        Phase("Flux has the chart", "Flux", ends["push"], ends["source"]),
        Phase("Helm begins", "Flux", ends["source"], release),
        Phase("first reader has the word", "cluster", release, ends["first reader"]),
        Phase("all web pods are new", "cluster", release, rollout),
        Phase("helm test, last old pod ends", "cluster", rollout, max(ends["tested"], ends["all readers"])),
    )


def draw(title: str, found: Sequence[Phase]) -> str:
    """Return the picture: a row for each of *found*, from the first second to the last."""
    most = max(one.end for one in found)
    step = next(one for one in _STEPS if most / one <= _LINES)
    height = _TOP + len(found) * _ROW + 56

    def x(seconds: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * seconds / most

    parts = [_head(title, describe(found), height), *_grid(int(most), step, height, x)]
    for row, one in enumerate(found):
        top = _TOP + row * _ROW
        middle = top + _BAR - 4
        width = max(x(one.end) - x(one.start), 2.0)
        after = f"{one.end - one.start:.1f} s"
        outside = x(one.end) + 52 > _WIDTH
        at, anchor = (x(one.start) - 6, "end") if outside else (x(one.end) + 6, "start")
        parts += [
            f'<text x="{_LEFT - 10}" y="{middle}" text-anchor="end">{escape(one.label)}</text>',
            f'<rect class="{one.owner}" x="{x(one.start):.1f}" y="{top}" width="{width:.1f}"'
            f' height="{_BAR}" rx="2"/>',
            f'<text class="figure" x="{at:.1f}" y="{middle}" text-anchor="{anchor}">{after}</text>',
        ]
    return "\n".join([*parts, *_legend(height), "</svg>", ""])


def describe(found: Sequence[Phase]) -> str:
    """Return the figures of *found* in words."""
    return " ".join(f"{one.label}: from {one.start:.1f} to {one.end:.1f} s." for one in found)


def _head(title: str, description: str, height: int) -> str:
    light = "\n".join(f".{owner} {{ fill: {colours[0]}; }}" for owner, colours in _COLOURS.items())
    dark = "\n".join(f"  .{owner} {{ fill: {colours[1]}; }}" for owner, colours in _COLOURS.items())
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"
  width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title desc">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
<style>
svg {{ font: 13px system-ui, sans-serif; fill: #24292f; background: #ffffff; }}
.title {{ font-size: 16px; font-weight: 600; }}
.figure {{ font-weight: 600; }}
.grid {{ stroke: #d0d7de; }}
{light}
@media (prefers-color-scheme: dark) {{
  svg {{ fill: #e6edf3; background: #0d1117; }}
  .grid {{ stroke: #30363d; }}
{dark}
}}
</style>
<text class="title" x="20" y="30">{escape(title)}</text>"""


def _grid(most: int, step: int, height: int, x: Callable[[float], float]) -> Iterator[str]:
    bottom = height - 50
    for seconds in range(0, most + 1, step):
        at = f"{x(seconds):.1f}"
        yield f'<path class="grid" d="M{at} {_TOP - 8}V{bottom}"/>'
        yield f'<text x="{at}" y="{bottom + 16}" text-anchor="middle">{seconds} s</text>'


def _legend(height: int) -> Iterator[str]:
    for index, owner in enumerate(_COLOURS):
        left = _LEFT + index * 110
        yield f'<rect class="{owner}" x="{left}" y="{height - 20}" width="12" height="12" rx="2"/>'
        yield f'<text x="{left + 18}" y="{height - 10}">{owner}</text>'
