"""`python -m pipelines doctor`: everything at once, with the real services of the tests."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.core.config import Environment
from pipelines.core.errors import ToolError
from pipelines.doctor.service_checks import check_address
from tests.doctor.objects import BEFORE, COMPLETE, VALUE
from tests.fakes.cluster_objects import cluster_objects
from tests.support.delivery.storage import SECRET
from tests.support.delivery.targets import Publisher
from tests.support.previews import free_port
from tests.support.project import ROOT, write
from tests.support.registry import LOGIN
from tests.support.tools import need

DAY = 86400


ENVIRONMENT = '\n[[environment]]\nname = "production"\nedge = "nodeport"\nurl = "https://localhost:{port}"\n'


def kubectl_environment(kubeconfig: Path, home: Path) -> dict[str, str | None]:
    return {"KUBECONFIG": str(kubeconfig), "HOME": str(home), "PATH": os.environ["PATH"]}


def doctor(publisher: Publisher, env: dict[str, str | None]) -> tuple[int, dict[str, list[str]]]:
    """Return the exit status, and the findings of each check as "state: text; fix"."""
    with (publisher.project / "site.toml").open("a") as file:
        file.write(ENVIRONMENT.format(port=free_port()))
    run = publisher.run("doctor", "--json", "--timeout", "5", "--deadline", "20", env=env)
    assert "Traceback" not in run.err, run.err
    for text in (SECRET, LOGIN[1], VALUE, "the token of this user"):
        assert text not in run.out + run.err
    found: dict[str, list[str]] = {}
    for row in run.result["checks"]:
        found.setdefault(row["check"], []).append(f"{row['state']}: {row['text']}; {row['fix']}")
    assert run.result["ok"] == (run.code == 0)
    return run.code, found


def test_services_are_checked_with_the_credentials_of_publishing(
    publisher: Publisher, tmp_path: Path
) -> None:
    """The real registry, S3, and the chart repository; the edge does not run yet."""
    need("kubectl")
    write(publisher.project / "helm/site/Chart.yaml", (ROOT / "helm/site/Chart.yaml").read_text())
    with cluster_objects(COMPLETE) as fake:
        env = kubectl_environment(fake.kubeconfig(tmp_path), tmp_path)
        code, found = doctor(publisher, env=env)
    assert code == 1
    host = publisher.services.front["registry"].host
    assert found["registry"] == [f"ok: {host}/{publisher.name} accepts the login (0 tags of web); "]
    assert found["charts"][0].startswith("ok: http://")
    assert found["assets bucket"] == [f"ok: assets bucket '{publisher.name}-assets' accepts the login; "]
    assert found["archive bucket"][0].startswith("ok: ")
    (address,) = found["address"]
    assert address.startswith("failed: localhost:")
    assert address.endswith("no connection (Connection refused); start the edge (docs/operator.md, step 4)")
    assert found["kubernetes"] == ["ok: Kubernetes v1.35.4; "]
    # What this site.toml lacks of a cluster: all at once, each with its line and fix.
    assert len(found["settings"]) >= 3
    assert any("trusted is empty; name the networks" in row for row in found["settings"])


def test_wrong_and_missing_credentials_are_named_with_their_variables(publisher: Publisher) -> None:
    """Without a kubeconfig the cluster is not checked, and everything else is."""
    env: dict[str, str | None] = {
        "SITE_REGISTRY_PASSWORD": "another one",
        "SITE_CHARTS_USER": None,
        "SITE_CHARTS_PASSWORD": None,
        "SITE_ARCHIVE_KEY": None,
        "SITE_ARCHIVE_SECRET": None,
        "KUBECONFIG": None,
        "HOME": "/nonexistent",
    }
    publisher.services.nexus.anonymous = False
    code, found = doctor(publisher, env=env)
    assert code == 1
    assert found["registry"][0].startswith("failed: ")
    assert "does not know this login (401); fix SITE_REGISTRY_USER" in found["registry"][0]
    assert "requires a login; set SITE_CHARTS_USER and SITE_CHARTS_PASSWORD" in found["charts"][0]
    assert "requires a login; set SITE_ARCHIVE_KEY and SITE_ARCHIVE_SECRET" in found["archive bucket"][0]
    assert found["kubernetes"] == [
        "failed: no kubeconfig is set; name one in KUBECONFIG, or write ~/.kube/config"
    ]
    assert found["cluster"][0].startswith("unknown: not checked: nodes, network policies, storage")


def test_an_invalid_credential_does_not_hide_the_rest(publisher: Publisher) -> None:
    code, found = doctor(publisher, env={"SITE_CHARTS_PASSWORD": None, "KUBECONFIG": "/nonexistent"})
    assert code == 1
    assert "SITE_CHARTS_USER is set and SITE_CHARTS_PASSWORD is not; set both" in found["credentials"][0]
    assert found["kubernetes"][0].startswith("failed: kubectl: ")
    assert "settings" in found


def test_the_table_has_a_line_for_each_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unreachable cluster, and no service at all."""
    text = (ROOT / "tests/data/site/site.toml").read_text() + ENVIRONMENT.format(port=free_port())
    write(tmp_path / "site.toml", text)
    for name in ("SITE_REGISTRY_USER", "SITE_REGISTRY_PASSWORD", "REGISTRY_AUTH_FILE", "SITE_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", "/nonexistent")
    assert cli.main(["--project", str(tmp_path), "doctor", "--timeout", "2", "--deadline", "2"]) == 1
    output = capsys.readouterr()
    rows = [line.split(maxsplit=2) for line in output.out.splitlines()]
    assert {row[0] for row in rows} <= {"ok", "failed", "later", "unknown"}
    assert [row for row in rows if row[1] == "registry"] == [
        ["failed", "registry", "site.toml names no registry; set registry under [images]"]
    ]
    assert output.err.strip().endswith("findings are failures")
    assert cli.main(["--project", str(tmp_path), "doctor", "--environment", "x"]) == 1
    assert "unknown environment 'x'; known: production" in capsys.readouterr().err


