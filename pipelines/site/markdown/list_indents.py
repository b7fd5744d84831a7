"""Find what Python-Markdown does not nest in a list: it wants four spaces for each level.

CommonMark nests by the width of the marker, so that ``- a`` and ``  - b`` below
it are two levels there and one here. Functions of texts. No reads, no writes,
no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_ITEM = re.compile(r" *([-*+]|\d{1,9}\.) +\S")
_FENCE = re.compile(r" *(`{3,}|~{3,})")


def findings(body: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield (line, what is wrong, fix, check) of each line that is indented by too little to be nested."""
    if not re.search(r"^ +(?:[-*+]|\d{1,9}\.|```|~~~)", body, re.MULTILINE):
        return
    item: int | None = None  # the indent of the last item
    numbered = False  # whether it has a number
    fence = ""
    for number, line in enumerate(body.split("\n"), 1):
        if fence:
            fence = "" if line.strip().startswith(fence) else fence
            continue
        indent = len(line) - len(line.lstrip(" "))
        found, opening = _ITEM.match(line), _FENCE.match(line)
        fence = opening[1] if opening else ""
        # An item of the other kind is shown as text, which is a finding of its own.
        nested = opening or (found and found[1].endswith(".") == numbered)
        if item is not None and nested and 1 <= indent - item <= 3 and item % 4 == 0:
            what = "a list item" if found else "code"
            text = f"{what} is indented by {indent} spaces, so that it is not part of the item above"
            yield number, text, f"indent it by {item + 4} spaces, or write dialect: commonmark", "list-indent"
        elif found:
            item, numbered = indent, found[1].endswith(".")
        elif line.strip() and indent == 0:
            item = None
