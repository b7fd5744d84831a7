"""Link the files of the last site in an empty staging directory, in a process of its own.

A build that finds no spare tree (spare_tree.py), such as the second one of a clone, has
to link each file that stays the same. Another processor does that here, while this one
imports the rest of the program and converts the changed texts. A tree that was linked only
in part, or changes meanwhile, is as good as a spare one: the build checks each file of it.

Reads the last site; writes the staging directory. No network.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipelines.core.digests import normalize_directory
from pipelines.core.site_tree import PARTS
from pipelines.site.output.spare_tree import LOCK


class LinkedTree:
    """A process that links the files of a site in a staging directory."""

    def __init__(self, last: Path, stage: Path) -> None:
        """Link the files of *last* in *stage*; where that has files already, there is no process."""
        self._process = 0
        if last.is_dir() and os.listdir(stage) == [LOCK]:
            self._process = os.fork()
            if not self._process:
                _link_and_exit(str(last), str(stage))

    def wait(self) -> None:
        """Wait for the end of the process."""
        if self._process:
            os.waitpid(self._process, 0)
            self._process = 0

    def stop(self) -> None:
        """End the process, if it still runs."""
        if self._process:
            os.kill(self._process, signal.SIGKILL)  # it is not reaped: the id is still its own
            self.wait()


@contextmanager
def linked_tree(last: Path, stage: Path) -> Iterator[LinkedTree]:
    """Yield the process that links the files of *last* in *stage*, which ends with the block."""
    found = LinkedTree(last, stage)
    try:
        yield found
    finally:
        found.stop()


def _link_and_exit(last: str, stage: str) -> None:
    """End this process, a copy of the program, after it has linked what it can."""
    try:
        with suppress(OSError, KeyboardInterrupt):
            for part in PARTS:
                _link(f"{last}/{part}", f"{stage}/{part}")
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # without the exit handlers, buffers and locks of the program


def _link(source: str, target: str) -> None:
    """Link the file *source* as *target*, or the files of a directory, and so on; raise OSError."""
    if not os.path.isdir(source):
        os.link(source, target, follow_symlinks=False)
        return
    os.mkdir(target)
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _link(entry.path, f"{target}/{entry.name}")
            elif entry.is_file(follow_symlinks=False):
                os.link(entry.path, f"{target}/{entry.name}", follow_symlinks=False)
    normalize_directory(Path(target))
