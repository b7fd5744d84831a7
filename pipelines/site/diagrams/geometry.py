"""Where the parts of a drawing lie: enough geometry to tell text on a shape from text beside it.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

Box = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]


def contains(box: Box, point: Point) -> bool:
    """Whether *point* lies inside *box*."""
    left, top, right, bottom = box
    return left < point[0] < right and top < point[1] < bottom


def text_metrics(text: Element) -> tuple[float, float, float, float]:
    """Return x and y where the baseline begins, its length and the font's size."""
    size = float(text.get("font-size", "14"))
    guess = 0.6 * size * len("".join(text.itertext()))  # a single letter has no textLength
    return (
        float(text.get("x", "0")),
        float(text.get("y", "0")),
        float(text.get("textLength", guess)),
        size,
    )


def text_centre(text: Element) -> Point:
    """Return the middle of a text's lower-case letters."""
    x, y, length, size = text_metrics(text)
    return x + length / 2, y - size / 3


def bounding_box(shape: Element) -> Box:
    """Return the box around a shape; around the control points where it is curved."""

    def value(key: str) -> float:
        return float(shape.get(key, "0"))

    if shape.get("width"):
        return value("x"), value("y"), value("x") + value("width"), value("y") + value("height")
    if shape.get("cx"):
        across, down = value("rx") or value("r"), value("ry") or value("r")
        x, y = value("cx"), value("cy")
        return x - across, y - down, x + across, y + down
    outline = shape.get("d") or shape.get("points") or ""
    # An arc begins with its radii and flags: only its end is a point.
    outline = re.sub(r"A\s*[-\d.]+[ ,][-\d.]+[ ,][-\d.]+[ ,][01][ ,][01]", "L", outline)
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", outline)]
    if len(numbers) < 2:
        return 0, 0, 0, 0
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
