"""Find and validate the PlantUML sources of content/.

Reads content/. Writes nothing. No network.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content import scan
from pipelines.site.content.read_policy import (
    CONTENT,
    MARKDOWN_SUFFIXES,
    GitIndex,
    missing_submodules,
    project_policy,
)

# Tested diagram types. The others need Graphviz, LaTeX or a bitmap.
DIAGRAM_TYPES = (
    "chen", "ebnf", "files", "gantt", "json", "mindmap",
    "nwdiag", "regex", "salt", "uml", "wbs", "yaml",
)  # fmt: skip
METADATA_KEYS = ("name", "description")

_START = re.compile(r"\s*@start([a-z]+)")
_METADATA = re.compile(r"\s*'\s*(name|description)\s*:\s*(.*?)\s*$")
_CONTINUATION = re.compile(r"\s*'(?:\s{2,}|\t)\s*(\S.*?)\s*$")

_FENCE = re.compile(r"(?P<quote>(?:\s*>)*)(?P<indent>\s*)(?P<ticks>`{3,}|~{3,})(?P<info>[^`]*)$")
_INFO = re.compile(r"\s*(?:\{\s*\.?)?plantuml\b", re.IGNORECASE)
# Containers of an indented fence: list items, admonitions, tabs, footnotes, definitions.
_CONTAINER = re.compile(r"[-*+]\s|\d+[.)]\s|!!!|\?\?\?|///|===|\[\^|:\s")

# Rejected before PlantUML runs, so that the author gets a line and a fix. The sandbox
# blocks most of them again, also inside macros.
_FORBIDDEN = (
    (r"!\s*include\w*(?!\w)(?!\s*<)", "a diagram cannot include a file or an address",
     "write it out; only the library inside PlantUML, !include <name>, is there"),
    (r"!\s*import\b", "a diagram cannot import an archive", "write it out"),
    (r"!\s*theme\s+\S+\s+from\b", "a diagram cannot load its theme from elsewhere",
     "leave styling to the site's theme"),
    (r"<img\b", "a diagram cannot hold an image", "draw it with shapes or with an icon: <&name>"),
    (r"%(?:getenv|load_json|file_exists|filename|dirpath)\s*\(",
     "a diagram cannot read from the machine", "write the value"),
    (r"%(?:date|now|random|version)\s*\(", "a diagram that changes by itself is always stale",
     "write the value"),
    (r"^\s*newpage\b", "a diagram has one page", "make two diagrams of it"),
    (r"svginteractive", "a diagram cannot hold a script", "remove the line"),
)  # fmt: skip


class Diagram(Struct, frozen=True):
    """One PlantUML source and the path of its committed SVG."""

    source: str  # as written, without the fence
    path: str  # of the file that contains it, relative to the project, with forward slashes
    line: int  # of the source's first line in that file, counted from 1
    svg: Path  # the committed SVG


class ParsedDiagram(Struct, frozen=True):
    """A validated source, with name and description for the SVG."""

    text: str  # one block, @start… to @end…
    offset: int  # line n of *text* is line n + offset of the source
    name: str  # caption of the figure and title of the SVG
    description: str  # alternative text


def source_digest(source: str) -> str:
    """Return the SHA-256 of *source* as 64 hex digits.

    Common indentation, surrounding blank lines, line ends and trailing spaces are
    ignored: a fence keeps its SVG when it moves into a list.
    """
    lines = [line.rstrip() for line in source.expandtabs(4).splitlines()]
    return sha256_hex(textwrap.dedent("\n".join(lines)).strip("\n").encode())


def fence_svg(project: Path, source: str) -> Path:
    """Return the path of the committed SVG of a fenced *source*."""
    return project / "content" / "diagrams" / "blocks" / f"{source_digest(source)[:16]}.svg"


def file_svg(puml: Path) -> Path:
    """Return the path of the committed SVG of a .puml file: beside it."""
    return puml.with_suffix(".svg")


def diagram_of_file(project: Path, puml: Path) -> Diagram:
    """Return the diagram in a .puml file; raises SourceError if it is not UTF-8."""
    path = puml.relative_to(project).as_posix()
    try:
        source = puml.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError([Fault(path, 0, "not UTF-8", "save the file as UTF-8", "diagram")]) from None
    return Diagram(source, path, 1, file_svg(puml))


def find_diagrams(project: Path, index: GitIndex | None = None) -> list[Diagram]:
    """Return every .puml file and every ``plantuml`` fence under content/, by path and line.

    *index* is the set of files tracked by Git, None without Git. Raises SourceError
    with all faults of the files.
    """
    paths, faults = scan.scan_files(CONTENT, project_policy(project, index))
    faults.extend(missing_submodules(index))
    if faults:  # SVGs are written beside their sources, which must not be behind a symbolic link
        raise SourceError(faults)
    found: list[Diagram] = []
    for file in (project / path for path in paths):
        if file.suffix == ".puml":
            try:
                found.append(diagram_of_file(project, file))
            except SourceError as error:
                faults.extend(error.faults)
        elif file.suffix.lower() in MARKDOWN_SUFFIXES:
            path = file.relative_to(project).as_posix()
            # The front matter parser reports a page in another encoding.
            for line, source in find_fences(file.read_text("utf-8-sig", errors="replace")):
                found.append(Diagram(source, path, line, fence_svg(project, source)))
    if faults:
        raise SourceError(faults)
    return found


def find_fences(markdown: str) -> Iterator[tuple[int, str]]:
    """Yield the first line and the source of every ``plantuml`` fence in *markdown*."""
    lines = markdown.split("\n")
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        end = _end_of_fence(lines, at, opening) if opening else None
        if opening is None or end is None:
            at += 1
            continue
        if _INFO.match(opening["info"]):
            quote = re.compile(rf"(?:\s*>){{{opening['quote'].count('>')}}}")
            body = (quote.sub("", line, count=1) for line in lines[at + 1 : end])
            yield at + 2, textwrap.dedent("\n".join(line.expandtabs(4) for line in body))
        at = end + 1


def _end_of_fence(lines: list[str], at: int, opening: re.Match[str]) -> int | None:
    """Return the line that closes the fence, or None where the line opens none."""
    if len(opening["indent"].expandtabs(4)) >= 4 and not opening["quote"] and _is_code(lines, at):
        return None
    ticks, depth = opening["ticks"], opening["quote"].count(">")
    close = re.compile(rf"[\s>]*{ticks[0]}{{{len(ticks)},}}\s*$")
    for number in range(at + 1, len(lines)):
        if close.match(lines[number]) and lines[number].count(">") == depth:
            return number
    return None


def _is_code(lines: list[str], at: int) -> bool:
    """Whether an indented line is plain code: nothing above it holds an indented block."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    for line in reversed(lines[:at]):
        depth = len(line) - len(line.lstrip())
        if line.strip() and depth < indent:
            if _CONTAINER.match(line.lstrip()):
                return False
            if depth == 0:
                return True
            indent = depth
    return True


