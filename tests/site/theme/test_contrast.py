"""The contrasts stated in theme/less/variables.less are correct, rounded down."""

from __future__ import annotations

import re
from math import floor
from pathlib import Path

SOURCE = Path(__file__).parents[3] / "theme" / "less" / "variables.less"


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_stated_contrasts_are_true() -> None:
    """Authors choose colours by these comments."""
    text = SOURCE.read_text(encoding="utf-8")
    desert = text.index("── Desert")  # pictures: no minimum contrast
    colours = dict(re.findall(r"^@([\w-]+): (#[0-9a-f]{6});", text, re.MULTILINE))
    faults = []
    for name, colour, comment in re.findall(r"^@([\w-]+): (#[0-9a-f]{6}); *// (.*)$", text, re.MULTILINE):
        for stated, background in re.findall(r"([\d.]+):1 on @([\w-]+)", comment):
            actual = floor(contrast(colour, colours[background]) * 10) / 10
            if float(stated) != actual:
                faults.append(f"@{name} on @{background}: {stated} is {actual}")
            # WCAG 2.2: text needs 4.5, edges of controls 3; decoration is marked as such.
            minimum = 3.0 if "edge" in name else 4.5
            if actual < minimum and "decor" not in comment and text.index(f"@{name}:") < desert:
                faults.append(f"@{name} on @{background}: {actual} is too low")
    assert faults == []
