"""A function in a process of its own: its result, its errors, its progress, and its end."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import NoProgress, Progress
from pipelines.tools.side_process import side_process

FAULT = Fault("content/posts/a.md", 3, "no title", "add one")


class Recorded:
    """Records progress."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def phase(self, name: str, total: int) -> None:
        self.calls.append((name, total))

    def advance(self, pieces: int) -> None:
        self.calls.append(pieces)


def fail(error: BaseException) -> Callable[[Progress], NoReturn]:
    def function(_: Progress) -> NoReturn:
        raise error

    return function


def wait_for_end(process: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{process}").exists():
        assert time.monotonic() < deadline, f"process {process} goes on"
        time.sleep(0.02)


def test_the_result_is_that_of_another_process() -> None:
    with side_process(lambda _: os.getpid()) as side:
        assert side.result(NoProgress()) != os.getpid()


def test_progress_arrives_in_order() -> None:
    def function(progress: Progress) -> int:
        progress.phase("convert", 2)
        progress.advance(1)
        progress.advance(1)
        return 7

    recorded = Recorded()
    with side_process(function) as side:
        assert side.result(recorded) == 7
    assert recorded.calls == [("convert", 2), 1, 1]


def test_faults_are_raised_as_they_are() -> None:
    with side_process(fail(SourceError([FAULT]))) as side, pytest.raises(SourceError) as caught:
        side.result(NoProgress())
    assert caught.value.faults == (FAULT,)


def test_a_bug_keeps_its_traceback() -> None:
    with side_process(fail(KeyError("name"))) as side, pytest.raises(RuntimeError) as caught:
        side.result(NoProgress())
    assert "Traceback" in str(caught.value)
    assert "KeyError: 'name'" in str(caught.value)
    assert "raise error" in str(caught.value)


def test_a_result_that_cannot_be_sent_is_a_bug() -> None:
    with side_process(lambda _: lambda: 1) as side, pytest.raises(RuntimeError, match="pickle"):
        side.result(NoProgress())


def test_a_killed_process_is_named() -> None:
    def function(_: Progress) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with side_process(function) as side, pytest.raises(PipelineError, match="was killed"):
        side.result(NoProgress())


def test_the_process_ends_with_the_block(tmp_path: Path) -> None:
    name = tmp_path / "process"

    def function(_: Progress) -> None:
        name.write_text(str(os.getpid()))
        time.sleep(60)

    with side_process(function):
        while not (name.exists() and name.read_text()):
            time.sleep(0.01)
    wait_for_end(int(name.read_text()))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_process_ends_with_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    script = """
        import os, sys, time
        from pathlib import Path
        from pipelines.core.progress import NoProgress
        from pipelines.tools.side_process import side_process

        def function(progress):
            Path(sys.argv[1]).write_text(str(os.getpid()))
            time.sleep(60)

        try:
            with side_process(function) as side:
                side.result(NoProgress())
        except KeyboardInterrupt:
            print("interrupted")
    """
    name = tmp_path / "process"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        while not (name.exists() and name.read_text()):
            assert parent.poll() is None
            time.sleep(0.01)
        parent.send_signal(end)
        output, errors = parent.communicate(timeout=20)
    assert (output, errors) == ("interrupted\n" if end == signal.SIGINT else "", "")
    wait_for_end(int(name.read_text()))


def test_without_another_process_the_function_runs_in_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    with side_process(lambda _: os.getpid()) as side:
        assert side.result(NoProgress()) == os.getpid()
