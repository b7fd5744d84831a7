"""Compile a theme's LESS to CSS.

With lesscpy, a parser rejects unsupported LESS before the compiler runs, and a
verifier compares the output with an evaluation of its own afterwards. With lessc
nothing is verified.
Reads the entry and its imports. No writes, no network; starts lessc if configured.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from pipelines.core.errors import SourceError
from pipelines.site.content.read_policy import ReadPolicy
from pipelines.site.less.emitter import emit_less
from pipelines.site.less.evaluation import evaluate
from pipelines.site.less.imports import load_stylesheet
from pipelines.site.less.lessc import run_lessc
from pipelines.site.less.lesscpy_compiler import run_lesscpy
from pipelines.site.less.scopes import resolve_names
from pipelines.site.less.verification import verify_result


class CompiledLess(Struct, frozen=True):
    css: str  # not minified
    sources: tuple[str, ...]  # every file read, relative to the project


def compile_less(
    entry: Path, project: Path, compiler: str = "lesscpy", policy: ReadPolicy | None = None
) -> CompiledLess:
    """Return the CSS of *entry*.

    *compiler* is "lesscpy" or "lessc". *policy* decides which files may be
    imported; None allows any file of the project. Raises SourceError with all
    faults of the first phase that has any.
    """
    if compiler == "lessc":
        return CompiledLess(*run_lessc(entry, project, policy))
    stylesheet, sources, faults = load_stylesheet(entry, project, policy)
    names = resolve_names(stylesheet)
    faults += names.faults
    if faults:
        raise SourceError(faults)
    evaluation = evaluate(stylesheet, names)
    if evaluation.faults:
        raise SourceError(evaluation.faults)
    emitted = emit_less(stylesheet, names)
    if emitted.faults:
        raise SourceError(emitted.faults)
    if not emitted.lines:
        return CompiledLess("", sources)
    css, faults = run_lesscpy(emitted)
    if not faults:
        css, faults = verify_result(css, emitted, evaluation)
    if faults:
        raise SourceError(faults)
    return CompiledLess(css, sources)
