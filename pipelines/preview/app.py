"""Answer the browser: the tree, the login, and beside them events, script and style of the preview.

Reads out/preview. No writes. Network: answers only, and only to this machine.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.core.errors import PipelineError
from pipelines.preview import auth_gate, error_page, urls
from pipelines.preview.build_state import LastBuild, StateBoard
from pipelines.preview.file_response import file_response, is_not_modified
from pipelines.preview.headers import SECURITY, caching, content_type
from pipelines.preview.login_api import LoginApi
from pipelines.site.check.internal import API_PATHS
from pipelines.site.output.machine_files import is_gated_path

# Any other name was given to this address by somebody else (DNS rebinding).
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
_OWN = {error_page.SCRIPT: "reload.js", error_page.STYLE: "overlay.css", error_page.ICON: "icon.svg"}
_READ = ("GET", "HEAD")
_NEVER = {"Cache-Control": "no-store"}
_LOGIN_PAGE = "/account/login/"
# Whoever is here means to log in, or has to.
_LOGIN_PATHS = (*API_PATHS, "/account/")


class App:
    """The preview as an ASGI application."""

    def __init__(self, tree: Path, board: StateBoard, login: LoginApi) -> None:
        self._tree, self._board, self._login = tree, board, login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            response = await self._answer(Request(scope, receive))
            await response(scope, receive, secured)
        except ClientDisconnect:
            return  # there is nobody to answer

    async def _answer(self, request: Request) -> ASGIApp:
        if not all(_HOST.fullmatch(host) for host in request.headers.getlist("host") or [""]):
            return _plain(421, "this preview answers to http://localhost only")
        path = urls.decode_path(request.scope["raw_path"])
        if path is None:
            return _plain(400, "not an address of this site")
        if path.startswith("/_preview/"):
            return self._own(request, path)
        state = await self._board.after(0)
        if state is None:
            return _plain(503, "the preview has ended")
        if state.good is None:
            shown = error_page.add_reload_script(error_page.findings_page(state))
            return _html(request, shown, 500, _NEVER)
        login = state.good.config.login
        members = is_gated_path(path)
        if (
            login
            and (members or path.startswith(_LOGIN_PATHS))
            and (elsewhere := self._elsewhere(request, path))
        ):
            return elsewhere
        if login and path.startswith(API_PATHS):
            return await self._api(request, path, state.good)
        if request.method not in _READ:
            return _refused()
        if login and f"{path}/" in API_PATHS:
            return _moved(request, f"{path}/")
        if members and not login:
            return self._error(request, 404)
        if members:
            refused = await self._refusal(request, auth_gate.MEMBERS, state.good)
            if refused:
                return refused
        return self._site(request, path, state.good)

    def _own(self, request: Request, path: str) -> Response:
        """Answer with what belongs to the preview itself."""
        if request.method not in _READ:
            return _refused()
        if path == error_page.EVENTS and request.method == "GET":
            stream = StreamingResponse(self._events(), media_type="text/event-stream")
            stream.headers.update(_NEVER)
            return stream
        if name := _OWN.get(path):
            data = files("pipelines.preview").joinpath(name).read_bytes()
            return Response(data, headers={"Content-Type": content_type(name), **_NEVER})
        return _plain(404, "the preview has no such thing")

    async def _events(self) -> AsyncIterator[str]:
        """Yield the state of the site now, and then each new one (HTML, server-sent events)."""
        yield "retry: 500\n\n"
        number = 0
        while state := await self._board.after(number):
            number = state.number
            yield f"data: {state.to_json()}\n\n"

    def _elsewhere(self, request: Request, path: str) -> Response | None:
        """Send a reader who is at another name of this machine to the one where logging in works.

        Cookies belong to a name, Django answers to one alone, and passkeys refuse 127.0.0.1.
        """
        url = self._login.site_url
        if (request.url.hostname or "").lower() == urlsplit(url).hostname:
            return None
        if request.method not in _READ:
            return _plain(421, f"the login answers at {url} only")
        return RedirectResponse(url + quote(path) + _query(request), 307, headers=_NEVER)

    async def _api(self, request: Request, path: str, good: LastBuild) -> ASGIApp:
        """Let the login API answer."""
        if request.method not in auth_gate.METHODS:
            return _refused(auth_gate.METHODS)
        if auth_gate.is_suspicious(request.scope["raw_path"]):
            return _plain(400, "not an address of this site")
        if path.startswith("/admin/") and (refused := await self._refusal(request, auth_gate.STAFF, good)):
            return refused
        data = await auth_gate.limited_body(request)
        if data is None:
            return _plain(413, f"the login takes {auth_gate.LARGEST} bytes")
        try:
            return auth_gate.ForwardedResponse(await self._login.application(good.config), data)
        except PipelineError as error:
            return self._error(request, 503, _down(error))

    async def _refusal(self, request: Request, question: str, good: LastBuild) -> Response | None:
        """Ask the gate; return what is shown instead when it does not open."""
        try:
            status = await auth_gate.ask_api(
                await self._login.application(good.config), question, request.scope
            )
        except PipelineError as error:
            return self._error(request, 503, _down(error))
        if status == 204:
            return None
        if status == 401:  # the login stands in for the page: there is no address to return to
            found = urls.find_file(self._tree, {}, _LOGIN_PAGE)
            if isinstance(found, urls.Found):
                return _html(
                    request,
                    error_page.add_reload_script(found.file.read_bytes()),
                    401,
                    caching("", gated=True),
                )
        return self._error(request, status if status in (401, 403) else 503)

    def _site(self, request: Request, path: str, good: LastBuild) -> Response:
        found = urls.find_file(self._tree, good.aliases, path)
        if found is None:
            return self._error(request, 404)
        if isinstance(found, urls.Moved):
            return _moved(request, found.location)
        headers = caching(found.file.name, gated=found.gated)
        if found.gated:
            headers["X-Preview-Gated"] = "members"
        try:
            if found.file.suffix == ".html":
                return _html(request, error_page.add_reload_script(found.file.read_bytes()), 200, headers)
            return file_response(request, found.file, headers)
        except OSError:  # the tree was exchanged a moment ago
            return self._error(request, 404)

    def _error(self, request: Request, status: int, note: str = "") -> Response:
        """Answer with the theme's page for *status*."""
        file = urls.error_page(self._tree, status)
        if file is None:
            return _plain(status, note or "no such page")
        return _html(request, error_page.add_reload_script(file.read_bytes(), note), status, _NEVER)


def _down(error: PipelineError) -> str:
    return f"The login API does not run: {error}"


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status, headers=_NEVER)


def _moved(request: Request, location: str) -> Response:
    # Browsers keep a 301 for good, and an author changes his mind.
    return Response(status_code=301, headers={"Location": location + _query(request), **_NEVER})


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _refused(methods: Sequence[str] = _READ) -> Response:
    response = _plain(405, f"this takes {', '.join(methods)}")
    response.headers["Allow"] = ", ".join(methods)
    return response


def _html(request: Request, shown: error_page.Shown, status: int, headers: dict[str, str]) -> Response:
    environ = {"X-Preview-Version": shown.version, "X-Preview-Styles": shown.styles}
    headers = {"Content-Type": content_type("index.html"), **headers, **environ}
    if status == 200 and "no-store" not in headers["Cache-Control"]:
        headers["ETag"] = shown.etag
        if is_not_modified(request, shown.etag):
            return Response(status_code=304, headers=headers)
    return Response(shown.body, status, headers=headers)
