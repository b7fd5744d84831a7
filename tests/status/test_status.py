"""What is live is what ten strangers are told; what is published and what Git has stand beside it."""

from __future__ import annotations

import json
import os
import pty
import shutil
import ssl
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipelines.charts.newest import newest_version
from pipelines.flux import settings
from tests.fakes.nexus import Toxic
from tests.fakes.pods import Pod, front_door
from tests.fakes.upstream import upstream
from tests.support.delivery.helm import Helm
from tests.support.delivery.status_site import Runner, Stage, chart
from tests.support.previews import free_port
from tests.support.project import ROOT, git, run_cli, write
from tests.support.registry import LOGIN, certificate, registry
from tests.support.tools import need


def test_it_is_live_when_all_ten_agree(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(3)] * 3
    done = status()
    short = stage.commits[2][:7]
    assert (done.code, done.err) == (0, "")
    assert (
        done.row == f"production 1.0.3 {short} 1.0.3 {short} 1.0.3 {short} commit {short} is live; as main is"
    )
    assert stage.door.connections == 10


def test_the_table_is_aligned_and_without_colours_where_nobody_looks(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    with front_door(Pod(status=503)) as other:
        stage.configure(production=stage.door.url, staging=other.url)
        out = status().out
    lines = out.splitlines()
    assert "\x1b" not in out
    assert [line.split()[0] for line in lines] == ["live", "production", "staging"]
    assert lines[0].index("live") == lines[1].index("1.0.3") == lines[2].index("down")
    assert all(line == line.rstrip() for line in lines)


def test_a_terminal_sees_colours_and_one_line_that_changes(
    stage: Stage, status: Runner, tmp_path: Path
) -> None:
    """Green is what is live and the newest; while it waits, each look writes over the one before."""
    stage.publish(3)
    stage.door.pods = [stage.pod(2)]
    stage.door.later = {10: [stage.pod(3)]}
    words = ("--project", stage.project, "status", "--wait", stage.commits[2])
    env = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "60", "KUBECONFIG": ""}
    for name in ("NO_COLOR", "CI"):
        env.pop(name, None)
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *words], cwd=ROOT, env=env, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # EIO: nobody writes any more
        while part := terminal.read(4096):
            said += part
    assert done.wait(60) == 0
    progress, _, table = said.decode().rpartition("\r\x1b[K")
    assert progress.count("\r\x1b[K") == 2
    assert "\n" not in progress
    assert all(len(line) < 60 for line in progress.split("\r\x1b[K"))
    assert f"\x1b[32m1.0.3 {stage.commits[2][:7]}" in table


def test_each_connection_is_a_stranger(stage: Stage, status: Runner) -> None:
    """Nothing is kept: a pod that was chosen once must not be chosen again for that."""
    stage.door.pods, stage.door.barrier = [stage.pod(3)], 10
    assert status().code == 0
    assert stage.door.max_open == 10  # at once: they waited for one another
    assert sorted(number for number, _, _ in stage.door.requests) == list(range(10))
    assert {path for _, path, _ in stage.door.requests} == {"/version.json"}
    assert {headers["connection"] for _, _, headers in stage.door.requests} == {"close"}


def test_one_old_pod_of_three_is_seen(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(3), stage.pod(3), stage.pod(2)]
    done = status("--json").result["environments"][0]
    new, old = stage.commits[2][:7], stage.commits[1][:7]
    assert (done["live"], done["version"], done["commit"]) == (False, "", "")
    assert [(one["count"], one["version"]) for one in done["answers"]] == [(7, "1.0.3"), (3, "1.0.2")]
    assert done["says"].startswith(
        f"7 of 10 connections got 1.0.3 (commit {new}), 3 got 1.0.2 (commit {old});"
        " 1.0.3 is published, rolled out in part"
    )


def test_one_version_with_two_sites_is_not_live(stage: Stage, status: Runner) -> None:
    """Version and site digest: somebody may have changed one pod by hand."""
    stage.door.pods = [stage.pod(3), stage.pod(3, site="6" * 64)]
    done = status().out
    assert "5 of 10 connections got 1.0.3" in done
    assert f"site {'5' * 12}" in done
    assert f"site {'6' * 12}" in done