@contextmanager
def tls_server(folder: Path, days: int) -> Iterator[int]:
    """Serve TLS on 127.0.0.1 with a certificate for "localhost" that ends in *days*; yield the port."""
    subprocess.run(
        [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days),
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            try:
                context.wrap_socket(client, server_side=True).close()
            except OSError:
                client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def test_a_certificate_must_be_valid_for_three_weeks(tmp_path: Path) -> None:
    """The same bound as the alert of docs/operator.md: `openssl x509 -checkend 1814400`."""
    assert str(21 * DAY) in (ROOT / "docs/operator.md").read_text("utf-8")
    now = time.time() + 60
    with tls_server(tmp_path, 60) as port:
        one = Environment("production", f"https://localhost:{port}", edge="nodeport")
        authority = tmp_path / "certificate.pem"

        def check(at: float, trusted: Path | None = authority) -> tuple[str, str]:
            (found,) = check_address(one, trusted, 5, at, installed=True)
            return found.state, found.text

        assert check(now) == ("ok", "localhost: its certificate is valid for 59 days")
        assert check(now + 38 * DAY) == ("ok", "localhost: its certificate is valid for 21 days")
        assert check(now + 40 * DAY) == ("failed", "localhost: its certificate ends in 19 days")
        with pytest.raises(ToolError, match="localhost: its certificate is not valid"):
            check(now, None)


def test_a_name_that_is_not_in_dns_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", fail)
    one = Environment("production", "https://n.example", edge="ingress")
    with pytest.raises(ToolError, match=r"n\.example: the name is not in DNS; make a record for it"):
        list(check_address(one, None, 5, time.time(), installed=False))


@pytest.mark.parametrize(
    ("edge", "installed", "state"),
    [("nodeport", False, "failed"), ("ingress", False, "later"), ("ingress", True, "failed")],
)
def test_a_controller_of_the_cluster_responds_once_the_site_is_installed(
    edge: str, installed: bool, state: str
) -> None:
    one = Environment("production", f"https://localhost:{free_port()}", edge=edge)
    (found,) = check_address(one, None, 2, time.time(), installed=installed)
    assert found.state == state
    assert "no connection" in found.text


def test_the_json_has_these_fields_and_no_other(publisher: Publisher, tmp_path: Path) -> None:
    need("kubectl")
    write(publisher.project / "helm/site/Chart.yaml", (ROOT / "helm/site/Chart.yaml").read_text())
    with (publisher.project / "site.toml").open("a") as file:
        file.write(ENVIRONMENT.format(port=free_port()))
    with cluster_objects(BEFORE) as fake:
        env = kubectl_environment(fake.kubeconfig(tmp_path), tmp_path)
        run = publisher.run("doctor", "--json", "--timeout", "5", "--deadline", "20", env=env)
    result = json.loads(run.out)
    assert list(result) == ["checks", "environment", "ok"]
    assert {tuple(row) for row in result["checks"]} == {("check", "fix", "state", "text")}
    assert {row["state"] for row in result["checks"]} == {"ok", "failed", "later"}
