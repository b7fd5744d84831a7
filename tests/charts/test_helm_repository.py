"""Tests of the fake Nexus, with the real helm: it behaves as Nexus documents."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.nexus import Nexus, Toxic, nexus
from tests.support import fast_yaml
from tests.support.delivery.helm import Helm
from tests.support.registry import certificate


@pytest.fixture
def server() -> Iterator[Nexus]:
    with nexus() as fake:
        fake.lag = 0.0
        yield fake


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
    return dict(fast_yaml.load(text)["entries"])


def test_an_uploaded_chart_is_pulled(server: Nexus, helm: Helm, chart: bytes, tmp_path: Path) -> None:
    """Upload, add and pull, without a password in an argument; the URLs of the index are relative."""
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200
    assert helm.add(server)[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0
    assert (tmp_path / "got/site-1.0.1.tgz").read_bytes() == chart
    assert index(server)["site"][0]["urls"] == ["site-1.0.1.tgz"]


def test_the_index_contains_the_digest(server: Nexus, chart: bytes) -> None:
    """helm 4.2 does not compare it with the fetched chart, so the publisher must."""
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
    """By the status alone a client cannot distinguish its own chart from another one."""
    put(server, "site-1.0.1.tgz", chart)
    again = put(server, "site-1.0.1.tgz", chart)
    assert (again.status_code, again.text) == (400, "Repository does not allow updating assets: charts")
    server.once = False
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200


def test_a_file_of_another_name_gets_a_broken_url(
    server: Nexus, helm: Helm, chart: bytes, tmp_path: Path
) -> None:
    """The index has the name of Chart.yaml, and the file that of the URL."""
    assert put(server, "mistaken-9.tgz", chart).status_code == 200
    assert index(server)["site"][0]["urls"] == ["site-1.0.1.tgz"]
    assert helm.add(server)[0] == 0
    status, output = helm.pull("charts/site", "1.0.1", tmp_path / "got")
    assert status != 0
    assert "404" in output


def stop_clock(server: Nexus) -> list[float]:
    """Stop the clock of *server* at 0, with a lag of its index; return the time, which a test may change."""
    now = [0.0]
    server.clock, server.lag = (lambda: now[0]), 0.5
    return now


def test_the_index_is_updated_later(server: Nexus, helm: Helm, chart: bytes, tmp_path: Path) -> None:
    """After the 200 of the upload, Flux does not find the chart yet."""
    now = stop_clock(server)
    put(server, "site-1.0.1.tgz", chart)
    assert helm.add(server)[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] != 0
    now[0] = server.lag
    assert helm.run("repo", "update")[0] == 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0


def test_concurrent_uploads_are_in_the_same_index(server: Nexus, helm: Helm, tmp_path: Path) -> None:
    now = stop_clock(server)
    put(server, "site-1.0.1.tgz", helm.packed(tmp_path, "1.0.1"))
    put(server, "site-1.0.2.tgz", helm.packed(tmp_path, "1.0.2"))
    assert index(server) == {}
    now[0] = server.lag
    assert [one["version"] for one in index(server)["site"]] == ["1.0.1", "1.0.2"]


def test_a_wrong_password_is_refused(server: Nexus, helm: Helm, chart: bytes) -> None:
    put(server, "site-1.0.1.tgz", chart)
    server.reader = ("flux", "right")
    right = helm.add(server)
    status, output = helm.run("repo", "add", "other", server.repository(), "--username", "flux",
                            "--password-stdin", stdin="wrong")  # fmt: skip
    assert (right[0], status != 0) == (0, True)
    assert "401" in output


def test_anonymous_reads_need_a_public_repository(server: Nexus, helm: Helm) -> None:
    assert helm.run("repo", "add", "open", server.repository())[0] != 0
    server.anonymous = True
    assert helm.run("repo", "add", "open", server.repository())[0] == 0


def test_the_reader_must_not_write(server: Nexus, chart: bytes) -> None:
    assert put(server, "site-1.0.1.tgz", chart, credentials=("ci", "wrong")).status_code == 401
    assert put(server, "site-1.0.1.tgz", chart, credentials=server.reader).status_code == 403
    assert server.repositories["charts"].files == {}


def test_busy_responses_are_injected(server: Nexus, helm: Helm) -> None:
    """helm fails at once; a publisher must retry."""
    server.busy = 2
    answers = [helm.add(server) for _ in range(4)]
    assert [status for status, _ in answers] == [0, 1, 0, 1]
    assert "503" in answers[1][1]


def test_tls_with_a_private_ca(helm: Helm, chart: bytes, tmp_path: Path) -> None:
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
    """Without a response the chart may be stored or not."""
    server.toxics.append(toxic)
    with pytest.raises(httpx.TransportError):
        put(server, "site-1.0.1.tgz", chart)
    assert (server.repositories["charts"].files != {}) is stored
    assert put(server, "site-1.0.1.tgz", chart).status_code == (400 if stored else 200)


def test_a_truncated_response_is_not_a_chart(server: Nexus, helm: Helm, chart: bytes, tmp_path: Path) -> None:
    put(server, "site-1.0.1.tgz", chart)
    helm.add(server)
    server.toxics.append(Toxic("GET", ".tgz", cut=50))
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] != 0
    assert helm.pull("charts/site", "1.0.1", tmp_path / "got")[0] == 0


def test_injected_errors_end_after_their_count(server: Nexus, chart: bytes) -> None:
    server.toxics.append(Toxic("PUT", status=500, times=2))
    codes = [put(server, "site-1.0.1.tgz", chart).status_code for _ in range(3)]
    assert codes == [500, 500, 200]
    assert len(server.requests("PUT", ".tgz")) == 3


def test_a_slow_response_is_delivered(server: Nexus, chart: bytes) -> None:
    server.toxics.append(Toxic("PUT", delay=0.3))
    start = time.monotonic()
    assert put(server, "site-1.0.1.tgz", chart).status_code == 200
    assert time.monotonic() - start >= 0.3


def test_a_removed_version_leaves_the_index(server: Nexus, helm: Helm, chart: bytes) -> None:
    """Flux loads the whole index each time, so old versions are pruned."""
    put(server, "site-1.0.1.tgz", chart)
    with httpx.Client(trust_env=False, auth=server.writer) as client:
        url = f"{server.repository()}/site-1.0.1.tgz"
        assert [client.delete(url).status_code for _ in range(2)] == [200, 404]
    assert index(server) == {}