@pytest.mark.parametrize(
    ("pod", "fault"),
    [
        (Pod(status=503),                                   "503"),
        (Pod(status=301, headers=(("Location", "https://elsewhere.example/"),)), "301, a redirect"),
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
def test_what_keeps_a_connection_from_an_answer_has_a_name(
    stage: Stage, status: Runner, pod: Pod, fault: str
) -> None:
    """Half of the pods are well: what they say stands beside the fault, which is counted."""
    stage.door.pods = [pod, stage.pod(3)]
    done = status("--deadline", "3", "--json")
    answers = done.result["environments"][0]["answers"]
    assert (done.code, done.err) == (0, "")
    assert [(one["count"], one["version"], one["fault"]) for one in answers] == [
        (5, "", fault),
        (5, "1.0.3", ""),
    ]
    assert done.seconds < 20


def test_a_door_that_is_shut_is_told(stage: Stage, status: Runner) -> None:
    stage.configure(production=f"http://127.0.0.1:{free_port()}")
    done = status()
    assert done.code == 0
    assert "10 of 10 connections failed: connection refused" in done.out


def private(folder: Path) -> ssl.SSLContext:
    """Return the server's side of an authority of its own, whose certificate lies in *folder*."""
    need("openssl")
    certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context


def test_tls_is_verified_with_the_authority_that_publishing_trusts(
    stage: Stage, status: Runner, tmp_path: Path
) -> None:
    with front_door(stage.pod(3), tls=private(tmp_path)) as own:
        stage.configure(production=own.url)
        assert "10 of 10 connections failed: TLS: its certificate is not trusted" in status().out
        done = status("--json", env={"SITE_CA_FILE": str(tmp_path / "certificate.pem")})
        assert done.result["environments"][0]["live"] is True
        assert own.reused.count(False) == len(own.reused) >= 10


def test_pods_behind_a_real_edge_are_told_apart(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """An NGINX that ends TLS and keeps its own connections, as an Ingress does."""
    private(tmp_path)
    with front_door(stage.pod(3)) as one, front_door(stage.pod(3)) as two, front_door(stage.pod(2)) as old:
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
        stage.configure(production=f"https://127.0.0.1:{port}")
        stage.env["SITE_CA_FILE"] = str(tmp_path / "certificate.pem")
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


# --- charts ---

VERSIONS = [
    "1.0.9",
    "1.0.10",
    "1.0.11-rc",
    "0.0.0-mr.9.31",
    "2.0.1",
    "1.0.10-rc",
    "1.0.9-rc",
    "not.a.version",
]


@pytest.mark.parametrize(
    ("environment", "major", "versions", "newest"),
    [
        ("production", 1, VERSIONS,                       "1.0.10"),
        ("staging",    1, VERSIONS,                       "2.0.1"),
        ("staging",    1, ["1.0.10", "1.0.11-rc"],        "1.0.11-rc"),
        ("staging",    1, ["1.0.11-rc", "1.0.11"],        "1.0.11"),
        ("production", 1, ["1.0.11-rc"],                  ""),
        ("staging",    0, ["0.0.0-mr.9.31", "0.1.2-rc"],  "0.1.2-rc"),
        ("staging",    0, ["0.0.0-mr.9.31"],              ""),
        ("production", 0, ["0.1.2", "1.0.0"],             "0.1.2"),
        ("production", 1, [],                             ""),
    ],
)  # fmt: skip
def test_the_newest_chart_is_the_one_that_flux_takes(
    environment: str, major: int, versions: list[str], newest: str
) -> None:
    """Numbers as numbers, and only the range of the environment."""
    assert newest_version(versions, major, environment) == newest


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_helm_takes_the_same_chart(stage: Stage, tmp_path: Path, environment: str) -> None:
    """Flux orders with helm's library, by the range that `pipelines settings` writes."""
    versions = ["1.0.9", "1.0.10", "1.0.11-rc", "1.1.2-rc", "0.9.12", "0.0.0-mr.9.31"]
    for version in versions:
        stage.publish(1, version)
    helm = Helm(tmp_path / "helm")
    assert helm.add(stage.nexus)[0] == 0
    assert helm.pull("charts/site", settings.version_range("1.0", environment), tmp_path / "got")[0] == 0
    taken = [file.name for file in (tmp_path / "got").iterdir()]
    assert taken == [f"site-{newest_version(versions, 1, environment)}.tgz"]


def test_a_chart_says_which_commit_it_carries(stage: Stage, status: Runner) -> None:
    """The index does not know it: the archive is asked."""
    stage.publish(2, "1.0.2")
    stage.publish(3, "1.0.3-rc")
    stage.door.pods = [stage.pod(2)]
    stage.configure(production=stage.door.url, staging=stage.door.url)
    found = {one["name"]: one["published"] for one in status("--json").result["environments"]}
    place = stage.nexus.url.partition("://")[2] + "/repository/charts"
    assert found == {
        "production": {"place": place, "version": "1.0.2", "commit": stage.commits[1], "fault": "",
                       "own": "", "outranks": ""},
        "staging": {"place": place, "version": "1.0.3-rc", "commit": stage.commits[2], "fault": "",
                    "own": "1.0.3-rc", "outranks": ""},
    }  # fmt: skip


def diverge(stage: Stage) -> str:
    """Publish 1.0.4, whose commit is not on top of main's 1.0.3; return that commit."""
    git(stage.project, "checkout", "-q", "--detach", stage.commits[0])
    for text in ("one", "two", "three"):
        write(stage.project / "content/pages/about.md", text)
        git(stage.project, "commit", "-q", "-am", text)
    other = git(stage.project, "rev-parse", "HEAD").strip()
    git(stage.project, "checkout", "-q", "main")
    stage.publish(0, "1.0.4", other)
    return other


@pytest.mark.parametrize("published", [True, False])
def test_a_version_below_the_newest_is_told(stage: Stage, status: Runner, published: bool) -> None:
    """Flux takes the highest one: the commit of main never goes live, however long one waits."""
    if published:
        stage.publish(3)
    other = diverge(stage)
    stage.door.pods = [Pod("1.0.4", other)]
    word = "published" if published else "not published"
    assert f"; 1.0.3 of main is {word}, but 1.0.4 is newer; " in status().row
    done = status("--wait", stage.commits[2], "--timeout", "60")
    assert (done.code, done.seconds < 30) == (1, True)
    assert f"is not live in production: {word}, but 1.0.4 is newer\n" in done.err
    assert "next         make a commit on top of both: `git pull --rebase`, and push" in done.err
    # Made on top of both, it is on its way again, and main's newest commit is not outranked.
    git(stage.project, "merge", "-q", "-s", "ours", "-m", "Merge", other)
    stage.door.pods = [stage.pod(3)]
    assert "newer" not in status().row
    assert "not live in production: not after" in status("--wait", head(stage), "--timeout", "0.2").err


def head(stage: Stage) -> str:
    return git(stage.project, "rev-parse", "HEAD").strip()


def test_a_chart_whose_commit_is_not_here_outranks_nobody(stage: Stage, status: Runner) -> None:
    """It may be on top of this one."""
    stage.publish(3)
    stage.publish(0, "1.0.9", "9" * 40)
    stage.door.pods = [stage.pod(3)]
    assert "but 1.0.9 is newer" not in status().row


def test_charts_in_a_registry_are_found_too(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """A real registry, to which the real helm has pushed."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with registry(folder, closed=True) as real:
        helm = Helm(tmp_path / "helm")
        trust = ("--ca-file", real.authority)
        said = helm.run(
            "registry", "login", real.host, *trust, "-u", LOGIN[0], "--password-stdin", stdin=LOGIN[1]
        )
        assert said[0] == 0, said
        for number, version in ((2, "1.0.2"), (3, "1.0.3-rc"), (1, "1.0.1")):
            file = tmp_path / f"site-{version}.tgz"
            file.write_bytes(chart(version, stage.commits[number - 1]))
            said = helm.run("push", file, f"oci://{real.host}/charts", *trust)
            assert said[0] == 0, said
        stage.configure(chart=f"oci://{real.host}/charts")
        stage.door.pods = [stage.pod(2, "1.0.2+cdd538a0167e")]  # so Flux calls a chart of a registry
        stage.env["SITE_CA_FILE"] = str(real.authority)
        stranger = status().row
        stage.env |= {"SITE_CHARTS_USER": LOGIN[0], "SITE_CHARTS_PASSWORD": LOGIN[1]}
        known = status("--json").result["environments"][0]
    assert "the chart repository requires a login; set SITE_CHARTS_USER" in stranger
    assert (known["version"], known["live"]) == ("1.0.2", True)
    assert known["published"]["version"] == "1.0.2"
    assert known["published"]["commit"] == stage.commits[1]


def test_tags_that_come_in_several_answers_are_all_read(stage: Stage, status: Runner, tmp_path: Path) -> None:
    """OCI distribution-spec 1.1, "Listing Tags": GitLab's registry gives a hundred at a time."""
    path = "/v2/charts/site/tags/list"
    with upstream(tls=private(tmp_path)) as pages:
        pages.respond(404, Link=f'<{path}?last=1.0.2>; rel="next"')
        pages.pages[path] = (200, b'{"name": "charts/site", "tags": ["1.0.1", "1.0.2"]}')
        pages.pages[f"{path}?last=1.0.2"] = (200, b'{"name": "charts/site", "tags": ["1.0.3"]}')
        stage.configure(chart=f"oci://127.0.0.1:{pages.port}/charts")
        done = status("--json", env={"SITE_CA_FILE": str(tmp_path / "certificate.pem")})
    published = done.result["environments"][0]["published"]
    assert (published["version"], published["fault"]) == ("1.0.3", "1.0.3 is not a chart")


@pytest.mark.parametrize(
    ("toxic", "fault"),
    [
        (Toxic(times=9, status=503),                           "answered 503 (2 tries)"),
        (Toxic(times=9, status=404),                           "has no index.yaml; is it a Helm repository?"),
        (Toxic(times=9, status=403),
         "requires a login; set SITE_CHARTS_USER and SITE_CHARTS_PASSWORD"),
        (Toxic(times=9, ending="/index.yaml", cut=40),         "the connection broke (2 tries)"),
        (Toxic(times=9, ending=".tgz", status=404),            "names 1.0.3, and does not have it"),
        (Toxic(times=9, ending=".tgz", status=500),            "answered 500 (2 tries)"),
    ],
)  # fmt: skip
def test_a_chart_repository_that_fails_is_told_and_nothing_else_is_lost(
    stage: Stage, status: Runner, toxic: Toxic, fault: str
) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    stage.nexus.toxics.append(toxic)
    done = status("--json")
    seen = done.result["environments"][0]
    assert (done.code, seen["live"]) == (0, True)
    assert seen["published"]["fault"] == fault


def test_a_slow_chart_repository_is_not_waited_for(stage: Stage, status: Runner) -> None:
    stage.door.pods = [stage.pod(3)]
    stage.nexus.toxics.append(Toxic(times=9, delay=20))
    done = status("--deadline", "2", "--json")
    assert done.seconds < 15
    fault = done.result["environments"][0]["published"]["fault"]
    assert fault.startswith(("response timed out", "connection timed out", "not done within 2 s"))


def test_an_archive_with_other_bytes_is_not_believed(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    hosted = stage.nexus.repositories["charts"]
    hosted.files["site-1.0.3.tgz"] = chart("1.0.3", stage.commits[0])
    stage.door.pods = [stage.pod(3)]
    published = status("--json").result["environments"][0]["published"]
    assert published["commit"] == ""
    assert published["fault"].endswith("for 1.0.3; do not trust it")


def test_a_chart_of_another_commit_is_told(stage: Stage, status: Runner) -> None:
    """Two who published one version: what is live is not what the next rollout brings."""
    stage.publish(3, commit=stage.commits[0])
    stage.door.pods = [stage.pod(3)]
    assert f"chart 1.0.3 is of another commit, {stage.commits[0][:7]}" in status().row


@pytest.mark.parametrize("index", [b"", b"[]", b"entries: 3", b"entries: {site: [3]}", b"\xff", b"{{{"])
def test_an_index_that_is_none_is_told(stage: Stage, status: Runner, index: bytes) -> None:
    stage.nexus.repositories["charts"].index = index
    stage.door.pods = [stage.pod(3)]
    done = status()
    assert (done.code, done.err) == (0, "")
    assert "the chart repository its index.yaml is not a Helm index" in done.out


def test_before_the_first_publication(stage: Stage, status: Runner) -> None:
    stage.configure(production=f"http://127.0.0.1:{free_port()}")
    assert "no chart in its range is published" in status().out
    stage.configure(chart="")
    assert "site.toml names no chart repository" in status().out


# --- how far apart ---


def test_commits_that_are_not_live_are_counted(stage: Stage, status: Runner) -> None:
    stage.publish(1)
    stage.publish(2)
    stage.door.pods = [stage.pod(1)]
    assert status().row.endswith("is live; 1.0.2 is published, not rolled out; 2 commits behind main")
    stage.door.pods = [stage.pod(2)]
    assert status().row.endswith("is live; 1 commit behind main")


def test_a_clone_that_is_behind_says_so(stage: Stage, status: Runner) -> None:
    git(stage.project, "reset", "-q", "--hard", stage.commits[0])
    stage.door.pods = [stage.pod(3)]
    assert status().row.endswith("2 commits that main here does not have (git fetch)")
    stage.door.pods = [Pod("1.0.9", "9" * 40)]
    assert status().row.endswith("this clone does not have its commit (git fetch)")


def test_main_is_where_the_remote_or_the_clone_is_further(
    stage: Stage, status: Runner, tmp_path: Path
) -> None:
    """A pipeline checks out one commit; a person may have fetched and not merged, or not pushed yet."""
    origin, stage.project = stage.project, tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(origin), "clone")
    stage.door.pods = [stage.pod(1)]
    clone, stage.project = stage.project, origin
    stage.commit()
    stage.project = clone
    git(clone, "fetch", "-q")
    assert status("--json").result["branch"]["commit"] == stage.commits[3]
    git(clone, "checkout", "-q", "--detach", stage.commits[0])
    git(clone, "branch", "-q", "-D", "main")
    assert status("--json").result["branch"]["version"] == "1.0.4"
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    assert status("--json").result["branch"]["name"] == "HEAD"


def test_without_git_it_says_so(stage: Stage, status: Runner) -> None:
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    shutil.rmtree(stage.project / ".git")
    done = status()
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0].endswith("not a Git repository")
    assert "is live" in done.row


def test_a_shallow_clone_counts_nothing(stage: Stage, status: Runner, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{stage.project}", "clone")
    stage.project = tmp_path / "clone"
    stage.door.pods = [stage.pod(3)]
    done = status("--json").result
    assert done["branch"]["version"] == ""
    assert done["branch"]["fault"] == "this clone is shallow (git fetch --unshallow)"
    assert done["environments"][0]["behind"] == 0


# --- words and machines ---


def test_the_json_has_these_fields_and_no_other(stage: Stage, status: Runner) -> None:
    """Others read it: what is added here is added to the documents, and nothing goes."""
    stage.publish(3)
    stage.door.pods = [stage.pod(3)]
    found = status("--json").result
    (one,) = found["environments"]
    assert sorted(found) == ["at", "branch", "environments", "wait"]
    assert found["wait"] is None
    assert found["branch"] == {"name": "main", "commit": stage.commits[2], "version": "1.0.3", "fault": ""}
    seen = {"version": "1.0.3", "commit": stage.commits[2], "site": "5" * 64}
    assert one == {
        "name": "production", "url": stage.door.url, "live": True, **seen, "behind": 0, "ahead": 0,
        "answers": [{"count": 10, "fault": "", **seen}],
        "published": {"place": one["published"]["place"], "version": "1.0.3", "commit": stage.commits[2],
                      "fault": "", "own": "1.0.3", "outranks": ""},
        "rollout": {"attempted": "", "deployed": "", "since": 0, "ready": False, "failed": False,
                    "returned": False, "says": "", "fault": "no kubeconfig"},
        "says": f"commit {stage.commits[2][:7]} is live; as main is",
    }  # fmt: skip


def test_one_environment_may_be_named(stage: Stage, status: Runner) -> None:
    stage.door.pods = [stage.pod(3)]
    stage.configure(production=stage.door.url, staging="http://127.0.0.1:9")
    assert [
        one["name"] for one in status("--environment", "production", "--json").result["environments"]
    ] == ["production"]
    done = status("--environment", "moon")
    assert done.code == 1
    assert done.err == "error: site.toml: unknown environment 'moon'; known: production, staging\n"


@pytest.mark.parametrize(
    "words",
    [("--wait", "abc"), ("--wait", "HEAD"), ("--wait", "1234567", "--timeout", "0"), ("--deadline", "x")],
)
def test_words_that_do_not_fit_are_wrong_usage(status: Runner, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        status(*words)
    assert ended.value.code == 2


def test_an_authority_that_is_none_ends_it(stage: Stage, status: Runner, tmp_path: Path) -> None:
    stage.door.pods = [stage.pod(3)]
    write(tmp_path / "ca.pem", "no certificate")
    done = status(env={"SITE_CA_FILE": str(tmp_path / "ca.pem")})
    assert (done.code, done.err) == (1, "error: ca.pem: is not a file of certificates (PEM)\n")


def test_it_writes_nothing(stage: Stage, status: Runner) -> None:
    """No file tells what is live: it would be old at once."""
    stage.door.pods = [stage.pod(3)]
    status()
    assert not (stage.project / "out").exists()
    assert git(stage.project, "status", "--porcelain") == ""


def test_the_module_runs(stage: Stage, tmp_path: Path) -> None:
    """As a person calls it, in a process of its own."""
    stage.door.pods = [stage.pod(3)]
    done = run_cli(stage.project, "status", "--json", env={"HOME": str(tmp_path), "KUBECONFIG": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["environments"][0]["live"] is True
