"""Tests of the command: its table, its JSON, and its usage errors."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.pods import Pod, front_door
from tests.support.delivery.status_site import Runner, StatusSite
from tests.support.project import ROOT, git, run_cli, write


def test_the_table_is_aligned_and_has_no_colours_without_a_terminal(
    status_site: StatusSite, status: Runner
) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    with front_door(Pod(status=503)) as other:
        status_site.configure(production=status_site.door.url, staging=other.url)
        out = status().out
    lines = out.splitlines()
    assert "\x1b" not in out
    assert [line.split()[0] for line in lines] == ["live", "production", "staging"]
    assert lines[0].index("live") == lines[1].index("1.0.3") == lines[2].index("down")
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.slow
def test_a_terminal_gets_colours_and_one_progress_line(
    status_site: StatusSite, status: Runner, tmp_path: Path
) -> None:
    """The newest version is green when live; each probe of --wait overwrites the progress line."""
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(2)]
    status_site.door.later = {10: [status_site.pod(3)]}
    argv = ("--project", status_site.project, "status", "--wait", status_site.commits[2])
    env = {**os.environ, "HOME": str(tmp_path), "TERM": "xterm", "COLUMNS": "60", "KUBECONFIG": ""}
    for name in ("NO_COLOR", "CI"):
        env.pop(name, None)
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "pipelines", *argv], cwd=ROOT, env=env, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    output = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, suppress(OSError):  # EIO: the other end is closed
        while part := terminal.read(4096):
            output += part
    assert done.wait(60) == 0
    progress, _, table = output.decode().rpartition("\r\x1b[K")
    assert progress.count("\r\x1b[K") == 4  # the old site once, the new one until it is confirmed
    assert "\n" not in progress
    assert all(len(line) < 60 for line in progress.split("\r\x1b[K"))
    assert f"\x1b[32m1.0.3 {status_site.commits[2][:7]}" in table


def test_the_json_has_these_fields_and_no_other(status_site: StatusSite, status: Runner) -> None:
    """The JSON is an interface: document each new field, and remove none."""
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    found = status("--json").result
    (one,) = found["environments"]
    assert sorted(found) == ["at", "branch", "environments", "wait"]
    assert found["wait"] is None
    assert found["branch"] == {
        "name": "main",
        "commit": status_site.commits[2],
        "version": "1.0.3",
        "fault": "",
    }
    seen = {"version": "1.0.3", "commit": status_site.commits[2], "site": "5" * 64}
    assert one == {
        "name": "production", "url": status_site.door.url, "live": True, **seen, "behind": 0, "ahead": 0,
        "answers": [{"count": 10, "fault": "", **seen}],
        "published": {"place": one["published"]["place"], "version": "1.0.3",
                      "commit": status_site.commits[2], "fault": "", "own": "1.0.3", "outranks": ""},
        "rollout": {"attempted": "", "deployed": "", "since": 0, "ready": False, "failed": False,
                    "returned": False, "says": "", "fault": "no kubeconfig"},
        "says": f"commit {status_site.commits[2][:7]} is live; as main is",
    }  # fmt: skip


def test_environment_selects_one_environment(status_site: StatusSite, status: Runner) -> None:
    status_site.door.pods = [status_site.pod(3)]
    status_site.configure(production=status_site.door.url, staging="http://127.0.0.1:9")
    assert [
        one["name"] for one in status("--environment", "production", "--json").result["environments"]
    ] == ["production"]
    done = status("--environment", "moon")
    assert done.code == 1
    assert done.err == "error: site.toml: unknown environment 'moon'; known: production, staging\n"


@pytest.mark.parametrize(
    "argv",
    [("--wait", "abc"), ("--wait", "HEAD"), ("--wait", "1234567", "--timeout", "0"), ("--deadline", "x")],
)
def test_invalid_options_are_usage_errors(status: Runner, argv: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        status(*argv)
    assert ended.value.code == 2


def test_an_invalid_ca_file_is_an_error(status_site: StatusSite, status: Runner, tmp_path: Path) -> None:
    status_site.door.pods = [status_site.pod(3)]
    write(tmp_path / "ca.pem", "no certificate")
    done = status(env={"SITE_CA_FILE": str(tmp_path / "ca.pem")})
    assert (done.code, done.err) == (1, "error: ca.pem: is not a file of certificates (PEM)\n")


def test_it_writes_nothing(status_site: StatusSite, status: Runner) -> None:
    """A file with the live version would be outdated at once."""
    status_site.door.pods = [status_site.pod(3)]
    status()
    assert not (status_site.project / "out").exists()
    assert git(status_site.project, "status", "--porcelain") == ""


def test_the_module_runs(status_site: StatusSite, tmp_path: Path) -> None:
    """As a user runs it, in a process of its own."""
    status_site.door.pods = [status_site.pod(3)]
    done = run_cli(status_site.project, "status", "--json", env={"HOME": str(tmp_path), "KUBECONFIG": ""})
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["environments"][0]["live"] is True
