"""Watch the files that a build reads, and report changes.

Watches content/, theme/, site.toml and pelicanconf.py of a project. Symbolic
links to other directories are not followed: a build writes into out/. Reads no
file. No writes, no network.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, awatch

from pipelines.core import config
from pipelines.core.errors import PipelineError
from pipelines.site.content.read_policy import ROOTS
from pipelines.site.pelican.settings_file import SETTINGS

DIRECTORIES = ROOTS
FILES = (config.FILE, SETTINGS)
# Temporary files of editors; 4913 is Vim's, to test whether the directory is writable.
_TEMPORARY = re.compile(r"\..*|.*~|#.*#|4913|.*\.(swp|swx|swo|tmp|part|crdownload)|.*___jb_(tmp|old)___")
_DEBOUNCE = 50  # milliseconds without a change until a save counts as complete


def is_relevant(project: Path, path: str) -> bool:
    """Return whether the build may read the absolute *path*."""
    parts = Path(path).relative_to(project).parts
    if not parts or any(_TEMPORARY.fullmatch(part) for part in parts):
        return False
    if len(parts) == 1:
        return parts[0] in (*DIRECTORIES, *FILES)
    folder = os.path.realpath(os.path.dirname(path))  # the watcher follows symbolic links
    inside = os.path.relpath(folder, project).split("/")[0]
    return parts[0] in DIRECTORIES and inside in DIRECTORIES


async def watch_files(project: Path, on_change: Callable[[set[str]], None]) -> None:
    """Call *on_change* with the paths that changed, relative to *project*, until cancelled.

    Raises PipelineError when the system refuses to watch more files.
    """
    moved = asyncio.Event()

    def names(changes: Iterable[tuple[Change, str]]) -> set[str]:
        return {Path(path).relative_to(project).as_posix() for _, path in changes}

    async def watch_project() -> None:
        # The directory, not the files: editors replace a file instead of writing into it.
        async for changes in awatch(project, watch_filter=is_watched, step=_DEBOUNCE, recursive=False):
            found = names(changes)
            if found & set(DIRECTORIES):  # created, moved or removed: watch the present ones
                moved.set()
            on_change(found)

    async def watch_directories() -> None:
        while True:
            moved.clear()
            folders = [project / name for name in DIRECTORIES if (project / name).is_dir()]
            if not folders:
                await moved.wait()
                continue
            async for changes in awatch(*folders, watch_filter=is_watched, step=_DEBOUNCE, stop_event=moved):
                on_change(names(changes))

    def is_watched(_change: Change, path: str) -> bool:
        return is_relevant(project, path)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(watch_project())
            group.create_task(watch_directories())
    except* OSError as errors:
        refused = errors.exceptions[0]
    else:
        return
    # Raised here: what an except* block raises is an ExceptionGroup in Python 3.11.2, and is not in 3.11.7.
    what = f"changed files cannot be watched ({refused})"
    fix = "on Linux raise fs.inotify.max_user_watches, or set WATCHFILES_FORCE_POLLING=true"
    raise PipelineError(f"{what}; {fix}")
