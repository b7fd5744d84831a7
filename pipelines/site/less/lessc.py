"""Compile LESS with less.js, without the guard.

Reads the entry and its imports. No writes; starts lessc.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.errors import Fault, SourceError, ToolError
from pipelines.site.content.read_policy import ReadPolicy
from pipelines.tools import shell

TIMEOUT = 60.0
# "NameError: variable @x is undefined in /site/theme/less/a.less on line 3, column 5:"
_ERROR = re.compile(
    r"[A-Z]\w*Error: (?P<text>[^\n]+?) in (?P<file>[^\n]+?) on line (?P<line>\d+), column \d+:"
)
# less.js embeds these files but does not list them. Only a quoted name is known before the compilation;
# ~"…", e("…"), variables and other functions are rejected.
_EMBEDDING = re.compile(r"data-uri\s*\(|@import\s*\([^)]*\binline\b[^)]*\)", re.IGNORECASE)
_EMBEDDED_FILE = re.compile(
    r"""(?:data-uri\s*\(\s*(?:(["'])[^"'@{]*\1\s*,\s*)?|@import\s*\([^)]*\)\s*(?:url\(\s*)?)"""
    r"""(?P<quote>["'])(?P<file>[^"'@{#]+)(?:\#[^"'@{]*)?(?P=quote)\s*[);]""",
    re.IGNORECASE,
)
_SEARCHED_PATHS = re.compile(r"\. Tried - .*")  # absolute paths of the machine


def run_lessc(entry: Path, project: Path, policy: ReadPolicy | None) -> tuple[str, tuple[str, ...]]:
    """Return the CSS and the files read; raises SourceError for errors of lessc or of *policy*.

    Those that it embeds are among them with a *policy* only.
    """
    lessc = find_lessc(project)
    if not lessc:
        raise ToolError('lessc: not installed; run `npm ci`, or set less_compiler = "lesscpy"')
    try:
        make_rule = shell.run_program(
            [lessc, "--no-color", "-M", entry, "theme.css"], timeout=TIMEOUT, cwd=project
        )
        first = _relative(entry, project)
        sources = tuple(dict.fromkeys((first, *_parse_make_rule(make_rule.decode("utf-8"), project))))
        embedded: set[str] = set()
        if policy and (faults := list(_policy_faults(sources, entry, project, policy, embedded))):
            raise SourceError(faults)
        css = shell.run_program([lessc, "--no-color", entry], timeout=TIMEOUT, cwd=project)
    except ToolError as error:
        found = _ERROR.search(str(error))
        if not found:
            raise
        text = _SEARCHED_PATHS.sub("", found["text"])
        path = _relative(Path(found["file"]), project)
        raise SourceError([Fault(path, int(found["line"]), f"lessc: {text}", "fix it", "theme")]) from None
    return css.decode("utf-8"), (*sources, *sorted(embedded - {*sources}))


def find_lessc(project: Path) -> str:
    """Return the path of lessc: of the project, or on PATH; "" for none."""
    installed = project / "node_modules" / ".bin" / "lessc"
    return str(installed) if installed.exists() else shell.find_program("lessc") or ""


def lessc_package(project: Path) -> Path:
    """Return the package.json of lessc, which has its version."""
    return Path(find_lessc(project)).resolve().parent.parent / "package.json"


def _policy_faults(
    sources: tuple[str, ...], entry: Path, project: Path, policy: ReadPolicy, embedded: set[str]
) -> Iterator[Fault]:
    """Yield a fault for each file that lessc read and *policy* does not allow; add to *embedded*."""
    for path in sources:
        file = project / path
        if refusal := policy.check_import(path, os.path.realpath(file)):
            what = f"imports {path}: it {refusal.text}"
            yield Fault(_relative(entry, project), 0, what, "copy the file into theme/less/", "theme")
            continue
        text = file.read_text("utf-8", errors="replace")
        for found in _EMBEDDING.finditer(text):
            files = _embedded_files(text, found.start(), (entry.parent, file.parent))
            embedded |= {_relative(Path(one), project) for one in files or ()}
            if refused := _embedding_refusal(text, found.start(), files, policy, path):
                line = text.count("\n", 0, found.start()) + 1
                what = "@import" if found[0].startswith("@") else "data-uri"
                yield Fault(
                    path,
                    line,
                    f"{what} {refused}",
                    "write the path of a file below theme/ in quotes",
                    "theme",
                )


def _embedded_files(text: str, at: int, folders: tuple[Path, Path]) -> list[str] | None:
    """Return the files that the embedding at *at* may name; None if no name is known.

    A path is relative to the entry or, with --rewrite-urls, to the file that embeds it:
    https://lesscss.org/functions/#misc-functions-data-uri
    """
    found = _EMBEDDED_FILE.match(text, at)
    if not found:
        return None
    return [file for folder in folders if os.path.exists(file := os.path.realpath(folder / found["file"]))]


def _embedding_refusal(text: str, at: int, files: list[str] | None, policy: ReadPolicy, path: str) -> str:
    """Return why one of *files*, embedded at *at* in *path*, must not be read, or ""."""
    if files is None:
        return "names a file that is unknown before compilation"
    if not files:
        found = _EMBEDDED_FILE.match(text, at)
        return f"names {found['file'] if found else 'a file'}, which does not exist"
    return next((refusal.text for file in files if (refusal := policy.check_import(path, file))), "")


def _parse_make_rule(rule: str, project: Path) -> Iterator[str]:
    """Yield the files of a make rule, ``theme.css: a.less b.less``; spaces are not escaped."""
    name = ""
    for word in rule.partition(":")[2].split(" "):
        name = f"{name} {word}".strip()
        if name and (project / name).is_file():
            yield _relative(project / name, project)
            name = ""


def _relative(file: Path, project: Path) -> str:
    """Return *file* relative to *project*, or absolute if it is outside."""
    resolved, root = file.resolve(), project.resolve()
    inside = resolved.is_relative_to(root)
    return resolved.relative_to(root).as_posix() if inside else resolved.as_posix()
