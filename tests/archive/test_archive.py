"""Tests of the archive: releases are stored complete, restored by version, and pruned."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from pipelines.archive import prune
from pipelines.archive.record import Record, record_from_bytes
from pipelines.core import config, digests, results
from pipelines.core.context import Deadlines, FlowContext
from pipelines.core.credentials import Login
from pipelines.core.errors import PipelineError
from pipelines.core.progress import NoProgress
from pipelines.core.results import Release
from pipelines.flow.archive import prune_assets
from pipelines.tools import environment
from pipelines.tools.retry import RetryPolicy
from pipelines.tools.s3 import Bucket, BucketLocation
from tests.support.delivery.published import registry_get
from tests.support.delivery.release import CSS, release
from tests.support.delivery.storage import KEY, REGION, SECRET, SERVERS
from tests.support.delivery.targets import Publisher, Services
from tests.support.project import files_of

VERSION = "1.0.4-rc"


@pytest.fixture(scope="module", params=SERVERS)
def servers(request: pytest.FixtureRequest, start_services: Callable[[str], Services]) -> Services:
    """The servers, with each kind of object storage in turn."""
    return start_services(request.param)


def bucket(publisher: Publisher, kind: str) -> Bucket:
    where = BucketLocation(
        f"{kind} bucket", f"http://{publisher.services.storage.host}", REGION, f"{publisher.name}-{kind}", "V"
    )
    return Bucket(where, Login(KEY, SECRET), RetryPolicy(60))


def record_of(publisher: Publisher, version: str = VERSION) -> Record:
    return record_from_bytes(publisher.objects("archive")[f"releases/{version}.json"], version)


def delete_object(publisher: Publisher, key: str) -> None:
    publisher.services.storage.client().delete_object(Bucket=f"{publisher.name}-archive", Key=key)


def test_a_record_names_every_part_with_its_sha256(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    stored, found = publisher.objects("archive"), record_of(publisher)
    assert [hashlib.sha256(stored[part.key]).hexdigest() for part in found.parts] == [
        part.sha256 for part in found.parts
    ]
    names = [part.path for part in found.parts if "/blobs/" not in part.path]
    assert names == [
        *("chart.json", f"charts/site-{VERSION}.tgz", "image-api.json", "image-web.json"),
        *("images/api.cdx.json", "images/web.cdx.json", "version.json"),
    ]
    assert len(found.image("web")) == 6  # manifest, configuration, four layers
    assert CSS.removeprefix("/") in found.assets


def test_a_release_is_restored_completely(publisher: Publisher) -> None:
    """Its site has the digest of its record, members' pages in it; its images are layouts."""
    assert publisher.run("publish").code == 0
    before = files_of(publisher.project / "out/site")
    run = publisher.run("archive", "restore", VERSION)
    assert (run.code, run.out) == (0, f"out/releases/{VERSION}\n")
    back = publisher.project / "out/releases" / VERSION
    chart = results.read_chart(publisher.project / "out/chart.json")
    assert files_of(back / "site") == before
    assert digests.tree_digest(back / "site") == chart.site
    index = json.loads((back / "images/web/index.json").read_text())
    assert index["manifests"][0]["digest"] == chart.web
    assert results.read_chart(back / "chart.json") == chart


def test_a_part_that_is_damaged_is_refused(publisher: Publisher) -> None:
    """The files of an earlier restore are kept."""
    assert publisher.run("publish").code == 0
    pages = next(part for part in record_of(publisher).parts if part.path.startswith("charts/"))
    publisher.services.storage.client().put_object(
        Bucket=f"{publisher.name}-archive", Key=pages.key, Body=b"x" * pages.size
    )
    run = publisher.run("archive", "restore", VERSION)
    assert run.code == 1
    assert f"charts/site-{VERSION}.tgz is damaged" in run.err
    assert not (publisher.project / "out/releases" / VERSION).exists()
    assert list((publisher.project / "out/releases").iterdir()) == []


