"""Read a LESS file and what it imports into one sheet; every node keeps its file and line.

Reads the entry and its imports. No writes, no network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core.errors import Fault, suggest
from pipelines.site.content.read_policy import ReadPolicy
from pipelines.site.less.nodes import (
    Import,
    MixinDefinition,
    Node,
    SourcePosition,
    Stylesheet,
    VariableDefinition,
)
from pipelines.site.less.parser import Parser


@dataclass(slots=True)
class LoadState:
    """What has been read so far."""

    project: Path
    policy: ReadPolicy | None  # None admits any file of the project
    files: list[str] = field(default_factory=list)  # relative to the project
    faults: list[Fault] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    names: list[tuple[str, SourcePosition]] = field(default_factory=list)
    first: dict[str, SourcePosition] = field(default_factory=dict)  # where a file was imported
    silent: set[str] = field(default_factory=set)  # files of variables and mixins alone


def load_stylesheet(
    entry: Path, project: Path, policy: ReadPolicy | None = None
) -> tuple[Stylesheet, tuple[str, ...], list[Fault]]:
    """Return the sheet with its imports in their places, the files read, and the faults.

    A file that is imported twice is read once. less.js does so too, but not always at the
    first place, so this is for files of variables and mixins alone.
    """
    source = LoadState(project, policy)
    body = _load_file(entry, source, ())
    sheet = Stylesheet(tuple(body), frozenset(source.refused), tuple(source.names))
    return sheet, tuple(source.files), source.faults


def _load_file(file: Path, source: LoadState, above: tuple[str, ...]) -> list[Node]:
    path = file.relative_to(source.project).as_posix()
    source.files.append(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        source.faults.append(Fault(path, 0, "there is no such file", "write the theme's LESS there"))
        return []
    except UnicodeDecodeError as error:
        said = f"byte {error.start} is not UTF-8"
        source.faults.append(Fault(path, 0, said, "save the file as UTF-8"))
        return []
    # As in CSS, all ends of lines are one.
    parser = Parser(text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"), path)
    sheet = parser.sheet()
    source.faults += parser.faults
    source.refused |= sheet.refused
    source.names += sheet.names
    nodes: list[Node] = []
    for node in sheet.body:
        if isinstance(node, Import):
            nodes += _load_import(node, file, source, (*above, path))
        else:
            nodes.append(node)
    if all(isinstance(node, VariableDefinition | MixinDefinition) for node in nodes):
        source.silent.add(path)
    return nodes


def _load_import(node: Import, file: Path, source: LoadState, above: tuple[str, ...]) -> list[Node]:
    def refuse(text: str, fix: str) -> list[Node]:
        source.faults.append(Fault(node.place.path, node.place.line, text, fix))
        return []

    name = node.target if node.target.endswith(".less") else f"{node.target}.less"
    root = source.project.resolve()
    target = (file.resolve().parent / name).resolve()
    if not target.is_relative_to(root):
        return refuse(f'@import "{node.target}" leads out of the site', "copy the file into theme/less/")
    path = target.relative_to(root).as_posix()
    if path in above:
        circle = " imports ".join((*above[above.index(path) :], path))
        return refuse(f"circular @import: {circle}", "take one of these imports out")
    if not target.is_file():
        near = target.parent.glob("*.less") if target.parent.is_dir() else ()
        known = sorted(other.stem for other in near if other.name != file.name)
        hint = suggest(Path(name).stem, known) if known else "write the file, or drop the import"
        return refuse(f'@import "{node.target}": there is no {path}', hint)
    if source.policy and (refusal := source.policy.check_import(node.place.path, str(target))):
        return refuse(f'@import "{node.target}" {refusal.text}', "copy the file into theme/less/")
    if path in source.first:
        place = source.first[path]
        if path not in source.silent:
            said = f"{path} is imported at {place.path}:{place.line} too"
            return refuse(said, "keep one of the two imports: the order of the rules hangs on it")
        return []
    source.first[path] = node.place
    return _load_file(source.project / path, source, above)
