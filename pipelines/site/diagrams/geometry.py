"""Bounding boxes and text positions: whether a text is on a shape or beside it.

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
    """Return x and y of the baseline's start, its length, and the font size."""
    size = float(text.get("font-size", "14"))
    estimate = 0.6 * size * len("".join(text.itertext()))  # a single letter has no textLength
    return (
        float(text.get("x", "0")),
        float(text.get("y", "0")),
        float(text.get("textLength", estimate)),
        size,
    )


def text_centre(text: Element) -> Point:
    """Return the centre of a text at half its x-height."""
    x, y, length, size = text_metrics(text)
    return x + length / 2, y - size / 3


def bounding_box(shape: Element) -> Box:
    """Return the bounding box of a shape; of the control points of curves."""

    def value(key: str) -> float:
        return float(shape.get(key, "0"))

    if shape.get("width"):
        return value("x"), value("y"), value("x") + value("width"), value("y") + value("height")
    if shape.get("cx"):
        radius_x, radius_y = value("rx") or value("r"), value("ry") or value("r")
        x, y = value("cx"), value("cy")
        return x - radius_x, y - radius_y, x + radius_x, y + radius_y
    path_data = shape.get("d") or shape.get("points") or ""
    # Of an arc, only the end is a point; radii and flags are dropped.
    path_data = re.sub(r"A\s*[-\d.]+[ ,][-\d.]+[ ,][-\d.]+[ ,][01][ ,][01]", "L", path_data)
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", path_data)]
    if len(numbers) < 2:
        return 0, 0, 0, 0
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])
