"""What a rollback restores, and whether a commit has it.

Reads the repository. No writes, no network. A rule between steps: `rollback`
restores exactly this, and the chart of a rollback is refused where it differs.

The one list of what authors change and what reaches the built tree. Everything
else stays as it is: the pipeline that publishes, and where it publishes to.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from pipelines.core.errors import PipelineError
from pipelines.tools import commits

PATHS = ("content", "theme")
# Tables of site.toml whose keys reach out/site; all others are of delivery and of clusters.
TABLES = ("site", "menu", "footer", "feed", "security", "metadata", "build")
FILE = "site.toml"
MISSING = "run `git fetch origin` (with --unshallow where it is shallow), or name another release"
_HEADER = re.compile(r"\[\[?\s*([\w-]+)[\w.\s-]*\]")


def differing_paths(project: Path, old: str, new: str) -> list[str]:
    """Return what of the list above is not the same in the commits *old* and *new*, in its order.

    Raises PipelineError for a commit that this clone does not have.
    """
    one, two = (_entries(project, commit) for commit in (old, new))
    found = [path for path in PATHS if one.get(path) != two.get(path)]
    before, after = (_tables(project, commit) for commit in (old, new))
    return found + [f"[{name}] of {FILE}" for name in TABLES if before.get(name) != after.get(name)]


def restored_site_toml(now: str, old: str) -> str:
    """Return the text *now* of site.toml with the tables of ``TABLES`` as the text *old* has them.

    Comments above a table belong to it. Raises PipelineError where that cannot be
    done by moving lines.
    """
    one, two = tomllib.loads(now), tomllib.loads(old)
    wanted = {name: two[name] for name in TABLES if name in two}
    wanted |= {name: data for name, data in one.items() if name not in TABLES}
    if one == wanted:
        return now
    head, blocks = _blocks(now)
    restored = [text for name, text in _blocks(old)[1] if name in TABLES]
    place = next((number for number, (name, _) in enumerate(blocks) if name in TABLES), 0)
    before = [text for name, text in blocks[:place] if name not in TABLES]
    after = [text for name, text in blocks[place:] if name not in TABLES]
    text = head + "".join(
        block if block.endswith("\n") else f"{block}\n" for block in (*before, *restored, *after)
    )
    try:
        whole = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        whole = False
    if not whole:
        raise PipelineError(
            f"{FILE}: its tables {', '.join(TABLES)} cannot be restored by moving lines;"
            " write each table once, with a header of its own"
        )
    return text


def _blocks(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return what stands before the first table of *text*, and each table's name and text."""
    head, blocks = "", list[tuple[str, str]]()
    waiting = ""  # comments and empty lines: of the table that follows
    for line in text.splitlines(keepends=True):
        if found := _HEADER.match(line):
            if not blocks and "\n\n" in waiting:  # the comment at the top of the file is of no table
                top, gap, waiting = waiting.rpartition("\n\n")
                head += top + gap
            blocks.append((found[1], waiting + line))
            waiting = ""
        elif not line.strip() or line.startswith("#"):
            waiting += line
        elif blocks:
            name, told = blocks[-1]
            blocks[-1], waiting = (name, told + waiting + line), ""
        else:
            head, waiting = head + waiting + line, ""
    if blocks and waiting:
        blocks[-1] = (blocks[-1][0], blocks[-1][1] + waiting)
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
