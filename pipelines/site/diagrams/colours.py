"""Map each colour of PlantUML's output to a CSS class, which the theme styles in light and dark.

The author's colour selects the hue, the theme selects the shade. Every text is
readable on every surface, and authors choose colours only once.

    grey    text: text.  line: line, or faint when pale.
            surface: paper (white), fill (pale) or strong.
    others  one of eight hues. Text and lines use its dark shade (light in dark mode),
            surfaces its pale shade (deep in dark mode).

A solid shape ("ink") is filled in the colour of its line and has no text on it: an arrow
head, a bar, a dot. So is a dark grey shape. No reads, no writes, no network.
"""

from __future__ import annotations

import colorsys
import re

# Upper bound of each hue in degrees; red is at both ends.
_HUES = (
    (15, "red"), (46, "orange"), (70, "yellow"), (160, "green"), (200, "teal"),
    (255, "blue"), (300, "purple"), (345, "pink"), (360, "red"),
)  # fmt: skip

# Presentation attributes for viewers without the theme: the light shades.
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

# Default colours of PlantUML that are not an author's choice.
_PLANTUML_DEFAULTS = {(0xE2, 0xE2, 0xF0): "d-fill", (0xFE, 0xFF, 0xDD): "d-note"}

Colour = tuple[int, int, int]  # red, green and blue from 0 to 255

_GREY_CHROMA = 0.05  # below this difference of the strongest and the weakest channel, a colour is grey


class UnknownColourError(ValueError):
    """PlantUML wrote a colour in an unknown notation."""


def parse_colour(value: str) -> Colour | None:
    """Return red, green and blue from 0 to 255; None for a transparent colour (alpha below 10 %)."""
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
    """Return the hue of *colour*; "" for a grey."""
    if (max(colour) - min(colour)) / 255 < _GREY_CHROMA:
        return ""
    degrees = colorsys.rgb_to_hls(*(channel / 255 for channel in colour))[0] * 360
    return next(name for bound, name in _HUES if degrees <= bound)


def lightness(colour: Colour) -> float:
    """Return the luma of *colour* (ITU-R BT.709), from 0 to 1."""
    red, green, blue = colour
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255


def text_class(colour: Colour) -> str:
    """Return the CSS class of a text."""
    return f"d-text-{name}" if (name := hue_name(colour)) else "d-text"


def line_class(colour: Colour) -> str:
    """Return the CSS class of a line."""
    if name := hue_name(colour):
        return f"d-line-{name}"
    return "d-faint" if lightness(colour) > 0.7 else "d-line"


def solid_class(colour: Colour) -> str:
    """Return the CSS class of a solid shape."""
    return f"d-ink-{name}" if (name := hue_name(colour)) else "d-ink"


def surface_class(colour: Colour) -> str:
    """Return the CSS class of a shape behind text."""
    if colour in _PLANTUML_DEFAULTS:
        return _PLANTUML_DEFAULTS[colour]
    if name := hue_name(colour):
        return f"d-fill-{name}"
    light = lightness(colour)
    return "d-paper" if light > 0.985 else "d-fill" if light > 0.9 else "d-strong"
