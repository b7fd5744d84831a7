"""Render PlantUML to committed SVG files, and inline them into pages.

`render_diagrams` (`make diagrams`) reads content/ and node_modules/, writes SVG files
beside .puml files and below content/diagrams/blocks/, and requires Java. The build only
calls `inline_diagram`, which reads the committed SVG and rejects a stale one. No network.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

from pipelines.core.errors import Fault, SourceError
from pipelines.core.files import read_regular, write_atomic
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
    """Return the HTML of the *nth* occurrence of *diagram* on a page.

    Raises SourceError if the source is invalid, or its committed SVG missing or stale.
    """
    parsed_diagram = parse_diagram(diagram)
    problem = _svg_problem(diagram)
    if problem:
        raise SourceError([Fault(diagram.path, diagram.line, problem, _RENDER_FIX, "diagram")])
    svg = diagram.svg.read_text("utf-8").strip()
    label = parsed_diagram.name
    if nth > 1:  # ids and region labels must be unique on a page
        prefix = f"d{source_digest(diagram.source)[:12]}-"
        svg = svg.replace(prefix, f"{prefix}{nth}-")
        label = f"{label} ({nth})"
    return (
        '<figure class="diagram">\n'
        '<div class="diagram-scroll" tabindex="0" role="region"'
        f' aria-label="{html.escape(label)}">\n{svg}\n</div>\n'
        f"<figcaption>{html.escape(parsed_diagram.name, quote=False)}</figcaption>\n</figure>"
    )


def render_diagrams(
    project: Path, progress: Callable[[str], None], index: GitIndex | None = None
) -> list[Path]:
    """Render missing and stale diagrams; remove SVG files of deleted fences.

    Returns the changed files. Valid diagrams are written even if others have faults;
    then raises SourceError with all of them. *progress* gets one line at a time. *index*
    is the set of files tracked by Git, None without Git.
    """
    diagrams = {diagram.svg: diagram for diagram in reversed(find_diagrams(project, index))}
    faults: list[Fault] = []
    parsed: dict[Path, ParsedDiagram] = {}
    for svg, diagram in diagrams.items():
        try:
            parsed_diagram = parse_diagram(diagram)
        except SourceError as problem:
            faults.extend(problem.faults)
            continue
        if _svg_problem(diagram):
            parsed[svg] = parsed_diagram
    changed: list[Path] = []
    if parsed:
        progress(f"rendering {len(parsed)} of {len(diagrams)} diagrams")
        by_key = {
            source_digest(diagrams[svg].source): parsed_diagram.text for svg, parsed_diagram in parsed.items()
        }
        drawn = plantuml.draw_diagrams(project, by_key, progress)
        for svg in sorted(parsed):
            diagram, parsed_diagram = diagrams[svg], parsed[svg]
            result = drawn[source_digest(diagram.source)]
            text = _convert(diagram, parsed_diagram, result)
            if isinstance(text, Fault):
                faults.append(text)
                continue
            write_atomic(svg, text.encode())
            changed.append(svg)
    for svg in sorted((project / "content" / "diagrams" / "blocks").glob("*.svg")):
        if svg not in diagrams:
            svg.unlink()
            changed.append(svg)
    if faults:
        raise SourceError(faults)
    return changed


def _convert(
    diagram: Diagram, parsed_diagram: ParsedDiagram, result: bytes | plantuml.PlantUmlError
) -> str | Fault:
    if isinstance(result, plantuml.PlantUmlError):
        line = max(result.line + parsed_diagram.offset, 1) if result.line else 1
        return Fault(diagram.path, diagram.line + line - 1, result.text, "fix the source", "diagram")
    try:
        return diagram_svg.convert_svg(
            result,
            name=parsed_diagram.name,
            description=parsed_diagram.description,
            source_digest=source_digest(diagram.source),
        )
    except diagram_svg.DiagramSvgError as problem:
        lines = diagram.source.split("\n") if problem.pattern else []
        found = (number for number, line in enumerate(lines) if re.search(problem.pattern, line))
        return Fault(diagram.path, diagram.line + next(found, 0), problem.text, problem.fix, "diagram")


def _svg_problem(diagram: Diagram) -> str:
    """Return the problem of the committed SVG; "" if it is up to date."""
    try:
        svg = read_regular(diagram.svg).decode()
    except FileNotFoundError:
        return "the diagram was never rendered"
    except OSError as error:
        return f"{diagram.svg.name} cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        svg = ""
    if not diagram_svg.is_generated(svg):
        return f"{diagram.svg.name} is not an SVG of a diagram, or was edited by hand"
    attributes = dict(re.findall(r' (data-source|data-form)="([^"]*)"', svg.partition(">")[0]))
    expected = {
        "data-source": f"sha256:{source_digest(diagram.source)}",
        "data-form": str(diagram_svg.FORMAT_VERSION),
    }
    return "" if attributes == expected else "the diagram's SVG is stale: its source has changed"
