"""Run the preview: one process, one port of this machine, until a signal ends it.

Reads the project. Writes out/preview and var/. Network: listens on 127.0.0.1 and
::1; the login sends mail where the environment names a mail server.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from pipelines.core import config
from pipelines.core.progress import Log
from pipelines.preview import nginx
from pipelines.preview.app import App
from pipelines.preview.build_state import BuildState, StateBoard
from pipelines.preview.builder import TREE, Builder, Clock
from pipelines.preview.login_api import LoginApi
from pipelines.preview.signals import ending, how_to_end
from pipelines.preview.sockets import any_port, listen_on
from pipelines.preview.watch import watch_files

_PATIENCE = 0.4  # seconds that an open answer, and then a running build, get to come to an end


def serve_preview(
    project: Path, port: int, *, environ: Mapping[str, str], clock: Clock, log: Log, front: bool = False
) -> int:
    """Show *project* on http://localhost:*port* until SIGINT, SIGTERM or SIGHUP; return 0.

    A signal that the caller ignores stays ignored (``signals.py``).

    That is how a preview ends, so it is no failure, and make has nothing to
    complain of. *told* is the environment; *clock* returns seconds since 1970;
    *say* is handed every line for the terminal, from several threads. With
    *front*, NGINX answers on the port and asks this process for the login.
    Raises PipelineError when the port cannot be had, or NGINX is missing, and
    SourceError where there is no site.
    """
    project = project.resolve()  # as the system names what changes in it
    if not (project / config.FILE).exists():
        config.load_config(project)  # raises: nothing that is saved could turn this folder into a site
    program = nginx.find_nginx() if front else None
    listening = listen_on(port)
    board = StateBoard()
    login = LoginApi(project, port, environ, log, proxy=front)
    if program is None:
        log(f"http://localhost:{port}/  ({how_to_end()})")
        app: ASGIApp = App(project / TREE, board, login)
        asyncio.run(_run(project, listening, app, board, login, clock, log))
        return 0
    addresses = [one.getsockname()[:2] for one in listening]
    for one in listening:
        one.close()  # they were free, and are NGINX's now
    behind = any_port()
    api = behind.getsockname()[1]
    door = nginx.NginxFront(program, project, addresses, api, login, log)
    asyncio.run(
        _run(project, [behind], nginx.UpstreamServer(board, login), board, login, clock, log, door.run(board))
    )
    return 0


async def _run(
    project: Path,
    listening: list[socket.socket],
    app: ASGIApp,
    board: StateBoard,
    login: LoginApi,
    clock: Clock,
    log: Log,
    *more: Coroutine[Any, Any, None],
) -> None:
    """Serve until a signal, or until one of *more* has ended."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def done(state: BuildState) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(board.post, state)

    for number in ending():
        loop.add_signal_handler(number, stop.set)
    builder = Builder(project, clock, log, done)
    builder.start()
    server = _Server(
        uvicorn.Config(
            app,
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
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(server.serve(listening))
    others = [asyncio.create_task(one) for one in (watch_files(project, builder.ask), *more)]
    await asyncio.wait([stopping, serving, *others], return_when=asyncio.FIRST_COMPLETED)
    board.close()  # open event streams would hold the server
    server.should_exit = True
    for task in others:
        task.cancel()
    _, late = await asyncio.wait([serving, *others], timeout=_PATIENCE)
    ended = builder.end(_PATIENCE)
    for task in (serving, *others):
        if task.done() and not task.cancelled():
            task.result()  # raises what ended it, if it was not the signal
    if late or login.loading or not ended:
        _leave()


def _leave() -> None:
    """End this process now.

    Neither a build nor the login can be left at every moment. What a build had
    written is a stage, which the next one removes; what the login had, its
    database takes back. To wait for them, or to end the interpreter under
    them, would be worse.
    """
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")  # the cursor, which the bar of a long build hides
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to us: the event streams must hear of them first."""
        yield
