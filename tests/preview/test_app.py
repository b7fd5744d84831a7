"""The preview's ASGI application, with a fake login."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pipelines.core import config
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError
from pipelines.preview import error_page
from pipelines.preview.app import App
from pipelines.preview.build_state import BuildState, GoodBuild, StateBroadcaster
from pipelines.preview.headers import content_type
from pipelines.preview.login_api import LoginApi
from tests.support.previews import preview_site, site_result
from tests.support.project import write


def send_request(
    app: App, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> httpx.Response:
    async def run() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(run())


Broadcasts = Callable[..., StateBroadcaster]


@pytest.fixture
def broadcaster(tmp_path: Path) -> Broadcasts:
    site = config.load_config(preview_site(tmp_path))

    def make(**changes: object) -> StateBroadcaster:
        broadcaster = StateBroadcaster()
        broadcaster.publish(BuildState(1, GoodBuild(site_result(), replace(site, **changes), {})))  # type: ignore[arg-type]
        return broadcaster

    return make


class FailingLogin(LoginApi):
    """A login that cannot be loaded."""

    def __init__(self) -> None:
        super().__init__(Path("none"), 8000, {}, lambda line: None)

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Raise an error."""
        raise PipelineError("the database is not running; start it")


@pytest.mark.parametrize("path", ["/_allauth/browser/v1/config", "/accounts/x/", "/admin/", "/members/x/"])
def test_a_failing_login_is_503_and_denies_access(tmp_path: Path, broadcaster: Broadcasts, path: str) -> None:
    write(tmp_path / "public/503.html", "<body>down</body>")
    write(tmp_path / "gated/members/x/index.html", "secret")
    response = send_request(App(tmp_path, broadcaster(login=True), FailingLogin()), path)
    assert response.status_code == 503
    assert "The login API does not run: the database is not running; start it" in response.text
    assert "secret" not in response.text
    assert send_request(App(tmp_path, broadcaster(login=False), FailingLogin()), path).status_code == 404


class LoginWithStatus(FailingLogin):
    """A login that sends one status for every request, and records the requests."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status, self.received = status, list[tuple[str, dict[bytes, bytes]]]()

    async def application(self, site: SiteConfig) -> ASGIApp:
        """Return an application that records each request."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            self.received.append((scope["path"], dict(scope["headers"])))
            await Response(status_code=self.status)(scope, receive, send)

        return respond


@pytest.mark.parametrize(
    ("gate_status", "status"),
    [(204, 200), (200, 503), (301, 503), (304, 503), (401, 401), (403, 403), (404, 503), (500, 503)],
)
def test_only_204_allows_access(
    tmp_path: Path, broadcaster: Broadcasts, gate_status: int, status: int
) -> None:
    write(tmp_path / "gated/members/x/index.html", "secret")
    login = LoginWithStatus(gate_status)
    response = send_request(App(tmp_path, broadcaster(login=True), login), "/members/x/")
    assert (response.status_code, "secret" in response.text) == (status, status == 200)
    assert [path for path, _ in login.received] == ["/_gate"]


def test_forwarded_headers_cannot_be_forged(tmp_path: Path, broadcaster: Broadcasts) -> None:
    login = LoginWithStatus(204)
    forged = {
        "X-Forwarded-Host": "evil.example",
        "X-Real-IP": "1.2.3.4",
        "Remote-User": "me",
        "Forwarded": "x",
    }
    send_request(
        App(tmp_path, broadcaster(login=True), login), "/admin/", headers={**forged, "Cookie": "a=b"}
    )
    (gate, gate_headers), (path, headers) = login.received
    assert (gate, path) == ("/_gate/staff", "/admin/")
    assert gate_headers == {b"host": b"localhost", b"cookie": b"a=b"}
    assert headers[b"x-real-ip"] == b"127.0.0.1"
    assert {name.lower().encode() for name in forged} & set(headers) == {b"x-real-ip"}


def test_a_removed_tree_is_not_found(tmp_path: Path, broadcaster: Broadcasts) -> None:
    """As after `make clean` while the preview runs."""
    response = send_request(App(tmp_path / "gone", broadcaster(), FailingLogin()), "/")
    assert (response.status_code, response.text) == (404, "not found\n")


def test_faults_are_escaped_in_html() -> None:
    fault = Fault("<i>.md", 3, "<b>&", '"<u>')
    page = error_page.faults_page(BuildState(1, None, (fault,), "<pre>")).decode()
    assert [tag for tag in ("<i>", "<b>", "<u>", "<pre>&") if tag in page] == []
    assert "&lt;i&gt;.md" in page
    assert (
        "innerHTML"
        not in send_request(App(Path("none"), StateBroadcaster(), FailingLogin()), "/_preview/reload.js").text
    )


def test_media_types_do_not_depend_on_the_machine() -> None:
    assert content_type("a.WEBMANIFEST") == "application/manifest+json; charset=utf-8"
    assert content_type("no-suffix") == "application/octet-stream"
    assert content_type("x.svg") == "image/svg+xml; charset=utf-8"
