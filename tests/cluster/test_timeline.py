"""The picture of a delivery: the figures are those of the run."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from tests.cluster import timeline

ENDS = {
    "push": 0.4, "source": 5.0, "release": 5.5, "pipeline": 6.0, "first reader": 20.0, "rollout": 25.0,
    "all readers": 31.0, "tested": 30.0,
}  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_as_long_as_their_phases() -> None:
    found = timeline.phases(ENDS)
    tree = ElementTree.fromstring(timeline.draw("A word", found))
    bars = [one for one in tree.iter(f"{SVG}rect") if float(one.attrib["height"]) == 18]
    assert len(bars) == len(found)
    last = max(float(one.attrib["x"]) + float(one.attrib["width"]) for one in bars)
    scale = (last - float(bars[0].attrib["x"])) / 31.0
    for bar, phase in zip(bars, found, strict=True):
        expected = max((phase.end - phase.start) * scale, 2.0)
        assert abs(float(bar.attrib["width"]) - expected) < 0.2


def test_a_reader_without_the_picture_has_the_figures() -> None:
    tree = ElementTree.fromstring(timeline.draw("<A word>", timeline.phases(ENDS)))
    description = tree.findtext(f"{SVG}desc") or ""
    assert re.search(r"all web pods are new: from 5\.5 to 25\.0 s\.", description)
    assert tree.findtext(f"{SVG}title") == "<A word>"
