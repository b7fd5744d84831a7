"""The archive: every release whole, brought back by its version, and nothing removed that one needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest

from pipelines.archive import prune
from pipelines.archive.record import Record, record_from_bytes
from pipelines.core import config, digests, results
from pipelines.core.context import Deadlines, FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.login import Login
from pipelines.core.progress import NoProgress
from pipelines.core.results import Release
from pipelines.flow.archive import prune_assets
from pipelines.tools import environment
from pipelines.tools.retry import RetryPolicy
from pipelines.tools.s3 import Bucket
from pipelines.tools.s3 import Place as Where
from tests.publish.test_publish import ask
from tests.support.delivery.release import CSS, release
from tests.support.delivery.storage import KEY, REGION, SECRET, SERVERS
from tests.support.delivery.targets import Place, Services, services
from tests.support.project import files_of

VERSION = "1.0.4-rc"


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The servers, with each kind of object storage in turn."""
    with services(tmp_path_factory.mktemp("services"), request.param) as one:
        yield one


def bucket(place: Place, kind: str) -> Bucket:
    where = Where(
        f"{kind} bucket", f"http://{place.services.storage.host}", REGION, f"{place.name}-{kind}", "V"
    )
    return Bucket(where, Login(KEY, SECRET), RetryPolicy(60))


def record_of(place: Place, version: str = VERSION) -> Record:
    return record_from_bytes(place.objects("archive")[f"releases/{version}.json"], version)


def lose(place: Place, key: str) -> None:
    place.services.storage.client().delete_object(Bucket=f"{place.name}-archive", Key=key)


def test_a_record_names_every_part_with_its_sha256(place: Place) -> None:
    assert place.run("publish").code == 0
    stored, found = place.objects("archive"), record_of(place)
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


def test_a_release_comes_back_whole(place: Place) -> None:
    """Its site has the digest of its record, members' pages in it; its images are layouts."""
    assert place.run("publish").code == 0
    before = files_of(place.project / "out/site")
    run = place.run("archive", "restore", VERSION)
    assert (run.code, run.out) == (0, f"out/releases/{VERSION}\n")
    back = place.project / "out/releases" / VERSION
    chart = results.read_chart(place.project / "out/chart.json")
    assert files_of(back / "site") == before
    assert digests.tree_digest(back / "site") == chart.site
    index = json.loads((back / "images/web/index.json").read_text())
    assert index["manifests"][0]["digest"] == chart.web
    assert results.read_chart(back / "chart.json") == chart


def test_a_part_that_is_damaged_is_refused(place: Place) -> None:
    """And what was restored before stays."""
    assert place.run("publish").code == 0
    pages = next(part for part in record_of(place).parts if part.path.startswith("charts/"))
    place.services.storage.client().put_object(
        Bucket=f"{place.name}-archive", Key=pages.key, Body=b"x" * pages.size
    )
    run = place.run("archive", "restore", VERSION)
    assert run.code == 1
    assert f"charts/site-{VERSION}.tgz is damaged" in run.err
    assert not (place.project / "out/releases" / VERSION).exists()
    assert list((place.project / "out/releases").iterdir()) == []


def test_a_rollback_is_told_what_was_rolled_out(place: Place) -> None:
    assert place.run("publish").code == 0
    run = place.run("archive", "fetch", VERSION, "--json")
    chart = results.read_chart(place.project / "out/chart.json")
    assert Release(**run.result) == Release(
        VERSION, chart.commit, chart.web, chart.api, chart.site, chart.asset
    )
    assert results.read_release(place.project / "out/rollback.json") == Release(**run.result)
    twin = place.run("archive", "fetch", "1.0.4")  # which the candidate would have become
    assert twin.code == 0, twin.err


def test_a_version_that_is_not_archived_is_refused(place: Place) -> None:
    assert place.run("publish").code == 0
    run = place.run("archive", "fetch", "1.0.3")
    assert run.code == 1
    assert "has no release 1.0.3; `python -m pipelines archive list` tells which there are" in run.err


def test_a_version_with_lost_parts_is_refused(place: Place) -> None:
    assert place.run("publish").code == 0
    lose(place, next(part.key for part in record_of(place).parts if part.path.startswith("charts/")))
    run = place.run("archive", "fetch", VERSION)
    assert run.code == 1
    assert "is not whole any more, 1 of 17 parts are gone, as charts/site-1.0.4-rc.tgz" in run.err
    assert not (place.project / "out/rollback.json").exists()


