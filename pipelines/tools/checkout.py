"""Read the checkout, and whether it differs from its commit.

Reads the repository. No writes, no network. A rule between steps: the version
records it, and packing compares.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.core.errors import ToolError
from pipelines.core.trailers import AS_OF
from pipelines.core.trailers import ROLLBACK as ROLLBACK
from pipelines.tools import git
from pipelines.tools.git import Head

# What the steps read: an untracked file outside of these changes nothing that is published.
_INPUTS = ("api", "content", "helm", "images", "pipelines", "requirements", "theme",
           "pelicanconf.py", "site.toml")  # fmt: skip


def read_checkout(project: Path, default: str = "") -> Head:
    """Return the checkout at *project*; *default* is the name of the default branch, "" if unknown.

    Raises ToolError without Git or without a commit.
    """
    head = git.read_head(project, trailers=(ROLLBACK, AS_OF), among=_INPUTS, default=default)
    if head is None:
        raise ToolError("no commit here, and a version counts commits; clone the site with Git")
    return head


def is_dirty(head: Head) -> bool:
    """Return whether the tree that would be built differs from the commit."""
    return bool(head.changed) or any(not is_ignorable(path) for path in head.untracked)


def is_ignorable(path: str) -> bool:
    """Return whether no step reads *path*: an editor's backup, or a hidden file."""
    parts = path.split("/")
    return any(part.startswith(".") and part != ".well-known" for part in parts) or path.endswith("~")
