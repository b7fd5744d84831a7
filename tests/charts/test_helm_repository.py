"""The Nexus of the tests behaves as the real one promises, in the eyes of the real helm."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.fakes.nexus import Nexus, Toxic, nexus
from tests.support.delivery.helm import Helm
from tests.support.registry import certificate


@pytest.fixture
def server() -> Iterator[Nexus]:
    with nexus() as told:
        told.lag = 0.0
        yield told


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path / "helm")


@pytest.fixture
def chart(helm: Helm, tmp_path: Path) -> bytes:
    return helm.packed(tmp_path, "1.0.1")


def put(server: Nexus, name: str, data: bytes, credentials: tuple[str, str] | None = None) -> httpx.Response:
    with httpx.Client(trust_env=False) as client:
        return client.put(f"{server.repository()}/{name}", content=data, auth=credentials or server.writer)


def index(server: Nexus) -> dict[str, list[dict[str, object]]]:
    with httpx.Client(trust_env=False) as client:
        text = client.get(f"{server.repository()}/index.yaml", auth=server.reader).text
    return dict(yaml.safe_load(text)["entries"])


def test_a_chart_that_was_put_is_pulled(server: Nexus, helm: Helm, chart: bytes, tmp_path: Path) -> None:
    """The whole way, with a password that is in no argument; the URLs of the index are relative."""
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200
    assert helm.add(server)[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0
    assert (tmp_path / "got/site-1.0.1.tgz").read_bytes() == chart
    assert index(server)["site"][0]["urls"] == ["site-1.0.1.tgz"]


def test_the_index_carries_the_digest(server: Nexus, chart: bytes) -> None:
    """helm 4.2 does not compare it with what it fetched: whoever publishes has to."""
    put(server, "site-1.0.1.tgz", chart)
    assert index(server)["site"][0]["digest"] == hashlib.sha256(chart).hexdigest()


def test_an_index_without_digests_is_an_index(
    server: Nexus, helm: Helm, chart: bytes, tmp_path: Path
) -> None:
    server.digests = False
    put(server, "site-1.0.1.tgz", chart)
    assert index(server)["site"][0]["digest"] is None
    helm.add(server)
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0


def test_a_second_upload_is_refused_even_of_the_same_bytes(server: Nexus, chart: bytes) -> None:
    """The client cannot tell "mine, already there" from "another's" by the status alone."""
    put(server, "site-1.0.1.tgz", chart)
    again = put(server, "site-1.0.1.tgz", chart)
    assert (again.status_code, again.text) == (400, "Repository does not allow updating assets: charts")
    server.once = False
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200


def test_a_file_of_another_name_gives_a_link_that_leads_nowhere(
    server: Nexus, helm: Helm, chart: bytes, tmp_path: Path
) -> None:
    """The index is made of Chart.yaml, the shelf of the URL."""
    assert put(server, "mistaken-9.tgz", chart).status_code == 200
    assert index(server)["site"][0]["urls"] == ["site-1.0.1.tgz"]
    assert helm.add(server)[0] == 0
    status, said = helm.pull("charts/site", "1.0.1", tmp_path / "got")
    assert status != 0
    assert "404" in said


def test_the_index_comes_late(server: Nexus, helm: Helm, chart: bytes, tmp_path: Path) -> None:
    """200 for the chart is not yet a chart that Flux finds."""
    server.lag = 0.5
    put(server, "site-1.0.1.tgz", chart)
    assert helm.add(server)[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] != 0
    time.sleep(0.5)
    assert helm.run("repo", "update")[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0


def test_what_is_put_meanwhile_is_in_the_same_index(server: Nexus, helm: Helm, tmp_path: Path) -> None:
    server.lag = 0.5
    put(server, "site-1.0.1.tgz", helm.packed(tmp_path, "1.0.1"))
    put(server, "site-1.0.2.tgz", helm.packed(tmp_path, "1.0.2"))
    assert index(server) == {}
    time.sleep(0.5)
    assert [one["version"] for one in index(server)["site"]] == ["1.0.1", "1.0.2"]


def test_a_wrong_password_is_refused(server: Nexus, helm: Helm, chart: bytes) -> None:
    put(server, "site-1.0.1.tgz", chart)
    server.reader = ("flux", "right")
    right = helm.add(server)
    status, said = helm.run("repo", "add", "other", server.repository(), "--username", "flux",
                            "--password-stdin", stdin="wrong")  # fmt: skip
    assert (right[0], status != 0) == (0, True)
    assert "401" in said


def test_strangers_read_only_where_they_may(server: Nexus, helm: Helm) -> None:
    assert helm.run("repo", "add", "open", server.repository())[0] != 0
    server.anonymous = True
    assert helm.run("repo", "add", "open", server.repository())[0] == 0


def test_who_may_read_may_not_write(server: Nexus, chart: bytes) -> None:
    assert put(server, "site-1.0.1.tgz", chart, credentials=("ci", "wrong")).status_code == 401
    assert put(server, "site-1.0.1.tgz", chart, credentials=server.reader).status_code == 403
    assert server.repositories["charts"].files == {}


def test_now_and_then_it_is_busy(server: Nexus, helm: Helm) -> None:
    """helm gives up at once; whoever publishes must not."""
    server.busy = 2
    answers = [helm.add(server) for _ in range(4)]
    assert [status for status, _ in answers] == [0, 1, 0, 1]
    assert "503" in answers[1][1]


def test_over_tls_with_an_authority_of_its_own(helm: Helm, chart: bytes, tmp_path: Path) -> None:
    certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    with nexus(tls=context) as server:
        assert "certificate" in helm.add(server)[1]
        assert helm.add(server, ca=tmp_path / "certificate.pem")[0] == 0


@pytest.mark.parametrize(
    ("toxic", "stored"),
    [
        (Toxic("PUT", cut=100),    False),
        (Toxic("PUT", cut=0),      False),
        (Toxic("PUT", mute=True),  True),
    ],
    ids=["in the middle", "before a byte", "after all was stored"],
)  # fmt: skip
def test_a_connection_that_breaks(server: Nexus, chart: bytes, toxic: Toxic, stored: bool) -> None:
    """Without an answer nobody knows whether the chart is there: it may be."""
    server.toxics.append(toxic)
    with pytest.raises(httpx.TransportError):
        put(server, "site-1.0.1.tgz", chart)
    assert (server.repositories["charts"].files != {}) is stored
    assert put(server, "site-1.0.1.tgz", chart).status_code == (400 if stored else 200)


def test_an_answer_that_breaks_off_is_no_chart(
    server: Nexus, helm: Helm, chart: bytes, tmp_path: Path
) -> None:
    put(server, "site-1.0.1.tgz", chart)
    helm.add(server)
    server.toxics.append(Toxic("GET", ".tgz", cut=50))
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] != 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0


def test_errors_pass_after_the_times_that_were_told(server: Nexus, chart: bytes) -> None:
    server.toxics.append(Toxic("PUT", status=500, times=2))
    codes = [put(server, "site-1.0.1.tgz", chart).status_code for _ in range(3)]
    assert codes == [500, 500, 200]
    assert len(server.requests("PUT", ".tgz")) == 3


def test_a_slow_answer_comes_when_it_comes(server: Nexus, chart: bytes) -> None:
    server.toxics.append(Toxic("PUT", delay=0.3))
    start = time.monotonic()
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200
    assert time.monotonic() - start >= 0.3


def test_a_version_that_is_removed_leaves_the_index(server: Nexus, helm: Helm, chart: bytes) -> None:
    """Flux loads the whole index each time: old versions are pruned."""
    put(server, "site-1.0.1.tgz", chart)
    with httpx.Client(trust_env=False, auth=server.writer) as client:
        url = f"{server.repository()}/site-1.0.1.tgz"
        assert [client.delete(url).status_code for _ in range(2)] == [200, 404]
    assert index(server) == {}
