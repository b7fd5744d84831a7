"""Tests of the uploads: all of them, in order, and only those that are missing."""

from __future__ import annotations

import re
import subprocess

import pytest

from pipelines.core import results
from tests.support.delivery.published import (
    KEYS,
    VERSION,
    digests,
    read_result,
    registry_get,
    targets,
)
from tests.support.delivery.release import chart, release
from tests.support.delivery.storage import SERVERS
from tests.support.delivery.targets import Publisher

pytestmark = pytest.mark.parametrize("servers", SERVERS, indirect=True, scope="module")


def test_publish_uploads_every_part(publisher: Publisher) -> None:
    run = publisher.run("publish")
    assert (run.code, run.err) == (0, "")
    images = results.read_chart(publisher.project / "out/chart.json")
    for name, digest in (("web", images.web), ("api", images.api)):
        assert (
            registry_get(publisher, f"{name}/manifests/{VERSION}").headers["Docker-Content-Digest"] == digest
        )
    assert len(digests(publisher, "web")) == 5
    assert sorted(publisher.objects("assets")) == KEYS
    assert list(publisher.charts()) == [f"site-{VERSION}.tgz"]
    assert f"releases/{VERSION}.json" in publisher.objects("archive")
    assert len(publisher.services.flux.requests) == 1
    assert re.search(r"^assets +3 sent +0 there +\d+ B +\d+\.\d\d s", run.out, re.M)


def test_uploads_follow_the_order_of_dependencies(publisher: Publisher) -> None:
    """What the chart refers to comes before the chart, and the chart before the notification of Flux."""
    publisher.run("publish")
    front = publisher.services.front
    assert [target.name for target in read_result(publisher).targets] == [
        *("image web", "image api", "assets", "archive", "chart", "index", "receiver"),
    ]
    times = {name: [call.at for call in one.calls if call.method == "PUT"] for name, one in front.items()}
    assert max(times["registry"]) < min(times["storage"])
    assert max(times["storage"]) < min(times["nexus"])
    assert max(times["nexus"]) < front["flux"].calls[0].at
    manifests = [call.path for call in front["registry"].calls if call.method == "PUT"]
    assert manifests[-1] == f"/v2/{publisher.name}/api/manifests/{VERSION}"  # the tag, after its blobs
    stored = [call.path for call in front["storage"].calls if call.method == "PUT"]
    assert stored[-1] == f"/{publisher.name}-archive/releases/{VERSION}.json"  # the record, after its parts


def test_a_second_publish_uploads_nothing(publisher: Publisher) -> None:
    first = publisher.run("publish")
    assert first.code == 0, first.err
    for one in publisher.services.front.values():
        one.calls.clear()
    second = publisher.run("publish", "--json")
    assert second.code == 0, second.err
    assert publisher.uploaded_bytes() == 0
    assert sum(one["bytes"] for one in second.result["targets"]) == 0
    assert {call.method for call in publisher.calls() if "/hook/" not in call.path} == {"GET", "HEAD"}


