"""Tests of releases that publishing refuses."""

from __future__ import annotations

import pytest

from pipelines.core import results
from tests.support.delivery.published import (
    KEYS,
    VERSION,
    registry_get,
)
from tests.support.delivery.release import chart, release
from tests.support.delivery.storage import SERVERS
from tests.support.delivery.targets import Publisher

pytestmark = pytest.mark.parametrize("servers", SERVERS, indirect=True, scope="module")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"dirty": True}, "the tree is not that of commit 111111111111"),
        ({"drafts": True}, "contains drafts"),
    ],
)
def test_dirty_trees_and_drafts_are_refused(
    publisher: Publisher, options: dict[str, bool], fault: str
) -> None:
    release(publisher.project, **options)  # type: ignore[arg-type]
    run = publisher.run("publish")
    assert (run.code, publisher.calls()) == (1, [])
    assert fault in run.err


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("out/site/public/index.html", "out/site: is not the site of the web image"),
        (f"out/charts/site-{VERSION}.tgz", "does not have the digest in out/chart.json"),
        ("out/images/web.cdx.json", "is not the SBOM of the image"),
    ],
)
def test_mixed_parts_are_refused(publisher: Publisher, name: str, fault: str) -> None:
    (publisher.project / name).write_text("something else")
    run = publisher.run("publish")
    assert run.code == 1
    assert fault in run.err
    assert publisher.charts() == {}


def test_an_image_of_another_build_is_refused(publisher: Publisher) -> None:
    """The chart must contain the digests of the pushed images."""
    out = publisher.project / "out"
    fresh = results.read_chart(out / "chart.json")
    chart(out, VERSION, fresh.commit, f"sha256:{'0' * 64}", fresh.api, fresh.site)
    run = publisher.run("publish")
    assert (run.code, publisher.calls()) == (1, [])
    assert "out/images/web: is not the image of the chart" in run.err


def test_another_release_under_the_same_version_is_refused_before_anything_is_sent(
    publisher: Publisher,
) -> None:
    assert publisher.run("publish").code == 0
    before = {**publisher.charts()}, publisher.objects("assets"), publisher.objects("archive")
    release(publisher.project, files={"public/assets/new.12121212.css": "b { color: red }"})
    for one in publisher.services.front.values():
        one.calls.clear()
    run = publisher.run("publish")
    assert (run.code, publisher.uploaded_bytes()) == (1, 0)
    assert f"has chart site {VERSION} as sha256:" in run.err
    assert "commit, which makes a new one" in run.err
    assert ({**publisher.charts()}, publisher.objects("assets"), publisher.objects("archive")) == before


def test_another_image_under_the_tag_is_refused(publisher: Publisher) -> None:
    """The tag exists without the chart after another run was killed."""
    assert publisher.run("publish").code == 0
    publisher.charts().clear()
    for key in publisher.objects("archive"):
        publisher.services.storage.client().delete_object(Bucket=f"{publisher.name}-archive", Key=key)
    before = registry_get(publisher, f"web/manifests/{VERSION}").content
    release(publisher.project, files={"public/index.html": "<p>Other.</p>"})
    run = publisher.run("publish")
    assert run.code == 1
    assert f"{publisher.name}/web:{VERSION}: is sha256:" in run.err
    assert (publisher.charts(), registry_get(publisher, f"web/manifests/{VERSION}").content) == ({}, before)


def test_another_asset_under_a_hashed_name_is_refused(publisher: Publisher) -> None:
    client = publisher.services.storage.client()
    client.put_object(Bucket=f"{publisher.name}-assets", Key=KEYS[2], Body=b"other")
    run = publisher.run("publish")
    assert run.code == 1
    assert f"has another file as {KEYS[2]}" in run.err
    assert (publisher.charts(), publisher.objects("assets")[KEYS[2]]) == ({}, b"other")


def test_one_bucket_for_both_is_refused(publisher: Publisher) -> None:
    """The archive contains members' pages, and the asset bucket is public."""
    publisher.write(assets=f"{publisher.name}-archive")
    run = publisher.run("publish")
    assert (run.code, publisher.calls()) == (1, [])
    assert "are one bucket" in run.err
