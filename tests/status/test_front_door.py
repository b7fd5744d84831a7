"""Tests of the front door probe: ten new connections, and the version that each one gets."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.pods import Pod, front_door
from tests.support.delivery.status_site import Runner, StatusSite
from tests.support.delivery.tls import private_tls
from tests.support.previews import free_port
from tests.support.project import write
from tests.support.tools import need


def test_it_is_live_when_all_ten_agree(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)] * 3
    done = status()
    short = status_site.commits[2][:7]
    assert (done.code, done.err) == (0, "")
    assert (
        done.row == f"production 1.0.3 {short} 1.0.3 {short} 1.0.3 {short} commit {short} is live; as main is"
    )
    assert status_site.door.connections == 10


def test_each_connection_is_new(status_site: StatusSite, status: Runner) -> None:
    """Neither connections nor TLS sessions are reused, since both may pin a client to one pod."""
    status_site.door.pods, status_site.door.barrier = [status_site.pod(3)], 10
    assert status().code == 0
    assert status_site.door.max_open == 10  # at once: the barrier holds each until all have come
    assert sorted(number for number, _, _ in status_site.door.requests) == list(range(10))
    assert {path for _, path, _ in status_site.door.requests} == {"/version.json"}
    assert {headers["connection"] for _, _, headers in status_site.door.requests} == {"close"}


def test_one_old_pod_of_three_is_detected(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3), status_site.pod(3), status_site.pod(2)]
    done = status("--json").result["environments"][0]
    new, old = status_site.commits[2][:7], status_site.commits[1][:7]
    assert (done["live"], done["version"], done["commit"]) == (False, "", "")
    assert [(one["count"], one["version"]) for one in done["answers"]] == [(7, "1.0.3"), (3, "1.0.2")]
    assert done["says"].startswith(
        f"7 of 10 connections got 1.0.3 (commit {new}), 3 got 1.0.2 (commit {old});"
        " 1.0.3 is published, rolled out in part"
    )


def test_one_version_with_two_sites_is_not_live(status_site: StatusSite, status: Runner) -> None:
    """A pod that was changed by hand has the same version and another digest."""
    status_site.door.pods = [status_site.pod(3), status_site.pod(3, site="6" * 64)]
    done = status().out
    assert "5 of 10 connections got 1.0.3" in done
    assert f"site {'5' * 12}" in done
    assert f"site {'6' * 12}" in done


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    ("pod", "fault"),
    [
        (Pod(status=503),                                   "503"),
        (Pod(status=301, headers=(("Location", "https://other.example/"),)), "301, a redirect"),
        (Pod(resets=True),                                  "the connection broke"),
        (Pod(hangs=True),                                    "no response within 3 s"),
        (Pod(body=b"", trickles=True),                         "no response within 3 s"),
        (Pod(body=b"<html>"),                               "/version.json is not of this pipeline"),
        (Pod(body=b"[" * 50_000),                           "/version.json is not of this pipeline"),
        (Pod(body=b"x" * 70_000),                           "a response of more than 64 KiB"),
        (Pod(body=b'{"version": 1, "commit": [], "site": {}}'), "/version.json is not of this pipeline"),
        (Pod("1.0.3", "\x1b[2J", "5" * 64),                 "/version.json is not of this pipeline"),
        (Pod(body=b'{"commit": null, "image": null, "site": null, "version": null}'),
         "/version.json names no version: these pods are not of the chart"),
    ],
)  # fmt: skip
def test_each_cause_of_a_failed_connection_is_named(
    status_site: StatusSite, status: Runner, pod: Pod, fault: str
) -> None:
    """Faults are counted beside the versions of the healthy pods."""
    status_site.door.pods = [pod, status_site.pod(3)]
    done = status("--deadline", "3", "--json")
    answers = done.result["environments"][0]["answers"]
    assert (done.code, done.err) == (0, "")
    assert [(one["count"], one["version"], one["fault"]) for one in answers] == [
        (5, "", fault),
        (5, "1.0.3", ""),
    ]
    assert done.seconds < 20


def test_a_refused_connection_is_reported(status_site: StatusSite, status: Runner) -> None:
    status_site.configure(production=f"http://127.0.0.1:{free_port()}")
    done = status()
    assert done.code == 0
    assert "10 of 10 connections failed: connection refused" in done.out


def test_tls_is_verified_with_the_ca_file_of_publishing(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    with front_door(status_site.pod(3), tls=private_tls(tmp_path)) as own:
        status_site.configure(production=own.url)
        assert "10 of 10 connections failed: TLS: its certificate is not trusted" in status().out
        done = status("--json", env={"SITE_CA_FILE": str(tmp_path / "certificate.pem")})
        assert done.result["environments"][0]["live"] is True
        assert own.reused.count(False) == len(own.reused) >= 10


def test_pods_behind_a_real_edge_are_distinguished(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """An NGINX that ends TLS and keeps its own connections, as an Ingress does."""
    private_tls(tmp_path)
    with (
        front_door(status_site.pod(3)) as one,
        front_door(status_site.pod(3)) as two,
        front_door(status_site.pod(2)) as old,
    ):
        port = free_port()
        servers = "".join(f"server {pod.url.removeprefix('http://')};" for pod in (one, two, old))
        write(tmp_path / "nginx.conf", f"""
            daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;
            events {{}}
            http {{
                access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
                fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
                upstream pods {{ keepalive 8; {servers} }}
                server {{
                    listen 127.0.0.1:{port} ssl;
                    ssl_certificate {tmp_path}/certificate.pem; ssl_certificate_key {tmp_path}/key.pem;
                    proxy_http_version 1.1; proxy_set_header Connection "";
                    location / {{ proxy_pass http://pods; }}
                }}
            }}""")  # fmt: skip
        status_site.configure(production=f"https://127.0.0.1:{port}")
        status_site.env["SITE_CA_FILE"] = str(tmp_path / "certificate.pem")
        edge = subprocess.Popen([need("nginx"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"])
        try:
            answers: list[dict[str, Any]] = []
            for _ in range(100):  # until it listens
                answers = status("--json").result["environments"][0]["answers"]
                if not answers[0]["fault"]:
                    break
        finally:
            edge.terminate()
            edge.wait(30)
    assert sorted(one["version"] for one in answers) == ["1.0.2", "1.0.3"]
    assert sum(one["count"] for one in answers) == 10
