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

from pipelines.errors import SourceError
from pipelines.site.less_books import keep_books
from pipelines.site.less_core import write_core
from pipelines.site.less_lessc import run_lessc
from pipelines.site.less_lesscpy import run_lesscpy
from pipelines.site.less_names import resolve
from pipelines.site.less_result import put_back
from pipelines.site.less_source import read_sheet
from pipelines.site.read_policy import ReadPolicy


@dataclass(frozen=True, slots=True)
class Compiled:
    css: str  # not minified
    sources: tuple[str, ...]  # every file read, relative to the project


def compile_less(
    entry: Path, project: Path, compiler: str = "lesscpy", policy: ReadPolicy | None = None
) -> Compiled:
    """Return the CSS of *entry*.

    *compiler* is "lesscpy" or "lessc". *policy* decides which files may be
    imported; None admits any file of the project. Raises SourceError with every fault that is found
    before the first step that needs a sheet without them.
    """
    if compiler == "lessc":
        return Compiled(*run_lessc(entry, project, policy))
    sheet, sources, faults = read_sheet(entry, project, policy)
    names = resolve(sheet)
    faults += names.faults
    if faults:
        raise SourceError(faults)
    books = keep_books(sheet, names)
    if books.faults:
        raise SourceError(books.faults)
    core = write_core(sheet, names)
    if core.faults:
        raise SourceError(core.faults)
    if not core.lines:
        return Compiled("", sources)
    css, faults = run_lesscpy(core)
    if not faults:
        css, faults = put_back(css, core, books)
    if faults:
        raise SourceError(faults)
    return Compiled(css, sources)
