"""The site that the benchmarks of server and login build: the theme of this repository, generated posts.

Reads the repository. Writes a project. No network.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from benchmarks import corpus

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
AS_OF = "2027-01-01"  # every post of a corpus is due


def write_project(folder: Path, pages: int) -> list[str]:
    """Write a project with *pages* posts and a login into *folder*; return the command that builds it."""
    shutil.copytree(ROOT / "theme", folder / "theme")
    for name in ("pelicanconf.py", "tests/data/site/site.toml"):
        shutil.copy(ROOT / name, folder)
    corpus.write_posts(folder / "content" / "posts", corpus.generate(pages))
    (folder / "content" / "pages").mkdir()
    (folder / "content" / "pages" / "about.md").write_text("Title: About\n\nText.\n")
    return [PYTHON, "-m", "pipelines", "--project", str(folder), "build", "--as-of", AS_OF]
