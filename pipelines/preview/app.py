"""Answer the browser: the tree, and beside it events, script and style of the preview.

Reads out/preview. No writes. Network: answers only, and only to this machine.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from pipelines.preview import pages, urls
from pipelines.preview.files import answer, known
from pipelines.preview.headers import SECURITY, caching, content_type
from pipelines.preview.state import Board, Good
from pipelines.site.checks import API_PATHS

# Any other name was given to this address by somebody else (DNS rebinding).
_HOST = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?", re.IGNORECASE)
_OWN = {pages.SCRIPT: "reload.js", pages.STYLE: "overlay.css", pages.ICON: "icon.svg"}
_NEVER = {"Cache-Control": "no-store"}


class App:
    """The preview as an ASGI application."""

    def __init__(self, tree: Path, board: Board) -> None:
        self._tree, self._board = tree, board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(Request(scope, receive))
        for name, value in SECURITY.items():
            response.headers.setdefault(name, value)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not all(_HOST.fullmatch(host) for host in request.headers.getlist("host") or [""]):
            return _plain(421, "this preview answers to http://localhost only")
        path = urls.decode(request.scope["raw_path"])
        if path is None:
            return _plain(400, "not an address of this site")
        if path.startswith("/_preview/"):
            return self._own(request, path)
        state = await self._board.after(0)
        if state is None:
            return _plain(503, "the preview has ended")
        if state.good is None:
            shown = pages.equip(pages.fault_page(state))
            return _html(request, shown, 500, _NEVER)
        if path.startswith(API_PATHS):
            return self._api(request, path, state.good)
        if request.method not in ("GET", "HEAD"):
            return _refused()
        return self._site(request, path, state.good)

    def _own(self, request: Request, path: str) -> Response:
        """Answer with what belongs to the preview itself."""
        if request.method not in ("GET", "HEAD"):
            return _refused()
        if path == pages.EVENTS and request.method == "GET":
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

    def _api(self, request: Request, path: str, good: Good) -> Response:
        """Say that the login API does not run here, or does not exist."""
        if not good.config.login:
            return self._error(request, 404)
        return self._error(request, 503, pages.NO_API)

    def _site(self, request: Request, path: str, good: Good) -> Response:
        found = urls.find(self._tree, good.aliases, path)
        if found is None:
            return self._error(request, 404)
        if isinstance(found, urls.Moved):
            # Browsers keep a 301 for good, and an author changes his mind.
            query = f"?{request.url.query}" if request.url.query else ""
            return Response(status_code=301, headers={"Location": found.location + query, **_NEVER})
        headers = caching(found.file.name, gated=found.gated)
        if found.gated:
            headers["X-Preview-Gated"] = "members"
        try:
            if found.file.suffix == ".html":
                return _html(request, pages.equip(found.file.read_bytes()), 200, headers)
            return answer(request, found.file, headers)
        except OSError:  # the tree was exchanged a moment ago
            return self._error(request, 404)

    def _error(self, request: Request, status: int, note: str = "") -> Response:
        """Answer with the theme's page for *status*."""
        file = urls.error_page(self._tree, status)
        if file is None:
            return _plain(status, note or "no such page")
        return _html(request, pages.equip(file.read_bytes(), note), status, _NEVER)


def _plain(status: int, text: str) -> Response:
    return PlainTextResponse(text + "\n", status, headers=_NEVER)


def _refused() -> Response:
    response = _plain(405, "pages can only be read")
    response.headers["Allow"] = "GET, HEAD"
    return response


def _html(request: Request, shown: pages.Shown, status: int, headers: dict[str, str]) -> Response:
    told = {"X-Preview-Version": shown.version, "X-Preview-Styles": shown.styles}
    headers = {"Content-Type": content_type("index.html"), **headers, **told}
    if status == 200 and "no-store" not in headers["Cache-Control"]:
        headers["ETag"] = shown.etag
        if known(request, shown.etag):
            return Response(status_code=304, headers=headers)
    return Response(shown.body, status, headers=headers)
