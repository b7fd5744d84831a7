"""Projects with a login to pack: the API of this checkout, the pinned base, the packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import project
from tests.support.project import ROOT
from tests.support.tools import need_wheels


def api_project(folder: Path) -> Path:
    """Return a project in *folder* that `image api` can pack without network."""
    made = project.tiny_site(folder, {})
    for name in ("api", "images", "requirements"):
        shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__"))
    need_wheels(made)
    return made


def copy_project(made: Path, folder: Path) -> Path:
    """Return a copy of *made* below *folder*, to be changed."""
    one = folder / "site"
    shutil.copytree(made, one, symlinks=True)
    return one
