"""The ASGI application of the dev server: the built tree, the login API, live reload.

Reads out/preview. No writes. Network: responds to this machine only.
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
from pipelines.preview.build_state import GoodBuild, StateBroadcaster
from pipelines.preview.file_response import file_response, is_not_modified
from pipelines.preview.headers import cache_headers, content_type, security_headers
from pipelines.preview.login_api import LoginApi
from pipelines.site.check.internal import API_PATHS
from pipelines.site.output.machine_files import is_gated_path

# Another host name points a browser here against its user's will (DNS rebinding).
_LOCAL_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
_ASSETS = {error_page.SCRIPT: "reload.js", error_page.STYLE: "overlay.css", error_page.ICON: "icon.svg"}
_SAFE_METHODS = ("GET", "HEAD")
_NO_STORE = {"Cache-Control": "no-store"}
_LOGIN_PAGE = "/account/login/"
# Paths where a reader logs in: they redirect to the one host name that works for that.
_LOGIN_PATHS = (*API_PATHS, "/account/")


class App:
    """The preview as an ASGI application."""

    def __init__(self, tree: Path, broadcaster: StateBroadcaster, login: LoginApi) -> None:
        self._tree, self._broadcaster, self._login = tree, broadcaster, login
        self._image_hosts: Sequence[str] = ()  # of the newest build

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in security_headers(self._image_hosts).items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            response = await self._respond(Request(scope, receive))
            await response(scope, receive, send_secured)
        except ClientDisconnect:
            return

    async def _respond(self, request: Request) -> ASGIApp:
        if not all(_LOCAL_HOST.fullmatch(host) for host in request.headers.getlist("host") or [""]):
            return _plain(421, "not a host of this preview; open http://localhost")
        path = urls.decode_path(request.scope["raw_path"])
        if path is None:
            return _plain(400, "not a path of this site")
        if path.startswith("/_preview/"):
            return self._preview_asset(request, path)
        state = await self._broadcaster.wait_newer(0)
        if state is None:
            return _plain(503, "the preview has ended")
        if state.last_good is None:
            page = error_page.add_reload_script(error_page.faults_page(state))
            return _html(request, page, 500, _NO_STORE)
        self._image_hosts = state.last_good.config.image_hosts
        login = state.last_good.config.login
        members = is_gated_path(path)
        if (
            login
            and (members or path.startswith(_LOGIN_PATHS))
            and (redirect := self._redirect_to_site_url(request, path))
        ):
            return redirect
        if login and path.startswith(API_PATHS):
            return await self._api(request, path, state.last_good)
        if request.method not in _SAFE_METHODS:
            return _method_not_allowed()
        if login and f"{path}/" in API_PATHS:
            return _redirect(request, f"{path}/")
        if members and not login:
            return self._error(request, 404)
        if members:
            denied = await self._check_gate(request, auth_gate.MEMBERS, state.last_good)
            if denied:
                return denied
        return self._site_file(request, path, state.last_good)

    def _preview_asset(self, request: Request, path: str) -> Response:
        """Return the response for a path of the preview itself: events, script, style, icon."""
        if request.method not in _SAFE_METHODS:
            return _method_not_allowed()
        if path == error_page.EVENTS and request.method == "GET":
            stream = StreamingResponse(self._events(), media_type="text/event-stream")
            stream.headers.update(_NO_STORE)
            return stream
        if name := _ASSETS.get(path):
            data = files("pipelines.preview").joinpath(name).read_bytes()
            return Response(data, headers={"Content-Type": content_type(name), **_NO_STORE})
        return _plain(404, "not a file of the preview")

    async def _events(self) -> AsyncIterator[str]:
        """Yield the current build state, and then each new one (HTML, server-sent events)."""
        yield "retry: 500\n\n"
        number = 0
        while state := await self._broadcaster.wait_newer(number):
            number = state.number
            yield f"data: {state.to_json()}\n\n"

    def _redirect_to_site_url(self, request: Request, path: str) -> Response | None:
        """Redirect to the site URL from another host name of this machine; None when it is that one.

        Cookies belong to one name, Django allows one, and passkeys refuse 127.0.0.1.
        """
        url = self._login.site_url
        if (request.url.hostname or "").lower() == urlsplit(url).hostname:
            return None
        if request.method not in _SAFE_METHODS:
            return _plain(421, f"the login needs another host name; use {url}")
        return RedirectResponse(url + quote(path) + _query(request), 307, headers=_NO_STORE)

    async def _api(self, request: Request, path: str, good: GoodBuild) -> ASGIApp:
        """Forward the request to the login API."""
        if request.method not in auth_gate.METHODS:
            return _method_not_allowed(auth_gate.METHODS)
        if auth_gate.is_suspicious(request.scope["raw_path"]):
            return _plain(400, "not a path of this site")
        if path.startswith("/admin/") and (denied := await self._check_gate(request, auth_gate.STAFF, good)):
            return denied
        data = await auth_gate.read_limited_body(request)
        if data is None:
            return _plain(413, f"the body must not be longer than {auth_gate.MAX_BODY} bytes")
        try:
            return auth_gate.ForwardedResponse(await self._login.application(good.config), data)
        except PipelineError as error:
            return self._error(request, 503, _login_error(error))

    async def _check_gate(self, request: Request, gate: str, good: GoodBuild) -> Response | None:
        """Authorize the request at *gate*; return the response that denies it, or None."""
        try:
            status = await auth_gate.authorize(
                await self._login.application(good.config), gate, request.scope
            )
        except PipelineError as error:
            return self._error(request, 503, _login_error(error))
        if status == 204:
            return None
        if status == 401:  # the login page under the requested URL: nothing to redirect back to
            found = urls.resolve_path(self._tree, {}, _LOGIN_PAGE)
            if isinstance(found, urls.FoundFile):
                return _html(
                    request,
                    error_page.add_reload_script(found.file.read_bytes()),
                    401,
                    cache_headers("", gated=True),
                )
        return self._error(request, status if status in (401, 403) else 503)

    def _site_file(self, request: Request, path: str, good: GoodBuild) -> Response:
        found = urls.resolve_path(self._tree, good.aliases, path)
        if found is None:
            return self._error(request, 404)
        if isinstance(found, urls.Redirect):
            return _redirect(request, found.location)
        headers = cache_headers(found.file.name, gated=found.gated)
        if found.gated:
            headers["X-Preview-Gated"] = "members"
        try:
            if found.file.suffix == ".html":
                warnings = good.warnings_of(found.file.relative_to(self._tree).as_posix())
                page = error_page.add_reload_script(found.file.read_bytes(), warnings=warnings)
                return _html(request, page, 200, headers)
            return file_response(request, found.file, headers)
        except OSError:  # a build has just replaced the tree
            return self._error(request, 404)

    def _error(self, request: Request, status: int, note: str = "") -> Response:
        """Return the theme's page for *status*."""
        file = urls.error_page_file(self._tree, status)
        if file is None:
            return _plain(status, note or "not found")
        return _html(request, error_page.add_reload_script(file.read_bytes(), note), status, _NO_STORE)


def _login_error(error: PipelineError) -> str:
    return f"The login API does not run: {error}"


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status, headers=_NO_STORE)


def _redirect(request: Request, location: str) -> Response:
    # Browsers cache a 301 forever, and an author changes his mind.
    return Response(status_code=301, headers={"Location": location + _query(request), **_NO_STORE})


def _query(request: Request) -> str:
    return f"?{request.url.query}" if request.url.query else ""


def _method_not_allowed(methods: Sequence[str] = _SAFE_METHODS) -> Response:
    response = _plain(405, f"method not allowed; use {', '.join(methods)}")
    response.headers["Allow"] = ", ".join(methods)
    return response


def _html(request: Request, page: error_page.PreviewPage, status: int, headers: dict[str, str]) -> Response:
    environ = {"X-Preview-Version": page.version, "X-Preview-Styles": page.styles}
    headers = {"Content-Type": content_type("index.html"), **headers, **environ}
    if status == 200 and "no-store" not in headers["Cache-Control"]:
        headers["ETag"] = page.etag
        if is_not_modified(request, page.etag):
            return Response(status_code=304, headers=headers)
    return Response(page.body, status, headers=headers)
