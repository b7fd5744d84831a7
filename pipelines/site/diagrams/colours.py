"""From a colour that PlantUML drew to a role that the theme colours, in light and in dark.

The rule: an author's colour chooses the hue, the theme chooses the shade. So every
text stays readable on every surface, in both, and nobody has to pick colours twice.

    grey    text: text.  line: line, or faint when pale.
            surface: paper (white), fill (pale) or strong.
    others  one of eight hues. Text and lines take its dark shade (light shade in the
            dark), surfaces its pale one (deep one in the dark).

A shape that is filled in its own line's colour and has no text on it is ink: an
arrow head, a bar, a dot. So is a dark grey one. No reads, no writes, no network.
"""

from __future__ import annotations

import colorsys
import re

# Upper bound of each hue in degrees; red closes the circle.
_HUES = (
    (15, "red"), (46, "orange"), (70, "yellow"), (160, "green"), (200, "teal"),
    (255, "blue"), (300, "purple"), (345, "pink"), (360, "red"),
)  # fmt: skip

# What stands in the file for viewers without the theme: the light shades.
DARK_SHADES = {
    "red": "#b3261e", "orange": "#964600", "yellow": "#6b5600", "green": "#1d662a",
    "teal": "#00625f", "blue": "#1a57ad", "purple": "#663cab", "pink": "#a02766",
}  # fmt: skip
PALE_SHADES = {
    "red": "#fde3e0", "orange": "#ffe6cf", "yellow": "#fbf0bd", "green": "#def2df",
    "teal": "#d5f1ef", "blue": "#dfebfd", "purple": "#ebe3fb", "pink": "#fce2ee",
}  # fmt: skip
FALLBACK_COLOURS = {
    "d-text": "#16191d", "d-line": "#3b4451", "d-faint": "#868f9b", "d-ink": "#3b4451",
    "d-paper": "#ffffff", "d-fill": "#f1f3f5", "d-strong": "#dfe3e8", "d-note": "#fff6d6",
    **{f"d-text-{hue}": ink for hue, ink in DARK_SHADES.items()},
    **{f"d-line-{hue}": ink for hue, ink in DARK_SHADES.items()},
    **{f"d-ink-{hue}": ink for hue, ink in DARK_SHADES.items()},
    **{f"d-fill-{hue}": tint for hue, tint in PALE_SHADES.items()},
}  # fmt: skip

# PlantUML's own colours that the rule alone would read as an author's.
_PLANTUML_DEFAULTS = {(0xE2, 0xE2, 0xF0): "d-fill", (0xFE, 0xFF, 0xDD): "d-note"}

Colour = tuple[int, int, int]  # red, green and blue from 0 to 255

_GREY_CHROMA = 0.05  # a smaller distance between the strongest and the weakest channel is grey


class UnknownColourError(ValueError):
    """PlantUML wrote a colour in a form that was never seen."""


def parse_colour(value: str) -> Colour | None:
    """Return red, green and blue from 0 to 255; None for nothing or almost nothing."""
    value = value.strip().lower()
    if value in ("none", "transparent", ""):
        return None
    if not re.fullmatch(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", value):
        raise UnknownColourError(value)
    digits = value[1:]
    if len(digits) < 6:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue, *alpha = bytes.fromhex(digits)
    return None if alpha and alpha[0] < 26 else (red, green, blue)


def hue_name(colour: Colour) -> str:
    """Return the name of *colour*'s hue; "" for a grey."""
    if (max(colour) - min(colour)) / 255 < _GREY_CHROMA:
        return ""
    degrees = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))[0] * 360
    return next(name for bound, name in _HUES if degrees <= bound)


def lightness(colour: Colour) -> float:
    """Return how light *colour* looks, from 0 to 1 (luma of ITU-R BT.709)."""
    red, green, blue = colour
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def text_class(colour: Colour) -> str:
    """Return the class of a text."""
    return f"d-text-{name}" if (name := hue_name(colour)) else "d-text"


def line_class(colour: Colour) -> str:
    """Return the class of a line."""
    if name := hue_name(colour):
        return f"d-line-{name}"
    return "d-faint" if lightness(colour) > 0.7 else "d-line"


def solid_class(colour: Colour) -> str:
    """Return the class of a solid shape."""
    return f"d-ink-{name}" if (name := hue_name(colour)) else "d-ink"


def surface_class(colour: Colour) -> str:
    """Return the class of what lies under text."""
    if colour in _PLANTUML_DEFAULTS:
        return _PLANTUML_DEFAULTS[colour]
    if name := hue_name(colour):
        return f"d-fill-{name}"
    light = lightness(colour)
    return "d-paper" if light > 0.985 else "d-fill" if light > 0.9 else "d-strong"
