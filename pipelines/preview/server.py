"""Run the dev server: one process, one port of this machine, until a signal stops it.

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
from pipelines.preview.build_state import BuildState, StateBroadcaster
from pipelines.preview.builder import TREE, Builder, Clock
from pipelines.preview.login_api import LoginApi
from pipelines.preview.signals import stop_hint, stop_signals
from pipelines.preview.sockets import listen_on, listen_on_free_port
from pipelines.preview.watch import watch_files

_STOP_TIMEOUT = 0.4  # seconds for open responses, and then for the running build, to end


def serve_preview(
    project: Path, port: int, *, environ: Mapping[str, str], clock: Clock, log: Log, front: bool = False
) -> int:
    """Serve *project* on http://localhost:*port* until SIGINT, SIGTERM or SIGHUP; return 0.

    The status is 0 since a signal is the usual way to stop; one that the caller
    ignores stays ignored (``signals.py``). *clock* returns seconds since 1970;
    *log* is called from several threads. With *front*, NGINX listens on the port
    and this process is its upstream for the login. Raises PipelineError when the
    port is not available or NGINX is missing, and SourceError without a site.
    """
    project = project.resolve()  # as the watcher names the files in it
    if not (project / config.FILE).exists():
        config.load_config(project)  # raises: no save could turn this directory into a site
    program = nginx.find_nginx() if front else None
    listening = listen_on(port)
    broadcaster = StateBroadcaster()
    login = LoginApi(project, port, environ, log, proxy=front)
    if program is None:
        log(f"http://localhost:{port}/  ({stop_hint()})")
        app: ASGIApp = App(project / TREE, broadcaster, login)
        asyncio.run(_run(project, listening, app, broadcaster, login, clock, log))
        return 0
    addresses = [one.getsockname()[:2] for one in listening]
    for one in listening:
        one.close()  # they were free; NGINX listens on them next
    behind = listen_on_free_port()
    api = behind.getsockname()[1]
    nginx_front = nginx.NginxFront(program, project, addresses, api, login, log)
    asyncio.run(
        _run(
            project,
            [behind],
            nginx.LoginUpstream(broadcaster, login),
            broadcaster,
            login,
            clock,
            log,
            nginx_front.run(broadcaster),
        )
    )
    return 0


async def _run(
    project: Path,
    listening: list[socket.socket],
    app: ASGIApp,
    broadcaster: StateBroadcaster,
    login: LoginApi,
    clock: Clock,
    log: Log,
    *more: Coroutine[Any, Any, None],
) -> None:
    """Serve until a signal, or until one of *more* ends."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def publish_state(state: BuildState) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(broadcaster.publish, state)

    for number in stop_signals():
        loop.add_signal_handler(number, stop.set)
    builder = Builder(project, clock, log, publish_state)
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
    others = [asyncio.create_task(one) for one in (watch_files(project, builder.request_build), *more)]
    await asyncio.wait([stopping, serving, *others], return_when=asyncio.FIRST_COMPLETED)
    broadcaster.close()  # ends the event streams, for which the server would wait
    server.should_exit = True
    for task in others:
        task.cancel()
    _, late = await asyncio.wait([serving, *others], timeout=_STOP_TIMEOUT)
    ended = builder.stop(_STOP_TIMEOUT)
    for task in (serving, *others):
        if task.done() and not task.cancelled():
            task.result()  # raises its exception
    if late or login.loading or not ended:
        _exit_now()


def _exit_now() -> None:
    """Exit without waiting for threads.

    A build and the loading of the login cannot be cancelled at every moment. What a
    build has written is a staging directory, which the next one removes; the
    database rolls back what the login has written.
    """
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")  # show the cursor, which a progress bar hides
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Keep uvicorn from handling signals: the event streams must end before it."""
        yield
