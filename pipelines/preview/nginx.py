"""Run NGINX in front of the dev server, with the configuration of the web image.

Writes out/preview-nginx. Starts NGINX, which listens on loopback addresses.
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
from pipelines.preview.build_state import BuildState, GoodBuild, StateBroadcaster
from pipelines.preview.login_api import LoginApi
from pipelines.preview.nginx_files import HEALTH, MODULES, Ports, write_nginx_tree
from pipelines.preview.signals import stop_hint
from pipelines.tools import shell

ROOT = Path("out", "preview-nginx")
_BROTLI = "ngx_http_brotli_static_module.so"
_INSTALL = "sudo apt-get install nginx-light libnginx-mod-http-brotli-static"
_STOP_TIMEOUT = 0.3  # seconds until NGINX is killed


def find_nginx() -> str:
    """Return the path of NGINX; raise PipelineError where it or its brotli module is missing."""
    found = shell.find_program("nginx") or shutil.which(
        "nginx", path="/usr/sbin"
    )  # PATH of users lacks it on Debian
    if not found or not (MODULES / _BROTLI).exists():
        raise PipelineError(f"NGINX and its brotli module are not installed; {_INSTALL}")
    return found


class LoginUpstream:
    """An ASGI application of the login API alone, the upstream of NGINX."""

    def __init__(self, broadcaster: StateBroadcaster, login: LoginApi) -> None:
        self._broadcaster, self._login = broadcaster, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request to Django."""
        state = await self._broadcaster.wait_newer(0)
        try:
            if not state or not state.last_good or not state.last_good.config.login:
                raise PipelineError("the site has no login")
            api = await self._login.application(state.last_good.config)
        except PipelineError as error:
            await PlainTextResponse(f"{error}\n", 503)(scope, receive, send)
            return
        await api(scope, receive, send)


class NginxFront:
    """NGINX (*program*) on *addresses* of this machine, with the login API on port *api* as its upstream."""

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

    async def run(self, broadcaster: StateBroadcaster) -> None:
        """Run NGINX from the first good build until cancelled; raise PipelineError when it exits."""
        applied, number = None, 0
        try:
            while state := await self._next_state(broadcaster, number):
                number = state.number
                if state.last_good and applied != (
                    wanted := (state.last_good.config.login, state.last_good.aliases)
                ):
                    await self._apply(state.last_good)
                    applied = wanted
        finally:
            await self._stop()

    async def _next_state(self, broadcaster: StateBroadcaster, number: int) -> BuildState | None:
        """Return the next state; raise PipelineError if NGINX exits before."""
        waiting = asyncio.ensure_future(broadcaster.wait_newer(number))
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
        raise self._exit_error()

    async def _apply(self, good: GoodBuild) -> None:
        """Write the configuration of *good*, and start or reload NGINX."""
        if good.config.login:
            with suppress(PipelineError):  # it is logged, and NGINX responds with 503
                await self._login.application(good.config)  # now: NGINX waits two seconds
        ports = Ports(self._addresses, self._api)
        write_nginx_tree(self._project, self._root, ports, url=self._login.site_url, site=good.config)
        if self._process:
            self._process.send_signal(signal.SIGHUP)
            return
        (self._root / HEALTH).unlink(missing_ok=True)  # left by one that was killed
        logs = [self._root / name for name in ("access.log", "error.log")]
        for log in logs:
            log.unlink(missing_ok=True)
        # In append mode: NGINX opens them a second time.
        with logs[0].open("ab") as out, logs[1].open("ab") as err:
            # As root NGINX changes its user, who may have no access to the project.
            user = "user root;" if os.geteuid() == 0 else ""
            self._process = await asyncio.create_subprocess_exec(
                *(self._program, "-p", f"{self._root}/", "-e", "/dev/stderr", "-c", "etc/nginx/nginx.conf"),
                *("-g", f"daemon off; {user}"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=self._root,
                start_new_session=True,  # Ctrl-C reaches the preview alone, which stops NGINX
            )
        while not self._is_listening():
            if self._process.returncode is not None:
                raise self._exit_error()
            await asyncio.sleep(0.02)
        self._log(f"http://localhost:{self._addresses[0][1]}/  ({stop_hint()})")
        self._log(f"NGINX serves files as in production, without live reload; its logs are in {ROOT}/")

    def _is_listening(self) -> bool:
        family = socket.AF_INET6 if ":" in self._addresses[0][0] else socket.AF_INET
        with closing(socket.socket(family)) as one:
            return one.connect_ex(self._addresses[0]) == 0

    def _exit_error(self) -> PipelineError:
        lines = _read(self._root / "error.log").strip().splitlines()
        return PipelineError(f"NGINX has exited: {lines[-1] if lines else 'it wrote no message'}")

    async def _stop(self) -> None:
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_TIMEOUT)
        except TimeoutError:
            self._process.kill()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
