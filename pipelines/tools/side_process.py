"""Compute a function in a process of its own, while this one does something else.

Starts a process. No reads, no writes, no network of its own.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Generic, NoReturn, TypeVar

from pipelines.core.errors import PipelineError
from pipelines.core.progress import Progress
from pipelines.tools.forks import end_with, uninterrupted

R = TypeVar("R")


class SideProcess(Generic[R]):
    """A copy of this process that computes a function; see ``side_process``."""

    def __init__(self, function: Callable[[Progress], R]) -> None:
        """Start it; where that fails, ``result`` computes the function in this process.

        Call it where Ctrl-C is blocked, so that the process gets none.
        """
        self._function, self._process, parent = function, 0, os.getpid()
        try:
            ours, theirs = os.pipe()
        except OSError:
            return
        try:
            self._process = os.fork()
        except OSError:  # at the limit of processes, or of memory
            os.close(ours)
        else:
            if not self._process:
                os.close(ours)
                _compute_and_exit(parent, function, Connection(theirs, readable=False))
            self._messages = Connection(ours, writable=False)
        os.close(theirs)

    def result(self, progress: Progress) -> R:
        """Wait for the function, and return its result; *progress* gets its progress.

        Raises PipelineError as the function does, and if the process is killed, as
        where the memory is used up.
        """
        if not self._process:
            return self._function(progress)
        while True:
            try:
                name, content = self._messages.recv()
            except (EOFError, OSError):
                what = "a process was killed, most often because the memory is used up"
                raise PipelineError(f"{what}; free some, and run it again") from None
            match name:
                case "result":
                    return content  # type: ignore[no-any-return]
                case "error":
                    raise content
                case "bug":
                    raise RuntimeError(content)
                case "phase":
                    progress.phase(*content)
                case _:
                    progress.advance(content)

    def stop(self) -> None:
        """End the process, if it still runs."""
        with uninterrupted():
            if self._process:
                self._messages.close()
                os.kill(self._process, signal.SIGKILL)  # it is not reaped: the id is still its own
                os.waitpid(self._process, 0)
                self._process = 0


@contextmanager
def side_process(function: Callable[[Progress], R]) -> Iterator[SideProcess[R]]:
    """Yield a process that computes *function* of a progress, and ends with the block.

    Its result, and an exception that is a PipelineError, must be picklable. Use it
    before this process has other threads.
    """
    found: SideProcess[R] | None = None
    try:
        with uninterrupted():
            found = SideProcess(function)
        yield found
    finally:
        if found:
            found.stop()


class _SentProgress:
    """Sends progress to the parent."""

    def __init__(self, messages: Connection) -> None:
        self._messages = messages

    def phase(self, name: str, total: int) -> None:
        self._messages.send(("phase", (name, total)))

    def advance(self, pieces: int) -> None:
        self._messages.send(("advance", pieces))


def _compute_and_exit(parent: int, function: Callable[[Progress], Any], messages: Connection) -> NoReturn:
    """Do the work of the process, a copy of *parent*, and end it."""
    try:
        end_with(parent)
        try:
            messages.send(("result", function(_SentProgress(messages))))
        except PipelineError as error:
            messages.send(("error", error))
        except BrokenPipeError:  # the parent does not wait for it
            pass
        except BaseException:
            messages.send(("bug", traceback.format_exc()))
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)  # without the exit handlers, buffers and locks of the parent
