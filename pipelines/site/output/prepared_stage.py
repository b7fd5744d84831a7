"""Prepare the staging directory of a build in a process of its own.

Another processor does there what takes a time for each file of a site, while this one imports
the rest of the program and converts the changed texts: it lists the files of the spare tree
(spare_tree.py), or, where there is none, as in the second build of a clone, links those of the last
site first. A tree that was linked only in part, or changes meanwhile, is as good as a spare one:
the build checks each file of it.

Reads the last site; writes the staging directory. No network.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from pipelines.core.digests import normalize_directory
from pipelines.core.errors import PipelineError
from pipelines.core.site_tree import PARTS
from pipelines.site.output import spare_tree
from pipelines.site.output.spare_tree import LOCK, FoundTree
from pipelines.tools.forks import end_with, uninterrupted

_ENCODER, _DECODER = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(FoundTree)


# What a strange tree causes: the program finds it again when it lists the tree itself.
_EXPECTED = (OSError, PipelineError, UnicodeError, OverflowError, RecursionError)


class PreparedStage:
    """A staging directory, and the process that prepares it."""

    def __init__(self, last: Path, stage: Path) -> None:
        """Prepare *stage*; link the files of the site *last* there, if it has none.

        Call it where Ctrl-C is blocked, so that the process gets none. Where it cannot be started, this one
        does its work.
        """
        self._stage, self._process, parent = stage, 0, os.getpid()
        try:
            self._output, end = os.pipe()
        except OSError:
            return
        try:
            self._process = os.fork()
        except OSError:  # at the limit of processes, or of memory
            os.close(self._output)
        else:
            if not self._process:
                os.close(self._output)  # else a write would wait for ever where the parent was killed
                _prepare_and_exit(parent, last, stage, end)
        os.close(end)

    def wait(self) -> FoundTree:
        """Wait for the process, and return what is in the directory, as ``spare_tree.read`` does."""
        if self._process:
            with open(self._output, "rb", closefd=False) as output:
                data = output.read()
            self.stop()
            with suppress(msgspec.MsgspecError):  # it has failed
                return _DECODER.decode(data)
        return spare_tree.read(self._stage)

    def stop(self) -> None:
        """End the process, if it still runs."""
        with uninterrupted():
            if self._process:
                os.close(self._output)
                os.kill(self._process, signal.SIGKILL)  # it is not reaped: the id is still its own
                os.waitpid(self._process, 0)
                self._process = 0


@contextmanager
def prepared_stage(last: Path, stage: Path) -> Iterator[PreparedStage]:
    """Yield *stage*, which a process prepares that ends with the block."""
    found = None
    try:
        with uninterrupted():
            found = PreparedStage(last, stage)
        yield found
    finally:
        if found:
            found.stop()


def _prepare_and_exit(parent: int, last: Path, stage: Path, output: int) -> NoReturn:
    """Do the work of the process, a copy of the program *parent*, and end it."""
    try:
        end_with(parent)
        with suppress(*_EXPECTED):
            if os.listdir(stage) == [LOCK]:
                _link_parts(str(last), str(stage))
            data = _ENCODER.encode(spare_tree.read(stage))
            with open(output, "wb", closefd=False) as stream:
                stream.write(data)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # without the exit handlers, buffers and locks of the program


def _link_parts(last: str, stage: str) -> None:
    """Link what can be linked of the site *last* in *stage*."""
    with suppress(OSError):
        for part in PARTS:
            _link(f"{last}/{part}", f"{stage}/{part}")


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
