"""The web pods' NGINX and the pods of the login: which one gets a request, also where one is gone.

With the chart's configuration, and a DNS server with an address for each pod, as that of a headless Service.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes.upstream import upstream
from tests.helm.render import parse, template, web_files
from tests.support.dns import dns_server, loopback
from tests.support.dropped_connections import dropping_server
from tests.web import server
from tests.web.conftest import build_web_project
from tests.web.server import WebServer

LOGIN = "/_allauth/browser/v1/auth/login"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built site with members' pages."""
    return build_web_project(tmp_path_factory.mktemp("pods"))


@contextmanager
def web_pod(folder: Path, project: Path, addresses: Sequence[str]) -> Iterator[WebServer]:
    """Run a web pod for which the login has pods at *addresses*."""
    with dns_server(folder, {"site-api-pods.site.svc.cluster.local": addresses}) as dns:
        more = {"cluster.dns.host": f"127.0.0.1:{dns}", "edge.trusted": ["127.0.0.0/8"], "web.bucket.url": ""}
        files = web_files(parse(template("nodeport", more)))
        with server.run_process(folder / "web", project, files["cluster.conf"]) as web:
            yield web


def post(web: WebServer, query: str = "") -> int:
    """Send a form of the login and return the status."""
    return web.get(LOGIN + query, "POST", {"Content-Type": "application/json"}, b"{}").status


def test_the_login_works_while_one_of_its_pods_cannot_be_reached(project: Path, tmp_path: Path) -> None:
    """A lost node drops connections until the cluster notices it. A form arrives once."""
    dead, alive = loopback(), loopback()
    with (
        dropping_server(dead, 8000),
        upstream(8000, host=alive) as api,
        web_pod(tmp_path, project, [dead, alive]) as web,
    ):

        def one(number: int) -> tuple[int, float]:
            start = time.monotonic()
            status = post(web, f"?{number}") if number % 2 else web.get("/members/inside/").status
            return status, time.monotonic() - start

        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(one, range(16)))
    assert [status for status, _ in found] == [200, 204] * 8
    assert any(seconds > 1.9 for _, seconds in found)  # some were sent to the other pod first
    assert max(seconds for _, seconds in found) < 5
    forms = [one.path.partition("?")[2] for one in api.requests if one.method == "POST"]
    assert sorted(forms, key=int) == [str(number) for number in range(1, 16, 2)]


def test_a_form_that_was_sent_is_not_sent_again(project: Path, tmp_path: Path) -> None:
    """The pod that broke the connection may have acted on it; another pod would act again."""
    hosts = [loopback(), loopback()]
    with (
        upstream(8000, host=hosts[0]) as first,
        upstream(8000, host=hosts[1]) as second,
        web_pod(tmp_path, project, hosts) as web,
    ):
        for api in (first, second):
            api.breaks = True
        assert post(web) == 503
        assert len(first.requests + second.requests) == 1
