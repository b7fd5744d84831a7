"""Read the contents of a commit, checked out or not.

Reads the repository through ``pipelines.tools.git``. Only ``fetch_commits``
contacts the remote, and writes the commits that it fetches.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.tools.git import open_repository, trailers_of

_FETCH_TIMEOUT = 30  # seconds


def commit_number(project: Path, commit: str) -> int:
    """Return how many commits are reachable from *commit*; 0 where this clone lacks some of them."""
    with open_repository(project) as found:
        if found is None:
            return 0
        repo, _ = found
        if repo.git.rev_parse("--is-shallow-repository") != "false":
            return 0
        options = ("--count", commit, "--")
        status, output, _ = repo.git.rev_list(*options, with_extended_output=True, with_exceptions=False)
        return int(output) if status == 0 else 0


def file_at_commit(project: Path, commit: str, path: str) -> str | None:
    """Return the file *path* of *project* as it is in *commit*; None where it is not there."""
    with open_repository(project) as found:
        if found is None:
            return None
        repo, prefix = found
        options = ("-p", f"{commit}:{prefix}{path}")
        status, output, _ = repo.git.cat_file(
            *options, with_extended_output=True, with_exceptions=False, strip_newline_in_stdout=False
        )
        return str(output) if status == 0 else None


def files_at_commit(project: Path, commit: str, folder: str) -> dict[str, bytes]:
    """Return the files below *folder* of *project* in *commit* by their path in it, as Git stores them.

    Symbolic links and submodules are omitted; nothing is checked out.
    """
    with open_repository(project) as found:
        if found is None:
            return {}
        repo, prefix = found
        output = repo.git.ls_tree("-r", "-z", f"{commit}:{prefix}{folder}", strip_newline_in_stdout=False)
        rows = [row.partition("\t") for row in str(output).split("\0") if row]
        blobs = {path: entry.split()[2] for entry, _, path in rows if entry.startswith("100")}
        return {
            path: repo.git.cat_file("blob", blob, stdout_as_string=False, strip_newline_in_stdout=False)
            for path, blob in blobs.items()
        }


def entries_at_commit(project: Path, commit: str) -> dict[str, str] | None:
    """Return mode, type and object id of each entry at the top of *project* in *commit*, by its name.

    Equal ids are equal contents (Git, gitglossary "object name"). None for a
    commit that this clone does not have.
    """
    with open_repository(project) as found:
        if found is None:
            return None
        repo, prefix = found
        options = ("-z", f"{commit}:{prefix.rstrip('/')}")
        status, output, _ = repo.git.ls_tree(*options, with_extended_output=True, with_exceptions=False)
        if status != 0:
            return None
        rows = (row.partition("\t") for row in str(output).split("\0") if row)
        return {name: entry for entry, _, name in rows}


def changed_paths(project: Path, old: str, new: str, excluded: Sequence[str]) -> list[str]:
    """Return the paths of *project* that differ between two commits, except those below *excluded*."""
    with open_repository(project) as found:
        if found is None:
            return []
        repo, prefix = found
        exclude = [f":(exclude,top){prefix}{folder}" for folder in excluded]
        options = ("-z", "--name-only", "--no-renames", old, new, "--", f":(top){prefix}", *exclude)
        output = repo.git.diff(*options, strip_newline_in_stdout=False)
        return [name.removeprefix(prefix) for name in str(output).split("\0") if name]


def commit_trailers(project: Path, commit: str, key: str) -> tuple[str, ...]:
    """Return the values of the trailer *key* of *commit*, as `git interpret-trailers --parse`."""
    with open_repository(project) as found:
        return trailers_of(found[0], commit, key) if found else ()


def commit_exists(project: Path, commit: str) -> bool:
    """Return whether this clone has *commit*."""
    return entries_at_commit(project, commit) is not None


def fetch_commits(project: Path) -> None:
    """Fetch the branches of the remote "origin"; a failing remote is ignored."""
    with open_repository(project) as found:
        if found is not None and "origin" in {one.name for one in found[0].remotes}:
            with found[0].git.custom_environment(GIT_TERMINAL_PROMPT="0"):
                found[0].git.fetch(
                    "-q",
                    "origin",
                    with_extended_output=True,
                    with_exceptions=False,
                    kill_after_timeout=_FETCH_TIMEOUT,
                )
