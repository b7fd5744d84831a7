"""What is checked out, and whether it is the commit and nothing else.

Reads the repository. No writes, no network. A rule between steps: the version
notes it, and whoever packs sees whether it is still so.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import ToolError
from pipelines.tools import git
from pipelines.tools.git import Head

ROLLBACK = "Rollback-To"  # the trailer of a commit that takes an archived release
AS_OF = "As-Of"  # the trailer of a commit that says which posts are due
# What the steps read: an untracked file elsewhere changes nothing that is published.
_INPUTS = ("api", "content", "helm", "images", "pipelines", "requirements", "theme",
           "pelicanconf.py", "site.toml")  # fmt: skip


def read_checkout(project: Path, default: str = "") -> Head:
    """Return what is checked out at *project*; *default* is the name of the default branch, "" unknown.

    Raises ToolError without Git or without a commit.
    """
    head = git.read_head(project, trailers=(ROLLBACK, AS_OF), among=_INPUTS, default=default)
    if head is None:
        raise ToolError("no commit here, and a version counts commits; clone the site with Git")
    return head


def is_dirty(head: Head) -> bool:
    """Return whether what would be built is more, less or other than the commit."""
    return bool(head.changed) or any(not is_ignorable(path) for path in head.untracked)


def is_ignorable(path: str) -> bool:
    """Return whether no step reads *path*: what editors leave, and what a name with a dot hides."""
    parts = path.split("/")
    return any(part.startswith(".") and part != ".well-known" for part in parts) or path.endswith("~")
