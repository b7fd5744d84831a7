"""Committed diagrams are inlined into pages; stale ones are rejected."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.diagrams import render
from pipelines.site.diagrams.source import Diagram
from tests.site.diagrams.samples import (
    committed,
    fault_lines,
)


def test_a_diagram_is_inlined_as_a_named_figure(tmp_path: Path) -> None:
    """Screen readers get name and description; on a narrow screen the figure scrolls."""
    page = ElementTree.fromstring(render.inline_diagram(committed(tmp_path)))
    frame, caption = page
    svg = frame[0]
    labels = {part.get("id"): part.text for part in svg if part.get("id")}
    assert (page.tag, page.get("class")) == ("figure", "diagram")
    assert (frame.get("role"), frame.get("tabindex")) == ("region", "0")
    assert frame.get("aria-label") == caption.text == 'Login, "members" & others'
    assert svg.get("role") == "img"
    assert labels[svg.get("aria-labelledby")] == 'Login, "members" & others'
    assert labels[svg.get("aria-describedby")] == "Asks for a password <and> a second factor."


def test_ids_are_unique_on_a_page(tmp_path: Path) -> None:
    """A page may have several diagrams, and one diagram several times."""
    first, second = committed(tmp_path), committed(tmp_path, "class")
    page = render.inline_diagram(first) + render.inline_diagram(second) + render.inline_diagram(first, nth=2)
    ids = re.findall(r' id="([^"]*)"', page)
    named = re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', page)
    regions = re.findall(r'role="region" aria-label="([^"]*)"', page)
    assert len(ids) == len(set(ids)) == 6
    assert sorted(named) == sorted(ids)
    assert len(set(regions)) == 3


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda svg: None, "never rendered"),
        (lambda svg: svg.replace('data-source="sha256:', 'data-source="sha256:0'), "stale"),
        (lambda svg: svg.replace('data-form="', 'data-form="0'), "stale"),
        (lambda svg: svg.replace("</svg>", "<script/></svg>"), "by hand"),
        (lambda svg: svg.replace("<text ", '<text onclick="x" ', 1), "by hand"),
        (lambda svg: svg.replace("<text ", '<text style="x" ', 1), "by hand"),
        (lambda svg: svg.replace("</svg>", "<<<<<<< HEAD\n</svg>"), "by hand"),
        (lambda svg: "<p>something else</p>", "by hand"),
        (lambda svg: svg.replace("<svg ", '<svg onload="x" ', 1), "by hand"),
    ],
)
def test_the_build_rejects_an_svg_of_another_source(
    tmp_path: Path, spoil: Callable[[str], str | None], message: str
) -> None:
    """A stale SVG would show readers outdated content."""
    diagram = committed(tmp_path)
    svg = spoil(diagram.svg.read_text("utf-8"))
    if svg is None:
        diagram.svg.unlink()
    else:
        diagram.svg.write_text(svg, "utf-8")
    with pytest.raises(SourceError, match=message) as caught:
        render.inline_diagram(diagram)
    assert fault_lines(caught) == [("content/sequence.puml", 1)]
    assert "make diagrams" in caught.value.faults[0].fix


def test_an_edited_source_makes_its_svg_stale(tmp_path: Path) -> None:
    """The digest is of the whole source, name and description included."""
    diagram = committed(tmp_path)
    edited = diagram.source.replace("second factor", "passkey")
    with pytest.raises(SourceError, match="stale"):
        render.inline_diagram(Diagram(edited, diagram.path, diagram.line, diagram.svg))