def test_a_changed_page_uploads_its_layer_and_what_refers_to_it(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    release(publisher.project, version="1.0.5-rc", files={"public/index.html": "<p>Changed.</p>"})
    before = results.read_image(publisher.project / "out/image-web.json")
    run = publisher.run("publish")
    assert run.code == 0, run.err
    sent = {name: one.sent for name, one in targets(read_result(publisher)).items()}
    pages = next(one.digest for one in before.layers if one.name == "pages")
    assert len(sent["image web"]) == 3  # the pages, the configuration that lists them, the tag
    assert pages in sent["image web"]
    assert sent["image api"] == ("1.0.5-rc",)
    assert sent["assets"] == ()
    # Pages, configuration, manifest; the record of the image; version, chart and its record; the release.
    assert len(sent["archive"]) == 8


def test_the_reported_bytes_are_those_of_the_requests(publisher: Publisher) -> None:
    run = publisher.run("publish", "--json")
    assert sum(one["bytes"] for one in run.result["targets"]) == publisher.uploaded_bytes()


def test_assets_have_the_headers_that_nginx_serves(publisher: Publisher) -> None:
    """Uncompressed (pods request identity), immutable, with the media type of the web image."""
    publisher.run("publish")
    client = publisher.services.storage.client()
    heads = {key: client.head_object(Bucket=f"{publisher.name}-assets", Key=key) for key in KEYS}
    assert {head["CacheControl"] for head in heads.values()} == {"public, max-age=31536000, immutable"}
    assert [heads[key]["ContentType"] for key in KEYS] == [
        *("image/svg+xml; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"),
    ]
    assert not any(head.get("ContentEncoding") for head in heads.values())


def test_previews_go_to_a_repository_of_their_own_and_into_no_bucket(publisher: Publisher) -> None:
    """A merge request is not public, and no rollback leads to it."""
    host = publisher.services.front["nexus"].host
    publisher.write(
        repository=f"http://{host}/repository/charts", previews=f"http://{host}/repository/{publisher.name}"
    )
    release(publisher.project, version="0.0.0-mr.9.31", kind="preview")
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert list(publisher.charts()) == ["site-0.0.0-mr.9.31.tgz"]
    assert (publisher.objects("assets"), publisher.objects("archive"), publisher.services.flux.requests) == (
        {},
        {},
        [],
    )


def test_buckets_are_optional(publisher: Publisher) -> None:
    publisher.write(assets="", archive="")
    run = publisher.run("publish", env={"SITE_ASSETS_KEY": None, "SITE_ASSETS_SECRET": None})
    assert run.code == 0, run.err
    assert (publisher.services.front["storage"].calls, len(publisher.charts())) == ([], 1)


def test_a_promoted_release_takes_the_images_of_its_candidate(publisher: Publisher) -> None:
    """The job that publishes it has the chart and no image."""
    assert publisher.run("publish").code == 0
    out = publisher.project / "out"
    found = results.read_chart(out / "chart.json")
    for name in ("images", "site", "site.json", "image-web.json", "image-api.json"):
        path = out / name
        subprocess.run(["rm", "-r", path], check=True)
    version = results.VersionResult("1.0.4", "stable", found.commit, 1_775_000_000, False, "")
    results.write(out / "version.json", version)
    chart(out, "1.0.4", found.commit, found.web, found.api, found.site)
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert registry_get(publisher, "web/manifests/1.0.4").headers["Docker-Content-Digest"] == found.web
    sent = {name: one.sent for name, one in targets(read_result(publisher)).items()}
    assert (sent["image web"], sent["assets"]) == (("1.0.4",), ())
    records = {key for key in publisher.objects("archive") if key.startswith("releases/")}
    assert records == {"releases/1.0.4-rc.json", "releases/1.0.4.json"}
    assert publisher.run("archive", "restore", "1.0.4").code == 0


def test_a_rollback_uploads_removed_assets_again(publisher: Publisher) -> None:
    """Cleanup may have removed them from the bucket; the archived layers contain them."""
    assert publisher.run("publish").code == 0
    client = publisher.services.storage.client()
    before = publisher.objects("assets")
    client.delete_object(Bucket=f"{publisher.name}-assets", Key=KEYS[0])
    out = publisher.project / "out"
    found = results.read_chart(out / "chart.json")
    subprocess.run(["rm", "-r", out / "images", out / "site", out / "image-web.json"], check=True)
    (out / "image-api.json").unlink()
    version = results.VersionResult("1.0.9-rc", "candidate", "2" * 40, 1_775_000_900, False, VERSION)
    results.write(out / "version.json", version)
    chart(out, "1.0.9-rc", "2" * 40, found.web, found.api, found.site)
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert publisher.objects("assets") == before
    assert targets(read_result(publisher))["assets"].sent == (KEYS[0],)
