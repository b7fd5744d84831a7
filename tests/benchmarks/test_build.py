"""The benchmark of the build: equal posts for all generators, tables, a graph for every reader."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import corpus
from benchmarks.build import bars, generators, graph
from benchmarks.build.bars import Figures
from benchmarks.build.generators import HUGO, OURS
from benchmarks.build.preview import HUGO_SERVER, Save
from benchmarks.build.scenarios import Edit
from benchmarks.measure import Run
from benchmarks.processes import parse_kb, read_session

SVG = "{http://www.w3.org/2000/svg}"
SMAPS = """\
55d2a8c00000-7ffd5a5f2000 ---p 00000000 00:00 0                          [rollup]
Rss:               13044 kB
Pss:                4279 kB
Pss_Dirty:          2912 kB
"""


def _runs(*walls: float) -> list[Run]:
    return [Run(wall, wall, 100.0) for wall in walls]


def test_documents_are_repeated_under_distinct_names_and_in_the_order_of_dates() -> None:
    posts = corpus.repeat([("a", "A", "Text."), ("b", "B", "Text.")], 5)
    assert [post.name for post in posts] == ["a", "b", "a-2", "b-2", "a-3"]
    assert all(one.date < two.date for one, two in pairwise(posts))


def test_a_longer_corpus_begins_with_the_texts_of_a_shorter_one() -> None:
    few, more = corpus.generate(3), corpus.generate(6)
    assert [post.body for post in few] == [post.body for post in more[:3]]


def test_the_project_has_one_commit_a_post_on_its_day(tmp_path: Path) -> None:
    posts = corpus.generate(3)
    generators.write_own(tmp_path, posts)
    argv = ["git", "-C", str(tmp_path), "log", "--reverse", "--format=%ct", "--", "content/posts"]
    times = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    assert [post.date.replace(tzinfo=UTC) for post in posts] == [
        datetime.fromtimestamp(int(one), UTC) for one in times
    ]


def test_each_edit_of_a_file_is_another_one_and_keeps_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "a.html"
    file.write_text("<p>\n</p>\n")
    edit = Edit(file, "edit {}", before="</p>")
    texts = []
    for _ in range(2):
        edit()
        texts.append(file.read_text())
    assert texts == ["<p>\nedit 1\n</p>\n", "<p>\nedit 2\n</p>\n"]


@pytest.mark.parametrize(
    ("ours", "theirs", "row"),
    [
        ((2.0, 2.0, 8.0), (1.0, 1.0, 4.0), "2 (2 to 2) | 2.0 | met |"),
        ((2.0, 3.0, 8.0), (1.0, 1.0, 4.0), "2 (2 to 3) | 2.0 | met |"),
        ((2.0, 3.0, 9.0), (1.0, 1.0, 4.0), "2.25 (2 to 3) | 2.0 | **missed** |"),
    ],
)
def test_a_bar_holds_for_the_median_of_the_pairs(
    ours: tuple[float, ...], theirs: tuple[float, ...], row: str
) -> None:
    table = bars.bars_table({1000: Figures(builds={OURS: _runs(*ours), HUGO: _runs(*theirs)})})
    assert table.splitlines()[2].endswith(row)


def test_a_bar_without_figures_of_its_size_has_no_row() -> None:
    found = {100: Figures(builds={OURS: _runs(1.0), HUGO: _runs(1.0)}, memory={OURS: 1.0})}
    assert len(bars.bars_table(found).splitlines()) == 2


def test_growth_compares_the_times_of_a_page() -> None:
    found = {pages: Figures(builds={OURS: _runs(seconds)}) for pages, seconds in ((1000, 5.0), (10000, 60.0))}
    assert bars.bars_table(found).endswith(
        "| 0.0060 | the same with 1,000 | 0.0050 | 1.20 | 1.15 | **missed** |"
    )


def test_memory_and_saves_have_bars_of_their_own() -> None:
    saves = {OURS: [Save(0.2, 0.3)], HUGO_SERVER: [Save(0.25, 0.0)]}
    table = bars.bars_table({10000: Figures(memory={OURS: 1000.0}), 1000: Figures(saves=saves)})
    memory, save = table.splitlines()[2:]
    assert memory.endswith("| 1000 MB | **missed** |")
    assert save.endswith("| 1.2 | met |")


def _places(line: ElementTree.Element) -> list[tuple[float, float]]:
    words = line.attrib["d"].replace("M", "").replace("L", " ").split()
    numbers = [float(word) for word in words]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_linear_growth_is_a_straight_line_in_the_graph() -> None:
    drawn = ElementTree.fromstring(graph.draw("T", "D", {"a": [(100, 1.0), (1000, 10.0), (10000, 100.0)]}))
    (path,) = (one for one in drawn.iter(f"{SVG}path") if one.get("class") == "run")
    (x1, y1), (x2, y2), (x3, y3) = _places(path)
    assert (x2 - x1, y2 - y1) == pytest.approx((x3 - x2, y3 - y2), abs=0.2)


def test_the_graph_has_a_text_alternative_with_all_figures() -> None:
    series = {"a & b": [(100, 0.25), (1000, 2.5)], "c": [(100, 30.0)]}
    drawn = ElementTree.fromstring(graph.draw("Title", graph.describe(series), series))
    named = {one.get("id"): one.text for one in drawn if one.get("id")}
    assert named["desc"] == "a & b: 100 pages in 0.25 s, 1,000 pages in 2.5 s. c: 100 pages in 30 s."
    assert drawn.attrib["role"] == "img"
    assert set(named) == set(drawn.attrib["aria-labelledby"].split())


def test_labels_of_equal_lines_do_not_overlap() -> None:
    series = {name: [(100, 1.0), (1000, 5.0)] for name in "abcde"}
    drawn = ElementTree.fromstring(graph.draw("T", "D", series))
    heights = [float(one.attrib["y"]) for one in drawn.iter(f"{SVG}text") if one.get("class") == "label"]
    assert len(heights) == 5
    assert all(below - above >= 15 for above, below in pairwise(sorted(heights)))


@pytest.mark.parametrize(("name", "kb"), [("Pss", 4279), ("Rss", 13044), ("Swap", None)])
def test_memory_is_read_by_the_exact_name_of_its_line(name: str, kb: int | None) -> None:
    assert kb == parse_kb(SMAPS, name)


@pytest.mark.parametrize("name", ["python", "a name", "1) 2 (3"])
def test_the_session_of_a_process_is_found_behind_any_name(name: str) -> None:
    assert read_session(f"12 ({name}) S 1 12 77 0 -1 4194560") == 77
