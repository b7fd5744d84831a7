"""Run tasks in forks of a process that has imported them: ``python -m tests.nodes.lab.fab_server``.

Without it, each task spends half a second of CPU on imports. Reads one JSON object a
line from stdin: the arguments of fab, and the files for its stdin, stdout and stderr.
Writes a line with the exit status of each.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from tests.support.project import ROOT

_FLAGS = {"stdin": os.O_RDONLY, "stdout": os.O_WRONLY, "stderr": os.O_WRONLY}


class FabServer:
    """The process, as a client sees it. One task at a time."""

    def __init__(self, prefix: Sequence[str], directory: Path) -> None:
        self._argv = [*prefix, sys.executable, "-m", "tests.nodes.lab.fab_server"]
        self._directory = directory
        self._process: subprocess.Popen[str] | None = None

    def run(self, argv: Sequence[str], stdin: str, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run fab with *argv*; raise TimeoutExpired after *timeout* seconds, which ends the process."""
        files = {name: self._directory / name for name in _FLAGS}
        for name, file in files.items():
            file.write_text(stdin if name == "stdin" else "", "utf-8")
        request = {"argv": list(argv), **{name: str(file) for name, file in files.items()}}
        line = self._request(json.dumps(request), timeout)
        if line is None:
            self.close()
            raise subprocess.TimeoutExpired(["fab", *argv], timeout)
        texts = (files[name].read_text("utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(["fab", *argv], int(line), *texts)

    def _request(self, text: str, timeout: float) -> str | None:
        """Return the line that answers *text*; None after *timeout* seconds."""
        process = self._process = self._process or subprocess.Popen(
            self._argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{text}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], timeout)
        return process.stdout.readline() if ready else None

    def close(self) -> None:
        """End the process, and a task that it runs; the next request starts another one."""
        process, self._process = self._process, None
        if process:
            with process:
                os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def fab_server(prefix: Sequence[str]) -> Iterator[FabServer]:
    """Run the process behind *prefix*, a command that runs another one, until the block ends."""
    with tempfile.TemporaryDirectory() as directory:
        server = FabServer(prefix, Path(directory))
        try:
            yield server
        finally:
            server.close()


def main() -> None:
    """Serve requests until stdin ends."""
    from fabric.main import program  # here, not in the process that tests

    import nodes.fabfile  # noqa: F401  # for the forks

    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _run(program.run, json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(run: Callable[[list[str]], None], request: dict[str, Any]) -> NoReturn:
    for descriptor, (name, flags) in enumerate(_FLAGS.items()):
        os.dup2(os.open(request[name], flags), descriptor)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    status = 1
    try:
        run(["fab", *request["argv"]])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