@pytest.mark.slow
def test_a_version_whose_image_is_gone_is_refused_until_it_is_brought_back(place: Place) -> None:
    """Registries collect; the archive has every layer."""
    assert place.run("publish").code == 0
    text = (place.project / "site.toml").read_text()
    (place.project / "site.toml").write_text(
        text.replace(f'/{place.name}"\n\n[chart]', f'/{place.name}/new"\n\n[chart]')
    )
    run = place.run("archive", "fetch", VERSION)
    assert run.code == 1
    assert f"bring it back with `python -m pipelines archive restore {VERSION} --push`" in run.err
    assert place.run("archive", "restore", VERSION, "--push").code == 0
    again = place.run("archive", "fetch", VERSION)
    assert again.code == 0, again.err
    assert ask(place, f"new/web/manifests/{VERSION}").status_code == 200


@pytest.mark.slow
def test_releases_are_listed_the_newest_first(place: Place) -> None:
    for number in (4, 5):
        release(place.project, version=f"1.0.{number}-rc", time=1_775_000_000 + number)
        assert place.run("publish").code == 0
    run = place.run("archive", "list")
    assert [line.split()[0] for line in run.out.splitlines()] == ["1.0.5-rc", "1.0.4-rc"]
    told = place.run("archive", "list", "--json").result
    assert told == [json.loads(place.objects("archive")[f"releases/1.0.{one}-rc.json"]) for one in (5, 4)]


def test_archiving_by_itself_puts_what_publishing_would(place: Place) -> None:
    assert place.run("publish").code == 0
    run = place.run("archive")
    assert (run.code, run.out) == (0, "")
    lose(place, record_of(place).parts[0].key)
    run = place.run("archive", "--json")
    assert run.result == {"sent": [record_of(place).parts[0].key]}


@pytest.mark.slow
def test_only_what_no_kept_release_needs_is_removed(place: Place) -> None:
    """A candidate and what it became count once; a day passes before anything goes."""
    old = "assets/old.11111111.css"
    release(place.project, files={f"public/{old}": "i { color: red }"})
    assert place.run("publish").code == 0
    release(place.project, version="1.0.5-rc", time=1_775_000_900)
    assert place.run("publish").code == 0
    assets, archive = bucket(place, "assets"), bucket(place, "archive")
    now, later = datetime.now(UTC), datetime.now(UTC) + timedelta(days=2)
    assert prune.unused_assets(assets, archive, 1, now) == []
    assert prune.unused_assets(assets, archive, 2, later) == []
    assert prune.unused_assets(assets, archive, 1, later) == [old]
    run = place.run("archive", "prune", "--delete", "--json")
    assert (run.code, run.result) == (0, {"deleted": []})
    assert old in place.objects("assets")
    site = config.load_config(place.project)
    credentials = environment.credentials_from(place.environment(), site.registry, site.chart.repository)
    one = replace(site, buckets=replace(site.buckets, keep=1))
    context = FlowContext(place.project, one, credentials, Deadlines(60), monotonic, print, NoProgress())
    for delete in (False, True):
        there = set(place.objects("assets"))
        assert prune_assets(context, later, delete=delete) == [old]
    assert set(place.objects("assets")) == there - {old}
    assert place.run("publish").code == 0  # of the release that stays: nothing is missing


def test_nothing_is_removed_where_nothing_is_archived(place: Place) -> None:
    place.services.storage.client().put_object(
        Bucket=f"{place.name}-assets", Key="assets/a.11111111.css", Body=b""
    )
    run = place.run("archive", "prune", "--delete")
    assert run.code == 1
    assert "has no release; publish one first" in run.err


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "images/../../x"])
def test_a_record_that_leads_out_of_its_folder_is_refused(path: str, tmp_path: Path) -> None:
    """Whoever can write the bucket must not write this machine."""
    part = {"path": path, "sha256": "0" * 64, "size": 1}
    whole = {"version": "1.0.4", "kind": "stable", "commit": "1" * 40, "time": 0, "chart": "", "assets": []}
    rolled = {"version": "1.0.4", "commit": "", "web": "", "api": "", "site": "", "asset": ""}
    data = json.dumps({**whole, "release": rolled, "parts": [part]}).encode()
    with pytest.raises(PipelineError, match="is no record of that release"):
        record_from_bytes(data, "1.0.4")
