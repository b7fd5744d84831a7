"""Notice what an author saves.

Watches content/, theme/, site.toml and pelicanconf.py of a project, and not
what links lead to elsewhere: a build writes into out/. Reads no file. No
writes, no network.
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
from pipelines.site.pelican.render import SETTINGS

FOLDERS = ROOTS
FILES = (config.FILE, SETTINGS)
# What editors leave beside a file for a moment: 4913 is Vim's trial of the folder.
_PASSING = re.compile(r"\..*|.*~|#.*#|4913|.*\.(swp|swx|swo|tmp|part|crdownload)|.*___jb_(tmp|old)___")
_QUIET = 50  # milliseconds without a change until a save is over


def is_relevant(project: Path, path: str) -> bool:
    """Return whether the build may read *path*, which is absolute."""
    parts = Path(path).relative_to(project).parts
    if not parts or any(_PASSING.fullmatch(part) for part in parts):
        return False
    if len(parts) == 1:
        return parts[0] in (*FOLDERS, *FILES)
    folder = os.path.realpath(os.path.dirname(path))  # the watcher follows symbolic links
    inside = os.path.relpath(folder, project).split("/")[0]
    return parts[0] in FOLDERS and inside in FOLDERS


async def watch_files(project: Path, tell: Callable[[set[str]], None]) -> None:
    """Call *tell* with the paths that changed, relative to *project*, until cancelled.

    Raises PipelineError when the system watches no more files.
    """
    again = asyncio.Event()

    def names(changes: Iterable[tuple[Change, str]]) -> set[str]:
        return {Path(path).relative_to(project).as_posix() for _, path in changes}

    async def top() -> None:
        # The folder, not the files: editors replace a file rather than write into it.
        async for changes in awatch(project, watch_filter=keep, step=_QUIET, recursive=False):
            found = names(changes)
            if found & set(FOLDERS):  # one was made, moved or removed: watch what is there now
                again.set()
            tell(found)

    async def below() -> None:
        while True:
            again.clear()
            folders = [project / name for name in FOLDERS if (project / name).is_dir()]
            if not folders:
                await again.wait()
                continue
            async for changes in awatch(*folders, watch_filter=keep, step=_QUIET, stop_event=again):
                tell(names(changes))

    def keep(_change: Change, path: str) -> bool:
        return is_relevant(project, path)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(top())
            group.create_task(below())
    except* OSError as errors:
        refused = errors.exceptions[0]
    else:
        return
    # Raised here: what an except* block raises is an ExceptionGroup in Python 3.11.2, and is not in 3.11.7.
    what = f"what is saved cannot be noticed ({refused})"
    fix = "on Linux raise fs.inotify.max_user_watches, or set WATCHFILES_FORCE_POLLING=true"
    raise PipelineError(f"{what}; {fix}")
