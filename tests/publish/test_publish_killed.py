"""Tests of publishers that are killed after any request, and of two at once: the next run completes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
from pathlib import Path
from threading import Event

import pytest

from pipelines.core import results
from tests.fakes.proxy import Call, Rule
from tests.support.delivery.published import registry_get
from tests.support.delivery.release import release
from tests.support.delivery.targets import Publisher, Run, Services

VERSION = "1.0.4-rc"
PARTS = 6  # parallel parts of the loop over the requests


def killed_after(publisher: Publisher, number: int) -> Run:
    """Start a publisher, and kill it after *number* requests; the last response is lost."""
    ready, done = Event(), list[Call]()
    process: list[int] = []

    def after(call: Call) -> bool:
        with front["flux"].lock:
            done.append(call)
            if len(done) != number:
                return len(done) > number
            ready.wait(30)
            os.kill(process[0], signal.SIGKILL)
            return True

    front = publisher.services.front
    for one in front.values():
        one.after = after
    run = publisher.start("publish")
    assert run.process.pid
    process.append(run.process.pid)
    ready.set()
    run.end()
    for one in front.values():
        one.after = None
    return run


def assert_consistent(publisher: Publisher) -> None:
    """Assert that every reference names an existing object."""
    archive, version = publisher.objects("archive"), VERSION
    record = archive.get(f"releases/{version}.json")
    wrong = [
        key for key, data in archive.items()
        if key.startswith("blobs/") and hashlib.sha256(data).hexdigest() != key.rpartition("/")[2]
    ]  # fmt: skip
    assert wrong == []
    web = results.read_chart(publisher.project / "out/chart.json").web
    tagged = registry_get(publisher, f"web/manifests/{version}")
    if tagged.status_code == 200:
        assert tagged.headers["Docker-Content-Digest"] == web
        manifest = tagged.json()
        blobs = [manifest["config"]["digest"], *(one["digest"] for one in manifest["layers"])]
        assert [registry_get(publisher, f"web/blobs/{one}").status_code for one in blobs] == [200] * len(
            blobs
        )
    if record:
        parsed = json.loads(record)
        assert tagged.status_code == 200
        assert [
            one["path"] for one in parsed["parts"] if f"blobs/sha256/{one['sha256']}" not in archive
        ] == []
        assert [key for key in parsed["assets"] if key not in publisher.objects("assets")] == []
    if publisher.charts():
        assert record, "the chart is published, and the release is not archived"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_after_any_request_leaves_a_consistent_state(
    servers: Services, tmp_path: Path, part: int
) -> None:
    """kill -9 after the server has handled a request, before the response; then a second run."""
    project = tmp_path / "project"
    project.mkdir()
    release(project, login=False)
    whole = servers.publisher(project)
    assert whole.run("publish").code == 0
    total, charts = len(whole.calls()), whole.charts()
    assert total > 40
    for number in range(1 + part, total + 1, PARTS):
        publisher = servers.publisher(project)
        assert killed_after(publisher, number).code == -signal.SIGKILL, number
        assert_consistent(publisher)
        second = publisher.run("publish")
        assert second.code == 0, (number, second.err)
        assert_consistent(publisher)
        assert publisher.charts() == charts
        assert publisher.objects("assets") == whole.objects("assets")
        assert publisher.objects("archive") == whole.objects("archive")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("name", "method"), [("registry", "PATCH"), ("storage", "PUT"), ("nexus", "PUT")])
def test_a_kill_within_a_body_leaves_a_consistent_state(publisher: Publisher, name: str, method: str) -> None:
    """A partial layer, object or chart is not stored."""
    release(publisher.project, login=False, heavy=400_000)
    front = publisher.services.front[name]
    front.rules.append(Rule(method, cut=100))
    ready, process = Event(), list[int]()

    def after(call: Call) -> bool:
        if call.status == 0:
            ready.wait(30)
            os.kill(process[0], signal.SIGKILL)
        return False

    front.after = after
    run = publisher.start("publish")
    assert run.process.pid
    process.append(run.process.pid)
    ready.set()
    assert run.end().code == -signal.SIGKILL
    front.after = None
    assert_consistent(publisher)
    assert publisher.charts() == {}
    second = publisher.run("publish")
    assert second.code == 0, second.err
    assert_consistent(publisher)
    assert len(publisher.charts()) == 1


def copy_of(publisher: Publisher, tmp_path: Path) -> Publisher:
    """Return a publisher of a copied project to the same targets."""
    project = tmp_path / "other"
    shutil.copytree(publisher.project, project)
    return Publisher(publisher.services, project, publisher.name)


def test_two_at_once_with_the_same_release_both_succeed(publisher: Publisher, tmp_path: Path) -> None:
    other = copy_of(publisher, tmp_path)
    runs = [publisher.start("publish"), other.start("publish")]
    assert [run.end().code for run in runs] == [0, 0], [run.err for run in runs]
    assert_consistent(publisher)
    assert len(publisher.charts()) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("archive", [True, False])
def test_of_two_at_once_with_other_bytes_one_is_refused(
    publisher: Publisher, tmp_path: Path, archive: bool
) -> None:
    """The chart repository decides: images, record and chart are of one publisher in the end."""
    other = copy_of(publisher, tmp_path)
    release(other.project, files={"public/index.html": "<p>Other.</p>"})
    if not archive:
        publisher.write(archive="")
        other.write(archive="")
    runs = [publisher.start("publish"), other.start("publish")]
    codes = [run.end().code for run in runs]
    assert sorted(codes) == [0, 1], [run.err for run in runs]
    winner, loser = (publisher, runs[1]) if codes[0] == 0 else (other, runs[0])
    assert "a version is never" in loser.err
    chart = results.read_chart(winner.project / "out/chart.json")
    (data,) = publisher.charts().values()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == chart.digest
    assert winner.run("publish").code == 0
    assert registry_get(publisher, f"web/manifests/{VERSION}").headers["Docker-Content-Digest"] == chart.web
    if archive:
        assert_consistent(winner)
