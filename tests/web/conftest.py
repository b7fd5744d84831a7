"""A small site with members' pages, its image, and a server of it as process and as container."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.image.web import pack_web_image as pack
from tests.fakes.upstream import Upstream, upstream
from tests.support.loopback_addresses import MORE
from tests.support.previews import preview_site
from tests.support.project import ROOT, build_site
from tests.support.tools import need_base
from tests.web import server
from tests.web.server import PodmanImage, WebServer

CANARY = "canary-8c1f2e"  # in every gated byte, and nowhere else
SITE = {
    **MORE,
    "content/members/inside.md": (
        f"---\ntitle: Inside {CANARY}\nsummary: {CANARY}\naliases: [/members/oldname/]\n---\n"
        f"{CANARY} ![{CANARY}](../images/secret.svg)\n\n[list](../files/list.csv)\n"
        + f"{CANARY} more\n\n"
        * 40
    ),
    "content/images/secret.svg": (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>'
        + CANARY
        + "</title>"
        + '<path d="M0 0h9v9z"/>' * 20
        + "</svg>\n"
    ),
    "content/files/list.csv": f"{CANARY},1\n" * 40,
    "content/posts/long.md": "---\ntitle: Long\ndate: 2026-01-05\n---\n" + "Many words. " * 900 + "\n",
}

Start = Callable[..., AbstractContextManager[WebServer]]


def build_web_project(folder: Path, files: Mapping[str, str] | None = None) -> Path:
    """Build the site in *folder*, with additional *files*; return its project."""
    site = preview_site(folder, {**SITE, **(files or {})})
    build_site(site)
    shutil.copytree(ROOT / "images", site / "images")
    return site


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built project: the site of the preview's tests, with members' files and more addresses."""
    return build_web_project(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="session")
def podman(project: Path) -> Iterator[PodmanImage]:
    """The image of the project, on the pinned base, in podman."""
    need_base(project, "web")
    pack(project, config.load_config(project))
    with server.podman_image(project / "out/images/web") as found:
        yield found


@pytest.fixture(scope="session", params=["process", pytest.param("container", marks=pytest.mark.slow)])
def start(request: pytest.FixtureRequest, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start a server of the project: ``with start(api="127.0.0.1:1234") as web``."""
    count = itertools.count()
    found = request.getfixturevalue("podman") if request.param == "container" else None

    @contextmanager
    def one(
        extra: str = server.TRUSTED, port: int = 0, more: Mapping[str, str] | None = None, **values: str
    ) -> Iterator[WebServer]:
        folder = tmp_path_factory.mktemp(f"web-{next(count)}")
        text = server.cluster_conf(extra, **values)
        box = (
            server.run_container(folder, found, text, port, more)
            if found
            else server.run_process(folder, project, text, port, more)
        )
        with box as web:
            yield web

    return one


@pytest.fixture(scope="session")
def _upstream() -> Iterator[Upstream]:
    with upstream() as fake:
        yield fake


@pytest.fixture
def api(_upstream: Upstream) -> Upstream:
    """An upstream in place of the login API; by default its gate is open (204)."""
    _upstream.respond(204)
    return _upstream


@pytest.fixture(scope="session")
def web(start: Start, _upstream: Upstream) -> Iterator[WebServer]:
    """A server with the upstream as its API."""
    with start(api=f"127.0.0.1:{_upstream.port}") as one:
        yield one


@pytest.fixture(scope="session")
def default_web(start: Start) -> Iterator[WebServer]:
    """A server with the image's default configuration."""
    with start(extra="") as one:
        yield one


def gated_paths(project: Path) -> list[str]:
    """Return the address of every gated file."""
    root = project / "out/site/gated"
    return sorted("/" + file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
