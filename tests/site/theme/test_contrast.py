"""Every contrast that theme/less/variables.less states is true, rounded down."""

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
    """A comment that lies about contrast is worse than none: readers pay for it."""
    text = SOURCE.read_text(encoding="utf-8")
    desert = text.index("── Desert")  # pictures: no least contrast
    colours = dict(re.findall(r"^@([\w-]+): (#[0-9a-f]{6});", text, re.MULTILINE))
    wrong = []
    for name, colour, comment in re.findall(r"^@([\w-]+): (#[0-9a-f]{6}); *// (.*)$", text, re.MULTILINE):
        for stated, ground in re.findall(r"([\d.]+):1 on @([\w-]+)", comment):
            true = floor(contrast(colour, colours[ground]) * 10) / 10
            if float(stated) != true:
                wrong.append(f"@{name} on @{ground}: {stated} is {true}")
            # Words need 4.5, edges of controls 3; what is decor says so.
            least = 3.0 if "edge" in name else 4.5
            if true < least and "decor" not in comment and text.index(f"@{name}:") < desert:
                wrong.append(f"@{name} on @{ground}: {true} is too little")
    assert wrong == []
