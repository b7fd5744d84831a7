"""Sample diagrams: sources (data/x.puml), SVGs of PlantUML (x.drawn.svg), converted SVGs (x.svg).

The SVGs of PlantUML were rendered with Liberation Sans.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.diagrams import render
from pipelines.site.diagrams import svg as diagram_svg
from pipelines.site.diagrams.source import Diagram, parse_diagram, source_digest

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "data"
CSS = ROOT / "theme" / "css" / "diagrams.css"
NOTES = "' name: A name\n' description: What it shows.\n"
SOURCE = NOTES + "@startuml\nAlice -> Bob : hello\n@enduml\n"


def silent(_: str) -> None:
    """Discard progress messages."""


def write(project: Path, path: str, text: str) -> Path:
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def fault_lines(caught: pytest.ExceptionInfo[SourceError]) -> list[tuple[str, int]]:
    return [(fault.path, fault.line) for fault in caught.value.faults]


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


def committed(project: Path, name: str = "sequence") -> Diagram:
    source = (GOLDEN / f"{name}.puml").read_text("utf-8")
    puml = write(project, f"content/{name}.puml", source)
    write(project, f"content/{name}.svg", (GOLDEN / f"{name}.svg").read_text("utf-8"))
    return render.diagram_of_file(project, puml)
