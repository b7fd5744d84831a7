"""Load a LESS file and its imports into one syntax tree.

Reads the entry and its imports. No writes, no network.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct, field

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


class LoadState(Struct):
    """Files, names and faults collected while a stylesheet and its imports are loaded."""

    project: Path
    policy: ReadPolicy | None  # None allows any file of the project
    files: list[str] = field(default_factory=list)  # relative to the project
    faults: list[Fault] = field(default_factory=list)
    rejected_names: set[str] = field(default_factory=set)
    selector_names: list[tuple[str, SourcePosition]] = field(default_factory=list)
    imported_at: dict[str, SourcePosition] = field(default_factory=dict)  # where a file was imported
    definitions_only: set[str] = field(default_factory=set)  # files that contain only variables and mixins


def load_stylesheet(
    entry: Path, project: Path, policy: ReadPolicy | None = None
) -> tuple[Stylesheet, tuple[str, ...], list[Fault]]:
    """Return the stylesheet with imports inlined, the paths of all files read, and the faults.

    A second import of a file is skipped if the file contains only variables and mixins, and
    is a fault otherwise: less.js does not always keep the first import.
    """
    state = LoadState(project, policy)
    body = _load_file(entry, state, ())
    stylesheet = Stylesheet(tuple(body), frozenset(state.rejected_names), tuple(state.selector_names))
    return stylesheet, tuple(state.files), state.faults


def _load_file(file: Path, state: LoadState, importers: tuple[str, ...]) -> list[Node]:
    path = file.relative_to(state.project).as_posix()
    state.files.append(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        state.faults.append(Fault(path, 0, "no such file", "write the theme's LESS there", "theme"))
        return []
    except UnicodeDecodeError as error:
        text = f"byte {error.start} is not UTF-8"
        state.faults.append(Fault(path, 0, text, "save the file as UTF-8", "theme"))
        return []
    # CSS Syntax 3, section 3.3: normalize line ends.
    parser = Parser(text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n"), path)
    stylesheet = parser.stylesheet()
    state.faults += parser.faults
    state.rejected_names |= stylesheet.rejected_names
    state.selector_names += stylesheet.selector_names
    nodes: list[Node] = []
    for node in stylesheet.body:
        if isinstance(node, Import):
            nodes += _load_import(node, file, state, (*importers, path))
        else:
            nodes.append(node)
    if all(isinstance(node, VariableDefinition | MixinDefinition) for node in nodes):
        state.definitions_only.add(path)
    return nodes


def _load_import(node: Import, file: Path, state: LoadState, importers: tuple[str, ...]) -> list[Node]:
    def reject(text: str, fix: str) -> list[Node]:
        state.faults.append(Fault(node.position.path, node.position.line, text, fix, "theme"))
        return []

    name = node.target if node.target.endswith(".less") else f"{node.target}.less"
    root = state.project.resolve()
    target = (file.resolve().parent / name).resolve()
    if not target.is_relative_to(root):
        return reject(f'@import "{node.target}" is outside of the project', "copy the file into theme/less/")
    path = target.relative_to(root).as_posix()
    if path in importers:
        cycle = " imports ".join((*importers[importers.index(path) :], path))
        return reject(f"circular @import: {cycle}", "take one of these imports out")
    if not target.is_file():
        candidates = target.parent.glob("*.less") if target.parent.is_dir() else ()
        stems = sorted(other.stem for other in candidates if other.name != file.name)
        hint = suggest(Path(name).stem, stems) if stems else "write the file, or drop the import"
        return reject(f'@import "{node.target}": no file {path}', hint)
    if state.policy and (refusal := state.policy.check_import(node.position.path, str(target))):
        return reject(f'@import "{node.target}" {refusal.text}', "copy the file into theme/less/")
    if path in state.imported_at:
        position = state.imported_at[path]
        if path not in state.definitions_only:
            text = f"{path} is also imported at {position.path}:{position.line}"
            return reject(text, "keep one of the two imports: the order of the rules depends on it")
        return []
    state.imported_at[path] = node.position
    return _load_file(state.project / path, state, importers)
