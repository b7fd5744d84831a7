"""PlantUML renders diagrams reproducibly, in a sandbox."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipelines.core.errors import SourceError, ToolError
from pipelines.site.diagrams import plantuml as plantuml_module
from pipelines.site.diagrams import render
from pipelines.site.diagrams.source import find_diagrams
from tests.site.diagrams.samples import (
    GOLDEN,
    NOTES,
    SOURCE,
    committed,
    fault_lines,
    golden_names,
    silent,
    write,
)


def test_missing_tools_are_named_with_the_installing_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The author can copy the command."""
    write(tmp_path, "content/a.puml", SOURCE)
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: None)
    with pytest.raises(ToolError, match="apt-get install default-jre-headless"):
        render.render_diagrams(tmp_path, silent)
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: "/bin/true")
    with pytest.raises(ToolError, match="npm ci"):
        render.render_diagrams(tmp_path, silent)


def test_up_to_date_diagrams_need_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make diagrams` runs anywhere if all SVGs are up to date."""
    committed(tmp_path)
    orphan = write(tmp_path, "content/diagrams/blocks/0123456789abcdef.svg", "<svg/>")
    other = write(tmp_path, "content/diagrams/drawing.svg", "<svg/>")
    monkeypatch.setattr("pipelines.tools.shell.find_program", lambda program: None)
    assert render.render_diagrams(tmp_path, silent) == [orphan]
    assert not orphan.exists()
    assert other.exists()


@pytest.mark.slow
def test_only_stale_diagrams_are_rendered(plantuml: Path) -> None:
    """A second run changes nothing; an edit changes only its own SVG."""
    write(plantuml, "content/a.puml", SOURCE)
    write(plantuml, "content/p.md", f"```plantuml\n{SOURCE}```\n\n```plantuml\n{NOTES}[X]\n```\n")
    changed = render.render_diagrams(plantuml, silent)
    assert len(changed) == 3
    assert all(render.inline_diagram(diagram) for diagram in find_diagrams(plantuml))
    assert render.render_diagrams(plantuml, silent) == []
    write(plantuml, "content/p.md", f"```plantuml\n{SOURCE}```\n\n```plantuml\n{NOTES}[Y]\n```\n")
    drawn, removed = (path.exists() for path in render.render_diagrams(plantuml, silent))
    assert {drawn, removed} == {True, False}


@pytest.mark.slow
def test_equal_sources_give_equal_bytes_in_any_environment(
    plantuml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locale, time zone and Java's environment variables do not affect PlantUML."""
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
def test_plantuml_renders_the_golden_elements(plantuml: Path, name: str) -> None:
    """A new PlantUML may move a line, but elements, classes and texts are the golden ones."""

    def shape(svg: str) -> list[tuple[str, str | None, str | None]]:
        return [(part.tag, part.get("class"), part.text) for part in ElementTree.fromstring(svg)]

    write(plantuml, f"content/{name}.puml", (GOLDEN / f"{name}.puml").read_text("utf-8"))
    (drawn,) = render.render_diagrams(plantuml, silent)
    assert shape((GOLDEN / f"{name}.svg").read_text("utf-8")) == shape(drawn.read_text("utf-8"))


def test_all_faults_are_reported_at_their_lines(plantuml: Path) -> None:
    """The valid diagram is rendered; the invalid ones keep their last SVG."""
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
def test_an_endless_diagram_times_out(plantuml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The preprocessor is a programming language: it can loop endlessly."""
    forever = "!function $f($n)\n!if $n == 0\n!return 1\n!endif\n!return $f($n - 1) + $f($n - 1)\n"
    hanging = f"{NOTES}@startuml\n{forever}!endfunction\nA -> B : $f(90)\n@enduml\n"
    memory = f'{NOTES}!$x="aaaaaaaaaa"\n!while %true()\n!$x=$x+$x\n!endwhile\nA -> B\n'
    write(plantuml, "content/hang.puml", hanging)
    write(plantuml, "content/memory.puml", memory)
    write(plantuml, "content/good.puml", SOURCE)
    monkeypatch.setattr(plantuml_module, "TIMEOUT", 8.0)
    with pytest.raises(SourceError) as caught:
        render.render_diagrams(plantuml, silent)
    assert fault_lines(caught) == [("content/hang.puml", 1), ("content/memory.puml", 1)]
    assert (plantuml / "content/good.svg").is_file()


CANARY = "c4n4ry-7f3a"


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """Listen on a loopback port and record connections."""
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


@pytest.mark.slow
@pytest.mark.parametrize("network", ["without a network", "with a network"])
def test_a_diagram_reads_nothing_from_the_machine(
    plantuml: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listener: tuple[int, list[bytes]],
    network: str,
) -> None:
    """The sandbox works without our validation, and without the network namespace."""
    port, calls = listener
    secret = write(tmp_path, "secret.txt", f"@startuml\nA -> B : {CANARY}\n@enduml\n")
    write(tmp_path, "secret.json", f'{{"a": "{CANARY}"}}')
    write(tmp_path, "secret.svg", f'<svg xmlns="http://www.w3.org/2000/svg"><text>{CANARY}</text></svg>')
    monkeypatch.setenv("SECRET", CANARY)
    if network == "with a network":
        monkeypatch.setattr(plantuml_module, "_network_namespace", lambda progress: [])
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
    drawn = plantuml_module.draw_diagrams(plantuml, blocks, silent)
    assert b"fine" in drawn["good"]  # type: ignore[operator]
    assert CANARY not in repr(drawn)
    assert str(tmp_path) not in repr([svg for svg in drawn.values() if isinstance(svg, bytes)])
    assert not re.search(rb"x (?:1|true)<", b"".join(s for s in drawn.values() if isinstance(s, bytes)))
    assert calls == []


def test_the_name_after_start_is_not_a_file_name(plantuml: Path, tmp_path: Path) -> None:
    """PlantUML would write its output to that path, even outside of its directory, even in SANDBOX."""
    write(plantuml, "content/a.puml", f"{NOTES}@startuml {tmp_path}/written\nA -> B\n@enduml\n")
    assert render.render_diagrams(plantuml, silent) == [plantuml / "content/a.svg"]
    assert not (tmp_path / "written.svg").exists()
