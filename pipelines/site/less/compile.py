"""Compile a theme's LESS to CSS.

With lesscpy the guard stands before it and after it: a grammar admits what lesscpy
compiles as less.js does and refuses the rest, plain CSS never passes through it,
and its result is compared with books of our own. With lessc nothing is
guarded.
Reads the entry and its imports. No writes, no network; lessc is started where it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import SourceError
from pipelines.site.content.read_policy import ReadPolicy
from pipelines.site.less.emitter import emit_less
from pipelines.site.less.evaluation import evaluate
from pipelines.site.less.imports import load_stylesheet
from pipelines.site.less.lessc import run_lessc
from pipelines.site.less.lesscpy_compiler import run_lesscpy
from pipelines.site.less.scopes import resolve_names
from pipelines.site.less.verification import verify_result


@dataclass(frozen=True, slots=True)
class CompiledLess:
    css: str  # not minified
    sources: tuple[str, ...]  # every file read, relative to the project


def compile_less(
    entry: Path, project: Path, compiler: str = "lesscpy", policy: ReadPolicy | None = None
) -> CompiledLess:
    """Return the CSS of *entry*.

    *compiler* is "lesscpy" or "lessc". *policy* decides which files may be
    imported; None admits any file of the project. Raises SourceError with every fault that is found
    before the first step that needs a sheet without them.
    """
    if compiler == "lessc":
        return CompiledLess(*run_lessc(entry, project, policy))
    sheet, sources, faults = load_stylesheet(entry, project, policy)
    names = resolve_names(sheet)
    faults += names.faults
    if faults:
        raise SourceError(faults)
    books = evaluate(sheet, names)
    if books.faults:
        raise SourceError(books.faults)
    core = emit_less(sheet, names)
    if core.faults:
        raise SourceError(core.faults)
    if not core.lines:
        return CompiledLess("", sources)
    css, faults = run_lesscpy(core)
    if not faults:
        css, faults = verify_result(css, core, books)
    if faults:
        raise SourceError(faults)
    return CompiledLess(css, sources)
