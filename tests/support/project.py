"""Projects for tests: the small site, or given files, with the repository's theme.

Each is a copy, so that tests are independent. The history is real Git with
fixed dates.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pipelines.core import config
from pipelines.core.results import SiteResult
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_report import BuildReport
from pipelines.site.cache import Cache

ROOT = Path(__file__).resolve().parents[2]
SMALL_SITE = ROOT / "tests" / "data" / "site"
AS_OF = 1_780_000_000  # 2026-05-28T20:26:40Z: the posts of early 2026 are due, that of 2027 is not
COMMITTED = 1_775_000_000  # 2026-03-31T23:33:20Z
_last_build = Cache()


def small_site(folder: Path, *, history: bool = True) -> Path:
    """Copy the small site into *folder*/site, with a history of one commit."""
    project = folder / "site"
    shutil.copytree(SMALL_SITE, project)
    _add_theme(project)
    if history:
        commit_all(project, COMMITTED)
    return project


def tiny_site(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make a project in *folder*/site that holds *files*, and the repository's theme."""
    project = folder / "site"
    (project / "content").mkdir(parents=True)
    shutil.copy(SMALL_SITE / "site.toml", project)
    _add_theme(project)
    for name, data in files.items():
        write(project / name, data)
    return project


def _add_theme(project: Path) -> None:
    shutil.copytree(ROOT / "theme", project / "theme", dirs_exist_ok=True)
    shutil.copy(ROOT / "pelicanconf.py", project)


def write(file: Path, data: str | bytes) -> None:
    """Write *data* to *file*, making its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)


def git(project: Path, *words: str, time: int = COMMITTED) -> str:
    """Run Git in *project* as a fixed author at a fixed time; return what it prints."""
    env = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "A. Tester",
        "GIT_AUTHOR_EMAIL": "tester@small.example",
        "GIT_COMMITTER_NAME": "A. Tester",
        "GIT_COMMITTER_EMAIL": "tester@small.example",
        "GIT_AUTHOR_DATE": f"{time} +0000",
        "GIT_COMMITTER_DATE": f"{time} +0000",
    }
    done = subprocess.run(
        ["git", *words], cwd=project, env=env, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def commit_all(project: Path, time: int, message: str = "A change") -> None:
    """Commit everything in *project* at *time* (seconds since 1970)."""
    if not (project / ".git").exists():
        git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A", time=time)
    git(project, "commit", "-q", "-m", message, time=time)


def build_site(
    project: Path,
    *,
    as_of: int = AS_OF,
    drafts: bool = False,
    workers: int = 1,
    cache: Cache | None = None,
    clean: bool = False,
    report: BuildReport | None = None,
) -> SiteResult:
    """Build *project* into its out/site, in this process.

    Without *cache*, use the one of the last build of this process: it has the compiled
    LESS of the theme, for example, which takes 0.25 of 0.4 s. *clean* builds without any.
    """
    options = BuildOptions(as_of=as_of, drafts=drafts, workers=workers)
    used = None if clean else cache or _last_build
    result = build(
        project, project / "out" / "site", config.load_config(project), options, used, None, report
    )
    _last_build.drop_unused()
    return result


def run_cli(
    project: Path, *words: str, env: Mapping[str, str] | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pipelines`` on *project* in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", str(project), *words],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def files_of(tree: Path) -> dict[str, bytes]:
    """Return every file below *tree* by its relative path, without the cache of builds in it."""
    found = {}
    for folder, folders, names in os.walk(tree):
        if Path(folder) == tree and "cache" in folders:
            folders.remove("cache")
        for name in names:
            file = f"{folder}/{name}"
            found[os.path.relpath(file, tree)] = Path(file).read_bytes()
    return dict(sorted(found.items()))