def parse_diagram(diagram: Diagram) -> ParsedDiagram:
    """Validate and parse the source of *diagram*; raises SourceError with all its faults."""
    lines = textwrap.dedent(diagram.source.expandtabs(4)).split("\n")
    faults: list[Fault] = []

    def fault(number: int, text: str, fix: str) -> None:
        faults.append(Fault(diagram.path, diagram.line + number, text, fix, "diagram"))

    metadata: dict[str, str] = {}
    starts: list[int] = []
    current = ""
    for number, line in enumerate(lines):
        if match := _METADATA.match(line):
            current, value = match.groups()
            if current in metadata:
                fault(number, f"the diagram has two lines ' {current}:", "keep one")
            metadata[current] = value
            lines[number] = ""  # types without comments, such as JSON, reject it
        elif current and (more := _CONTINUATION.match(line)):
            metadata[current] = f"{metadata[current]} {more[1]}".strip()
            lines[number] = ""
        else:
            current = ""
            if start := _START.match(line):
                starts.append(number)
                lines[number] = f"@start{start[1]}"  # a name here would be an output path
                if start[1] not in DIAGRAM_TYPES:
                    kinds = ", ".join(f"@start{kind}" for kind in DIAGRAM_TYPES)
                    fault(number, f"@start{start[1]} is not supported", f"use {kinds}")
            if not line.lstrip().startswith("'"):
                for pattern, text, fix in _FORBIDDEN:
                    if re.search(pattern, line, re.IGNORECASE):
                        fault(number, text, fix)
    for key in METADATA_KEYS:
        if not metadata.get(key):
            fault(0, f"the diagram has no {key}", f"add a comment line to its source: ' {key}: …")
    if len(starts) > 1:
        fault(starts[1], "a second @start in one diagram", "make two diagrams of it")
    text, offset = _extract_block(lines, starts[0] if starts else None)
    if not text:
        fault(starts[0], "@start without @end", "close it")
    if faults:
        raise SourceError(faults)
    return ParsedDiagram(text, offset, metadata["name"], metadata["description"])


def _extract_block(lines: list[str], start: int | None) -> tuple[str, int]:
    """Return the block to render and its line offset; "" if it is not closed."""
    if start is None:
        return "\n".join(["@startuml", *lines, "@enduml", ""]), -1
    kind = lines[start].removeprefix("@start")
    for number in range(start + 1, len(lines)):
        if re.match(rf"\s*@end{kind}\b", lines[number]):
            return "\n".join([*lines[start:number], f"@end{kind}", ""]), start
    return "", start
