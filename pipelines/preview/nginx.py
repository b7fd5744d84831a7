"""Run the real NGINX in front of the preview, for as long as the preview runs.

Writes out/preview-nginx. Starts NGINX, which listens on this machine alone.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from pipelines.core.errors import PipelineError
from pipelines.core.progress import Log
from pipelines.preview.build_state import BuildState, LastBuild, StateBoard
from pipelines.preview.login_api import LoginApi
from pipelines.preview.nginx_files import HEALTH, MODULES, Ports, write_nginx_tree
from pipelines.preview.signals import how_to_end
from pipelines.tools import shell

ROOT = Path("out", "preview-nginx")
_BROTLI = "ngx_http_brotli_static_module.so"
_INSTALL = "sudo apt-get install nginx-light libnginx-mod-http-brotli-static"
_PATIENCE = 0.3  # seconds that NGINX gets to end


def find_nginx() -> str:
    """Return the path of NGINX; raise PipelineError with the way to install it."""
    found = shell.find_program("nginx") or shutil.which("nginx", path="/usr/sbin")  # not on everybody's PATH
    if not found or not (MODULES / _BROTLI).exists():
        raise PipelineError(f"NGINX and its brotli module are not installed; {_INSTALL}")
    return found


class UpstreamServer:
    """The login API as NGINX asks it, and nothing else: NGINX does the rest."""

    def __init__(self, board: StateBoard, login: LoginApi) -> None:
        self._board, self._login = board, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to Django."""
        state = await self._board.after(0)
        try:
            if not state or not state.good or not state.good.config.login:
                raise PipelineError("there is no login")
            api = await self._login.application(state.good.config)
        except PipelineError as error:
            await PlainTextResponse(f"{error}\n", 503)(scope, receive, send)
            return
        await api(scope, receive, send)


class NginxFront:
    """NGINX (*program*) for readers on *addresses* of this machine, which asks the API on the port *api*."""

    def __init__(
        self,
        program: str,
        project: Path,
        addresses: Sequence[tuple[str, int]],
        api: int,
        login: LoginApi,
        log: Log,
    ) -> None:
        self._program, self._project, self._root = program, project, project / ROOT
        self._addresses, self._api, self._login, self._log = addresses, api, login, log
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, board: StateBoard) -> None:
        """Run NGINX from the first good build on, until cancelled; raise PipelineError when it ends."""
        laid, number = None, 0
        try:
            while state := await self._next(board, number):
                number = state.number
                if state.good and laid != (wanted := (state.good.config.login, state.good.aliases)):
                    await self._show(state.good)
                    laid = wanted
        finally:
            await self._end()

    async def _next(self, board: StateBoard, number: int) -> BuildState | None:
        """Return the next state; raise PipelineError if NGINX ends before."""
        waiting = asyncio.ensure_future(board.after(number))
        tasks: list[asyncio.Future[object]] = [waiting]  # type: ignore[list-item]
        if self._process:
            tasks.append(asyncio.ensure_future(self._process.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            for task in tasks:
                task.cancel()
        raise self._failed()

    async def _show(self, good: LastBuild) -> None:
        """Let NGINX read its files: the first time, or again."""
        if good.config.login:
            with suppress(PipelineError):  # it was said, and NGINX will say 503
                await self._login.application(good.config)  # now: NGINX waits two seconds for an answer
        ports = Ports(self._addresses, self._api)
        write_nginx_tree(self._project, self._root, ports, url=self._login.site_url, login=good.config.login)
        if self._process:
            self._process.send_signal(signal.SIGHUP)
            return
        (self._root / HEALTH).unlink(missing_ok=True)  # of one that was killed
        logs = [self._root / name for name in ("access.log", "error.log")]
        for log in logs:
            log.unlink(missing_ok=True)
        # Appended to, as NGINX opens them a second time by itself.
        with logs[0].open("ab") as out, logs[1].open("ab") as err:
            # Only root may change the user, and then the project may be closed to that user.
            user = "user root;" if os.geteuid() == 0 else ""
            self._process = await asyncio.create_subprocess_exec(
                *(self._program, "-p", f"{self._root}/", "-e", "/dev/stderr", "-c", "etc/nginx/nginx.conf"),
                *("-g", f"daemon off; {user}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self._root,
                start_new_session=True,  # Ctrl-C is for the preview, which then ends it
            )
        while not self._answers():
            if self._process.returncode is not None:
                raise self._failed()
            await asyncio.sleep(0.02)
        self._log(f"http://localhost:{self._addresses[0][1]}/  ({how_to_end()})")
        self._log(f"NGINX sends files as readers get them: no live reload; its logs are in {ROOT}/")

    def _answers(self) -> bool:
        family = socket.AF_INET6 if ":" in self._addresses[0][0] else socket.AF_INET
        with closing(socket.socket(family)) as one:
            return one.connect_ex(self._addresses[0]) == 0

    def _failed(self) -> PipelineError:
        said = _read(self._root / "error.log").strip().splitlines()
        return PipelineError(f"NGINX has ended: {said[-1] if said else 'it wrote no message'}")

    async def _end(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except TimeoutError:
            self._process.kill()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
