"""Diagrams: PlantUML in, committed SVG out, and the SVG into a page.

`render` is `make diagrams`: reads content/ and node_modules/, writes SVG files beside
.puml files and under content/diagrams/blocks/; needs Java. The build only calls
`inline`: reads the committed SVG and refuses a stale one. No network.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Callable
from pathlib import Path

from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.read_policy import GitIndex
from pipelines.site.diagrams import plantuml
from pipelines.site.diagrams import svg as diagram_svg
from pipelines.site.diagrams.source import (
    Diagram,
    ParsedDiagram,
    diagram_of_file,
    fence_svg,
    file_svg,
    find_diagrams,
    parse_diagram,
    source_digest,
)

__all__ = [
    "Diagram",
    "diagram_of_file",
    "fence_svg",
    "file_svg",
    "find_diagrams",
    "inline_diagram",
    "render_diagrams",
]

_RENDER_FIX = "run `make diagrams` and commit the result"


def inline_diagram(diagram: Diagram, nth: int = 1) -> str:
    """Return the HTML of *diagram* for a page, which it enters for the *nth* time.

    Raises SourceError when the source is wrong or its committed SVG is missing or stale.
    """
    script = parse_diagram(diagram)
    wrong = _svg_problem(diagram)
    if wrong:
        raise SourceError([Fault(diagram.path, diagram.line, wrong, _RENDER_FIX)])
    svg = diagram.svg.read_text("utf-8").strip()
    label = script.name
    if nth > 1:  # ids and names of regions are unique in a page
        prefix = f"d{source_digest(diagram.source)[:12]}-"
        svg = svg.replace(prefix, f"{prefix}{nth}-")
        label = f"{label} ({nth})"
    return (
        '<figure class="diagram">\n'
        '<div class="diagram-scroll" tabindex="0" role="region"'
        f' aria-label="{html.escape(label)}">\n{svg}\n</div>\n'
        f"<figcaption>{html.escape(script.name, quote=False)}</figcaption>\n</figure>"
    )


def render_diagrams(
    project: Path, progress: Callable[[str], None], index: GitIndex | None = None
) -> list[Path]:
    """Draw what is missing or stale and remove blocks that no page holds any more.

    Returns the files that changed. Good diagrams are written though others have
    faults; then raises SourceError with all of these. *progress* is told a line at a time.
    *index* is what Git tracks, None without Git.
    """
    diagrams = {diagram.svg: diagram for diagram in reversed(find_diagrams(project, index))}
    faults: list[Fault] = []
    scripts: dict[Path, ParsedDiagram] = {}
    for svg, diagram in diagrams.items():
        try:
            script = parse_diagram(diagram)
        except SourceError as wrong:
            faults.extend(wrong.faults)
            continue
        if _svg_problem(diagram):
            scripts[svg] = script
    changed: list[Path] = []
    if scripts:
        progress(f"drawing {len(scripts)} of {len(diagrams)} diagrams")
        by_key = {source_digest(diagrams[svg].source): script.text for svg, script in scripts.items()}
        drawn = plantuml.draw_diagrams(project, by_key, progress)
        for svg in sorted(scripts):
            diagram, script = diagrams[svg], scripts[svg]
            result = drawn[source_digest(diagram.source)]
            text = _convert(diagram, script, result)
            if isinstance(text, Fault):
                faults.append(text)
                continue
            _write(svg, text)
            changed.append(svg)
    for svg in sorted((project / "content" / "diagrams" / "blocks").glob("*.svg")):
        if svg not in diagrams:
            svg.unlink()
            changed.append(svg)
    if faults:
        raise SourceError(faults)
    return changed


def _convert(diagram: Diagram, script: ParsedDiagram, result: bytes | plantuml.PlantUmlError) -> str | Fault:
    if isinstance(result, plantuml.PlantUmlError):
        line = max(result.line + script.offset, 1) if result.line else 1
        return Fault(diagram.path, diagram.line + line - 1, result.text, "mend the source")
    try:
        return diagram_svg.convert_svg(
            result,
            name=script.name,
            description=script.description,
            source_digest=source_digest(diagram.source),
        )
    except diagram_svg.DiagramSvgError as wrong:
        lines = diagram.source.split("\n") if wrong.pattern else []
        found = (number for number, line in enumerate(lines) if re.search(wrong.pattern, line))
        return Fault(diagram.path, diagram.line + next(found, 0), wrong.text, wrong.fix)


def _svg_problem(diagram: Diagram) -> str:
    """Return what is wrong with the committed SVG; "" when it belongs to its source."""
    try:
        svg = diagram.svg.read_text("utf-8")
    except FileNotFoundError:
        return "the diagram was never rendered"
    except UnicodeDecodeError:
        svg = ""
    if not diagram_svg.is_generated(svg):
        return f"{diagram.svg.name} is no SVG of a diagram, or was changed by hand"
    marks = dict(re.findall(r' (data-source|data-form)="([^"]*)"', svg.partition(">")[0]))
    wanted = {
        "data-source": f"sha256:{source_digest(diagram.source)}",
        "data-form": str(diagram_svg.FORMAT_VERSION),
    }
    return "" if marks == wanted else "the diagram's SVG is stale: its source has changed"


def _write(path: Path, text: str) -> None:
    """Write whole or not at all: a killed run leaves the old picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text, "utf-8", newline="\n")
    os.replace(temporary, path)