def test_a_rollback_gets_the_digests_of_the_release(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    run = publisher.run("archive", "fetch", VERSION, "--json")
    chart = results.read_chart(publisher.project / "out/chart.json")
    assert Release(**run.result) == Release(
        VERSION, chart.commit, chart.web, chart.api, chart.site, chart.asset
    )
    assert results.read_release(publisher.project / "out/rollback.json") == Release(**run.result)
    twin = publisher.run("archive", "fetch", "1.0.4")  # which the candidate would have become
    assert twin.code == 0, twin.err


def test_a_version_that_is_not_archived_is_refused(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    run = publisher.run("archive", "fetch", "1.0.3")
    assert run.code == 1
    assert "has no release 1.0.3; run `python -m pipelines archive list` to see what it has" in run.err


def test_a_version_with_missing_parts_is_refused(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    delete_object(
        publisher, next(part.key for part in record_of(publisher).parts if part.path.startswith("charts/"))
    )
    run = publisher.run("archive", "fetch", VERSION)
    assert run.code == 1
    assert "is incomplete, 1 of 17 parts are missing, as charts/site-1.0.4-rc.tgz" in run.err
    assert not (publisher.project / "out/rollback.json").exists()


@pytest.mark.slow
def test_a_version_without_its_image_is_refused_until_it_is_restored(publisher: Publisher) -> None:
    """Registries collect garbage; the archive has every layer."""
    assert publisher.run("publish").code == 0
    text = (publisher.project / "site.toml").read_text()
    (publisher.project / "site.toml").write_text(
        text.replace(f'/{publisher.name}"\n\n[chart]', f'/{publisher.name}/new"\n\n[chart]')
    )
    run = publisher.run("archive", "fetch", VERSION)
    assert run.code == 1
    assert f"restore it with `python -m pipelines archive restore {VERSION} --push`" in run.err
    assert publisher.run("archive", "restore", VERSION, "--push").code == 0
    again = publisher.run("archive", "fetch", VERSION)
    assert again.code == 0, again.err
    assert registry_get(publisher, f"new/web/manifests/{VERSION}").status_code == 200


@pytest.mark.slow
def test_releases_are_listed_the_newest_first(publisher: Publisher) -> None:
    for number in (4, 5):
        release(publisher.project, version=f"1.0.{number}-rc", time=1_775_000_000 + number)
        assert publisher.run("publish").code == 0
    run = publisher.run("archive", "list")
    assert [line.split()[0] for line in run.out.splitlines()] == ["1.0.5-rc", "1.0.4-rc"]
    listed = publisher.run("archive", "list", "--json").result
    assert listed == [
        json.loads(publisher.objects("archive")[f"releases/1.0.{one}-rc.json"]) for one in (5, 4)
    ]


def test_archive_uploads_the_same_objects_as_publish(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    run = publisher.run("archive")
    assert (run.code, run.out) == (0, "")
    delete_object(publisher, record_of(publisher).parts[0].key)
    run = publisher.run("archive", "--json")
    assert run.result == {"sent": [record_of(publisher).parts[0].key]}


@pytest.mark.slow
def test_only_unreferenced_objects_are_removed(publisher: Publisher) -> None:
    """A candidate and its stable version count once; objects are kept for at least a day."""
    old = "assets/old.11111111.css"
    release(publisher.project, files={f"public/{old}": "i { color: red }"})
    assert publisher.run("publish").code == 0
    release(publisher.project, version="1.0.5-rc", time=1_775_000_900)
    assert publisher.run("publish").code == 0
    assets, archive = bucket(publisher, "assets"), bucket(publisher, "archive")
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=2)
    assert prune.unused_assets(assets, archive, 1, now) == []
    assert prune.unused_assets(assets, archive, 2, later) == []
    assert prune.unused_assets(assets, archive, 1, later) == [old]
    run = publisher.run("archive", "prune", "--delete", "--json")
    assert (run.code, run.result) == (0, {"deleted": []})
    assert old in publisher.objects("assets")
    site = config.load_config(publisher.project)
    credentials = environment.credentials_from(publisher.environment(), site.registry, site.chart.repository)
    one = replace(site, buckets=replace(site.buckets, keep=1))
    context = FlowContext(publisher.project, one, credentials, Deadlines(60), monotonic, print, NoProgress())
    for delete in (False, True):
        there = set(publisher.objects("assets"))
        assert prune_assets(context, later, delete=delete) == [old]
    assert set(publisher.objects("assets")) == there - {old}
    assert publisher.run("publish").code == 0  # of the release that stays: nothing is missing


def test_an_empty_archive_removes_nothing(publisher: Publisher) -> None:
    publisher.services.storage.client().put_object(
        Bucket=f"{publisher.name}-assets", Key="assets/a.11111111.css", Body=b""
    )
    run = publisher.run("archive", "prune", "--delete")
    assert run.code == 1
    assert "has no release; publish one first" in run.err


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "images/../../x"])
def test_a_record_with_paths_outside_its_directory_is_refused(path: str, tmp_path: Path) -> None:
    """Write access to the bucket must not give write access to the machine."""
    part = {"path": path, "sha256": "0" * 64, "size": 1}
    whole = {"version": "1.0.4", "kind": "stable", "commit": "1" * 40, "time": 0, "chart": "", "assets": []}
    rolled = {"version": "1.0.4", "commit": "", "web": "", "api": "", "site": "", "asset": ""}
    data = json.dumps({**whole, "release": rolled, "parts": [part]}).encode()
    with pytest.raises(PipelineError, match="is not the record of that release"):
        record_from_bytes(data, "1.0.4")
