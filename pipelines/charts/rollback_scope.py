"""Define what a rollback restores, and compare two commits in it.

Reads the repository. No writes, no network. A rule between steps: `rollback`
restores exactly this, and the chart of a rollback is refused where it differs.

It is what authors change and what reaches the built tree. The pipeline and its
targets stay as they are.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pipelines.core.errors import PipelineError
from pipelines.tools import commits

PATHS = ("content", "theme")
# Tables of site.toml whose keys reach out/site, or decide whether it is built; the others configure
# delivery and clusters.
TABLES = ("site", "menu", "footer", "feed", "security", "metadata", "urls", "markdown", "build", "checks")
FILE = "site.toml"
MISSING = "run `git fetch origin` (with --unshallow where it is shallow), or name another release"
_HEADER = re.compile(r"""\[\[?\s*([\w-]+)(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*\s*\]""")


def differing_paths(project: Path, old: str, new: str) -> list[str]:
    """Return which of ``PATHS`` and ``TABLES`` differ between the commits *old* and *new*.

    Raises PipelineError for a commit that is not in this clone.
    """
    old_entries, new_entries = (_entries(project, commit) for commit in (old, new))
    paths = [path for path in PATHS if old_entries.get(path) != new_entries.get(path)]
    before, after = (_tables(project, commit) for commit in (old, new))
    return paths + [f"[{name}] of {FILE}" for name in TABLES if before.get(name) != after.get(name)]


def restored_site_toml(now: str, old: str) -> str:
    """Return the text *now* of site.toml with the tables of ``TABLES`` from the text *old*.

    Comments above a table belong to it. Raises PipelineError where moving lines is
    not enough.
    """
    current, previous = tomllib.loads(now), tomllib.loads(old)
    expected = {name: previous[name] for name in TABLES if name in previous}
    expected |= {name: data for name, data in current.items() if name not in TABLES}
    if current == expected:
        return now
    head, blocks = _blocks(now)
    restored = [text for name, text in _blocks(old)[1] if name in TABLES]
    first = next((number for number, (name, _) in enumerate(blocks) if name in TABLES), 0)
    before = [text for name, text in blocks[:first] if name not in TABLES]
    after = [text for name, text in blocks[first:] if name not in TABLES]
    text = head + "".join(
        block if block.endswith("\n") else f"{block}\n" for block in (*before, *restored, *after)
    )
    try:
        is_restored = tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        is_restored = False
    if not is_restored:
        raise PipelineError(
            f"{FILE}: its tables {', '.join(TABLES)} cannot be restored by moving lines;"
            " write each table once, with a header of its own"
        )
    return text


def _blocks(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the text before the first table of *text*, and each table's name and text."""
    head, blocks = "", list[tuple[str, str]]()
    pending = ""  # comments and empty lines: of the table that follows
    for line in text.splitlines(keepends=True):
        if found := _HEADER.match(line):
            if not blocks and "\n\n" in pending:  # the comment at the top of the file belongs to no table
                top, gap, pending = pending.rpartition("\n\n")
                head += top + gap
            blocks.append((found[1], pending + line))
            pending = ""
        elif not line.strip() or line.startswith("#"):
            pending += line
        elif blocks:
            name, block = blocks[-1]
            blocks[-1], pending = (name, block + pending + line), ""
        else:
            head, pending = head + pending + line, ""
    if blocks and pending:
        blocks[-1] = (blocks[-1][0], blocks[-1][1] + pending)
    return head, blocks


def _entries(project: Path, commit: str) -> dict[str, str]:
    found = commits.entries_at_commit(project, commit)
    if found is None:
        raise PipelineError(f"commit {commit[:12]} is not in this clone; {MISSING}")
    return found


def _tables(project: Path, commit: str) -> dict[str, Any]:
    try:
        return tomllib.loads(commits.file_at_commit(project, commit, FILE) or "")
    except tomllib.TOMLDecodeError:
        raise PipelineError(f"{FILE} in commit {commit[:12]} is not TOML; fix it, and commit") from None
