"""Projects to pack, with the pinned bases, the wheels and the code of this checkout."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support import project
from tests.support.project import ROOT, build_site
from tests.support.tools import need_base, need_wheels


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


def web_project(folder: Path) -> Path:
    """Return the small site in *folder*, built, with the base and the configuration of this checkout."""
    made = project.small_site(folder, history=False)
    shutil.copytree(ROOT / "images", made / "images")
    need_base(made, "web")
    build_site(made)
    return made
