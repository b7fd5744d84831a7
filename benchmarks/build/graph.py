"""Draw wall time over pages as an SVG, for light and dark pages.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from xml.sax.saxutils import escape

Series = Mapping[str, Sequence[tuple[int, float]]]  # by label: (pages, seconds), in the order of pages

_WIDTH, _HEIGHT = 780, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 560, 56, 384  # of the plot; the labels of the lines are right of it
_LABEL_HEIGHT = 18
_STEPS = [step * 10.0**power for power in range(-3, 6) for step in (1, 2, 5)]  # seconds, on the axis
# Colours with at least 4.5:1 on the background. The markers differ too, for readers who see no colours.
_LINES = (  # light, dark, dashes, marker around (0, 0)
    ("#0b5fae", "#6cb6ff", "", '<circle r="5"/>'),
    ("#0b5fae", "#6cb6ff", "6 4", '<circle r="5" fill="none" stroke-width="2"/>'),
    ("#b3264a", "#ff8fa6", "", '<path d="M-5-5H5V5H-5Z"/>'),
    ("#7a5200", "#f0b95a", "", '<path d="M0-6 6 5H-6Z"/>'),
    ("#1f6b3a", "#6fcf8e", "", '<path d="M0-7 7 0 0 7-7 0Z"/>'),
)


def draw(title: str, description: str, series: Series) -> str:
    """Return the graph of *series* with logarithmic axes: a straight line of slope 1 is linear growth.

    *title* is shown and, with *description*, read out. At most five series, without a time of 0.
    """
    points = [point for line in series.values() for point in line]
    pages = sorted({page for page, _ in points})
    low, high = _limits(min(seconds for _, seconds in points), max(seconds for _, seconds in points))
    x = _scale(pages[0], pages[-1], _LEFT, _RIGHT)
    y = _scale(low, high, _BOTTOM, _TOP)
    ends = _spread([y(line[-1][1]) for line in series.values()])
    parts = [_head(title, description), *_grid(pages, low, high, x, y)]
    for index, ((label, line), end) in enumerate(zip(series.items(), ends, strict=True)):
        _, _, dashes, marker = _LINES[index]
        places = [(x(page), y(seconds)) for page, seconds in line]
        path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        parts.append(f'<g class="line{index}"><path class="run" d="{path}"{dashed}/>')
        parts += [
            f'<g transform="translate({across:.1f} {down:.1f})">{marker}</g>' for across, down in places
        ]
        text = f"{label}: {format_seconds(line[-1][1])}"
        parts.append(f'<text class="label" x="{_RIGHT + 14}" y="{end + 4:.1f}">{escape(text)}</text></g>')
    return "\n".join([*parts, "</svg>", ""])


def describe(series: Series) -> str:
    """Return the figures of *series* in words."""
    return " ".join(
        f"{label}: "
        + ", ".join(f"{pages:,} pages in {format_seconds(seconds)}" for pages, seconds in line)
        + "."
        for label, line in series.items()
    )


def format_seconds(seconds: float) -> str:
    """Return *seconds* with two significant digits at least."""
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


def _limits(least: float, most: float) -> tuple[float, float]:
    """Return the limits 1, 2 or 5 times a power of ten around *least* and *most*."""
    low = max(step for step in _STEPS if step <= least)
    return low, min(step for step in _STEPS if step >= most and step > low)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return the logarithmic scale from *low*, at *start*, to *high*, at *end*."""
    span = math.log(high / low) or 1.0
    return lambda value: start + (end - start) * math.log(value / low) / span


def _spread(places: Sequence[float]) -> list[float]:
    """Return *places* from top to bottom moved apart, so that labels there do not overlap."""
    found = list(places)
    order = sorted(range(len(found)), key=lambda index: found[index])
    for before, after in pairwise(order):
        found[after] = max(found[after], found[before] + _LABEL_HEIGHT)
    return found


def _head(title: str, description: str) -> str:
    colours = "\n".join(
        f".line{index} {{ color: {light}; }}" for index, (light, _, _, _) in enumerate(_LINES)
    )
    dark = "\n".join(
        f"  .line{index} {{ color: {colour}; }}" for index, (_, colour, _, _) in enumerate(_LINES)
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"
  width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-labelledby="title desc">
<title id="title">{escape(title)}</title>
<desc id="desc">{escape(description)}</desc>
<style>
svg {{ font: 13px system-ui, sans-serif; fill: #24292f; background: #ffffff; }}
.title {{ font-size: 16px; font-weight: 600; }}
.grid {{ stroke: #d0d7de; }}
.run {{ fill: none; stroke: currentcolor; stroke-width: 2; }}
g[class^="line"] {{ fill: currentcolor; stroke: currentcolor; }}
.label {{ stroke: none; font-weight: 600; }}
{colours}
@media (prefers-color-scheme: dark) {{
  svg {{ fill: #e6edf3; background: #0d1117; }}
  .grid {{ stroke: #30363d; }}
{dark}
}}
</style>
<text class="title" x="{_LEFT}" y="26">{escape(title)}</text>"""


def _grid(
    pages: Sequence[int], low: float, high: float, x: Callable[[float], float], y: Callable[[float], float]
) -> Iterator[str]:
    for count in pages:
        at = f"{x(count):.1f}"
        yield f'<path class="grid" d="M{at} {_TOP}V{_BOTTOM}"/>'
        yield f'<text x="{at}" y="{_BOTTOM + 20}" text-anchor="middle">{count:,}</text>'
    for seconds in (step for step in _STEPS if low <= step <= high):
        at = f"{y(seconds):.1f}"
        yield f'<path class="grid" d="M{_LEFT} {at}H{_RIGHT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{float(at) + 4:.1f}" text-anchor="end">{seconds:g} s</text>'
    middle = (_LEFT + _RIGHT) / 2
    yield f'<text x="{middle:g}" y="{_BOTTOM + 44}" text-anchor="middle">pages</text>'
