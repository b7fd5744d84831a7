"""Run the preview: one process, one port of this machine, until Ctrl-C.

Reads the project. Writes out/preview. Network: listens on 127.0.0.1 and ::1.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import uvicorn

from pipelines import config
from pipelines.errors import PipelineError
from pipelines.preview.app import App
from pipelines.preview.builder import TREE, Builder, Clock, Say
from pipelines.preview.state import Board, State
from pipelines.preview.watch import watch

# Passkeys refuse 127.0.0.1, so the address to use is localhost: both of its meanings are served.
_ADDRESSES = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
_PATIENCE = 0.4  # seconds that an open answer, and then a running build, get to come to an end


def serve(project: Path, port: int, *, clock: Clock, say: Say) -> int:
    """Show *project* on http://localhost:*port* until SIGINT or SIGTERM; return 0.

    That is how a preview ends, so it is no failure, and make has nothing to
    complain of. *clock* returns seconds since 1970; *say* is handed every line
    for the terminal, from two threads. Raises PipelineError when the port
    cannot be had and SourceError where there is no site.
    """
    project = project.resolve()  # as the system names what changes in it
    if not (project / config.FILE).exists():
        config.load(project)  # raises: nothing that is saved could turn this folder into a site
    listening = listen(port)
    say(f"http://localhost:{port}/  (Ctrl-C ends it)")
    ended = asyncio.run(_run(project, listening, clock, say))
    if not ended:
        # A build cannot be left at every moment. What it had written is a stage, which the next
        # build removes; to wait for it, or to end the interpreter under it, would be worse.
        if sys.stderr.isatty():
            sys.stderr.write("\x1b[?25h\n")  # the cursor, which the bar of a long build hides
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    return 0


async def _run(project: Path, listening: list[socket.socket], clock: Clock, say: Say) -> bool:
    """Serve until a signal; return whether the thread that builds has ended too."""
    loop, board, stop = asyncio.get_running_loop(), Board(), asyncio.Event()

    def done(state: State) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(board.post, state)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    builder = Builder(project, clock, say, done)
    builder.start()
    server = _Server(
        uvicorn.Config(
            App(project / TREE, board),
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
        )
    )
    serving = asyncio.create_task(server.serve(listening))
    watching = asyncio.create_task(watch(project, builder.ask))
    ending = asyncio.create_task(stop.wait())
    await asyncio.wait([serving, watching, ending], return_when=asyncio.FIRST_COMPLETED)
    board.close()  # open event streams would hold the server
    server.should_exit = True
    watching.cancel()
    await asyncio.wait([serving, watching], timeout=_PATIENCE)
    ended = builder.end(_PATIENCE)
    for task in (serving, watching):
        if task.done() and not task.cancelled():
            task.result()  # raises what ended it, if it was not the signal
    return ended


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us: the event streams must hear of them first."""
        yield


def listen(port: int) -> list[socket.socket]:
    """Return sockets that listen on *port*; raise PipelineError that names one that is free."""
    try:
        return _listen(port)
    except PermissionError:
        raise PipelineError(
            f"port {port} is for the administrator; take one from 1024 up: make serve PORT=8000"
        ) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
    for other in range(port + 1, 65536):
        with suppress(OSError):
            for one in _listen(other):
                one.close()
            raise PipelineError(f"port {port} is busy; port {other} is free: make serve PORT={other}")
    raise PipelineError(f"port {port} is busy; take another: make serve PORT=8000")


def _listen(port: int) -> list[socket.socket]:
    """Listen on both addresses of localhost, or on the one that this machine has."""
    found: list[socket.socket] = []
    try:
        for family, address in _ADDRESSES:
            if one := _bound(family, address, port):
                found.append(one)
    except OSError:
        for one in found:
            one.close()
        raise
    if not found:
        raise PipelineError("this machine has no loopback address; bring its lo interface up")
    return found


def _bound(family: int, address: str, port: int) -> socket.socket | None:
    try:
        one = socket.socket(family, socket.SOCK_STREAM)
    except OSError:  # a system without IPv6
        return None
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what the last run left may linger
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        _ask(family, address, port)
        one.listen(128)
    except OSError as error:
        one.close()
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            return None
        raise
    return one


def _ask(family: int, address: str, port: int) -> None:
    """Raise OSError if somebody answers: some systems let two servers share a port unnoticed."""
    with closing(socket.socket(family, socket.SOCK_STREAM)) as one:
        one.settimeout(0.2)
        if one.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, "somebody answers there")
