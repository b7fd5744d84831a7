"""The texts that the build itself writes into a page, in the page's language.

The theme's strings have them. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from selectolax.lexbor import LexborNode


class Labels(Struct, frozen=True):
    """Texts in the language of the page: where it shows a symbol only, and titles of boxes."""

    table: str = "Table"
    formula: str = "Formula"
    done: str = "done"
    open: str = "to do"
    permalink: str = "Link to this section"
    backlink: str = "Back to the text"
    frame: str = "Content of"  # before the host of a frame
    boxes: Mapping[str, str] = field(default_factory=dict)  # kind of an alert or admonition -> title


def labels_from(strings: Mapping[str, object]) -> Labels:
    """Return the labels of the theme's strings, with defaults."""
    names = {"done": "task_done", "open": "task_open"}  # the others have the name of the label
    keys = {one: names.get(one, one) for one in Labels.__struct_fields__ if one != "boxes"}
    boxes = {key.removeprefix("box_"): str(text) for key, text in strings.items() if key.startswith("box_")}
    return Labels(**{name: str(strings[key]) for name, key in keys.items() if key in strings}, boxes=boxes)


def translate_title(title: LexborNode, labels: Labels) -> None:
    """Write the default title of a box, the English name of its kind, in the language of the page."""
    box, text = title.parent, title.child
    kinds = ((box.attributes.get("class") if box else "") or "").split()
    kind = next((one for one in kinds if one != "admonition"), "")
    if text is not None and title.text().strip() == kind.capitalize() and kind in labels.boxes:
        text.replace_with(labels.boxes[kind])
