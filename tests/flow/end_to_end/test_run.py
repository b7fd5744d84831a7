"""Tests of `run`: with real Git, real helm, real images, a real registry and object storage."""

from __future__ import annotations

import os
import signal

import pytest

from tests.fakes.proxy import Call
from tests.support.delivery.flow import (
    MACHINE,
    POST,
    commit,
    digests,
    done,
    post,
    refused,
)
from tests.support.delivery.targets import Publisher
from tests.support.project import git, write


def test_run_goes_from_a_commit_to_a_stable_chart(publisher: Publisher) -> None:
    """Without staging the candidate is promoted at once; a second run uploads nothing."""
    first = done(publisher, "run")
    assert first["version"] == "1.0.1-rc"
    found = digests(publisher)
    assert found.keys() == {"1.0.1-rc", "1.0.1"}
    assert found["1.0.1-rc"] == found["1.0.1"]
    steps = [(one["name"], one["what"]) for one in first["steps"]]  # type: ignore[attr-defined]
    names = [name for name, _ in steps]
    published = ["image web", "assets", "archive", "chart", "index"]
    assert names[:5] == ["version", "build", "web image", "chart", "stable chart"]
    assert names[5:] == [*published, *published, "receiver"]
    assert steps[3:5] == [("chart", "site-1.0.1-rc.tgz"), ("stable chart", "site-1.0.1.tgz")]
    assert [call.path for call in publisher.services.front["flux"].calls] == ["/hook/abc"]
    for one in publisher.services.front.values():
        one.calls.clear()
    again = done(publisher, "run")
    assert (publisher.project / "out/cache/build.sqlite").stat().st_size > 0
    weights = {one["name"]: one["bytes"] for one in again["steps"]}  # type: ignore[attr-defined]
    assert [name for name in published if weights[name]] == []
    assert publisher.uploaded_bytes() == 0


@pytest.mark.slow
def test_a_candidate_and_its_stable_version_wait_for_one_index(publisher: Publisher) -> None:
    """Nexus rebuilds the index a second after each change, so a request in between would wait twice."""
    done(publisher, "run")
    calls = publisher.services.front["nexus"].calls
    puts = [number for number, call in enumerate(calls) if call.method == "PUT"]
    requests = [number for number, call in enumerate(calls) if call.path.endswith("/index.yaml")]
    assert len(puts) == 2
    assert [one for one in requests if puts[0] < one < puts[-1]] == []
    assert len([one for one in requests if one > puts[-1]]) >= 2  # one for each version


@pytest.mark.slow
@pytest.mark.parametrize("charts", [1, 2])
def test_a_run_that_is_killed_between_two_versions_is_finished_by_another(
    publisher: Publisher, charts: int
) -> None:
    """After the candidate alone, or after both and before the index was read."""
    front, process = publisher.services.front["nexus"], list[int]()

    def after(call: Call) -> bool:
        if call.method == "PUT" and len(front.made("PUT")) == charts:
            os.kill(process[0], signal.SIGKILL)
        return False

    front.calls.clear()
    front.after = after
    run = publisher.start("run", env=MACHINE)
    process.append(run.process.pid or 0)
    assert run.end().code == -signal.SIGKILL
    front.after = None
    assert len(publisher.charts()) == charts
    assert done(publisher, "run")["version"] == "1.0.1-rc"
    assert digests(publisher).keys() == {"1.0.1-rc", "1.0.1"}
    assert {"releases/1.0.1-rc.json", "releases/1.0.1.json"} <= publisher.objects("archive").keys()


@pytest.mark.slow
def test_run_shows_a_table(publisher: Publisher) -> None:
    run = publisher.run("run", env=MACHINE)
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    assert lines[0].startswith("1.0.1-rc  commit ")
    assert lines[-1].startswith("in all")
    assert all(line.endswith(" s") for line in lines[1:])
    assert run.err == ""  # no progress without a terminal


def test_run_refuses_uncommitted_changes(publisher: Publisher) -> None:
    write(publisher.project / POST, post("Not committed."))
    err = refused(publisher, "run")
    assert "and only commits are published; commit, then run it again" in err
    assert not (publisher.project / "out/site.json").exists()  # refused before the build


def test_findings_of_the_build_come_before_those_of_the_api_image(publisher: Publisher) -> None:
    """Both are made at the same time; this site has a login, and no code of an API."""
    file = publisher.project / "site.toml"
    file.write_text(file.read_text().replace("login    = false", "login    = true"))
    commit(publisher, "See [a page](missing.md).")
    git(publisher.project, "commit", "-q", "-am", "Log in", "--allow-empty")
    err = refused(publisher, "run")
    assert "content/posts/" in err
    assert "missing.md" in err
    assert "api/manage.py" not in err
    write(publisher.project / POST, post("No link."))
    git(publisher.project, "commit", "-q", "-am", "Remove the link")
    assert "api/manage.py: error: no such file; restore it from Git" in refused(publisher, "run")


def test_a_version_below_the_newest_is_not_published(publisher: Publisher) -> None:
    """After a forced push, or in a clone that is behind: Flux would never take the version."""
    done(publisher, "run")
    commit(publisher, "The text of another author.")
    commit(publisher, "More text of another author.")
    done(publisher, "run")
    newest = git(publisher.project, "rev-parse", "HEAD").strip()
    git(publisher.project, "reset", "-q", "--hard", "HEAD~2")
    write(publisher.project / POST, post("The text of a clone that is behind."))
    git(publisher.project, "commit", "-q", "-am", "Apart")
    head = git(publisher.project, "rev-parse", "HEAD").strip()
    err = refused(publisher, "run")
    assert f"version 1.0.2-rc: 1.0.3-rc (commit {newest[:12]}) is published, is newer" in err
    assert f"does not contain commit {head[:12]}; run `git pull --rebase`" in err
    file = publisher.project / "site.toml"
    file.write_text(file.read_text().replace('version = "1.0"', 'version = "1.1"'))
    git(publisher.project, "commit", "-q", "-am", "Raise X.Y")
    assert done(publisher, "run")["version"] == "1.1.3-rc"


@pytest.mark.slow
def test_a_superseded_pipeline_succeeds_and_changes_nothing(publisher: Publisher) -> None:
    """The pipeline of the second push was faster, and its commit contains the first one."""
    done(publisher, "run")
    older = commit(publisher, "A text.")
    commit(publisher, "More text.")
    done(publisher, "run")
    git(publisher.project, "checkout", "-q", "--detach", older)
    before = dict(publisher.charts())
    steps = done(publisher, "run")["steps"]
    assert [(one["name"], one["what"]) for one in steps if "superseded" in one["what"]] == [  # type: ignore[attr-defined]
        ("publish", "1.0.2-rc superseded by 1.0.3-rc"), ("publish", "1.0.2 superseded by 1.0.3")
    ]  # fmt: skip
    published = done(publisher, "publish")
    assert (published["superseded"], published["targets"]) == ("1.0.3-rc", [])
    assert "superseded by 1.0.3-rc, which contains this commit" in publisher.run("publish", env=MACHINE).out
    assert done(publisher, "promote", "1.0.2-rc", "--optional")["superseded"] == "1.0.3-rc"
    assert publisher.charts() == before
    assert "has no candidate 1.0.2-rc" in refused(publisher, "promote", "1.0.2-rc")
