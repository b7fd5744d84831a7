"""Publishing: in order, only what is missing, nothing over something else, nothing of members in public."""

from __future__ import annotations

import base64
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest

from pipelines.core import results
from pipelines.core.results import PublishResult, TargetResult
from pipelines.publish import content_types
from pipelines.tools import signing
from tests.support.delivery.helm import Helm
from tests.support.delivery.release import CANARY, chart, release
from tests.support.delivery.storage import SECRET, SERVERS
from tests.support.delivery.targets import TOKEN, Publisher, Services, services
from tests.support.project import ROOT
from tests.support.registry import LOGIN
from tests.support.tools import need

KEYS = ["assets/icon.0a1b2c3d.svg", "assets/login.99887766.js", "assets/site.3fa9c1d0.css"]
VERSION = "1.0.4-rc"


@pytest.fixture(scope="module", params=SERVERS)
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """The servers, with each kind of object storage in turn."""
    with services(tmp_path_factory.mktemp("services"), request.param) as one:
        yield one


def ask(publisher: Publisher, path: str, *, login: bool = True) -> httpx.Response:
    """Ask the registry itself."""
    registry = publisher.services.registry
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    url = f"https://{registry.host}/v2/{publisher.name}/{path}"
    with httpx.Client(verify=trust(registry.authority), trust_env=False) as client:
        return client.get(url, auth=LOGIN if login else None, headers=accept)


def oci() -> dict[str, str]:
    """Return what a pipeline needs besides, whose charts go to the registry: its login, and a key."""
    key = {"SITE_SIGNING_KEY": signing.generate_key().pem().decode()}
    return {"SITE_CHARTS_USER": LOGIN[0], "SITE_CHARTS_PASSWORD": LOGIN[1], **key}


@cache
def trust(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def digests(publisher: Publisher, name: str) -> list[str]:
    """Return the blobs of an image in the registry, configuration first, each of which is there."""
    manifest = ask(publisher, f"{name}/manifests/{VERSION}").json()
    found = [row["digest"] for row in (manifest["config"], *manifest["layers"])]
    assert [ask(publisher, f"{name}/blobs/{one}").status_code for one in found] == [200] * len(found)
    return found


def targets(run: PublishResult) -> dict[str, TargetResult]:
    return {one.name: one for one in run.targets}


def read(publisher: Publisher) -> PublishResult:
    data = json.loads((publisher.project / "out/publish.json").read_text())
    data["targets"] = tuple(TargetResult(**{**one, "sent": tuple(one["sent"])}) for one in data["targets"])
    return PublishResult(**{**data, "warnings": tuple(data["warnings"])})


def test_everything_arrives(publisher: Publisher) -> None:
    run = publisher.run("publish")
    assert (run.code, run.err) == (0, "")
    images = results.read_chart(publisher.project / "out/chart.json")
    for name, digest in (("web", images.web), ("api", images.api)):
        assert ask(publisher, f"{name}/manifests/{VERSION}").headers["Docker-Content-Digest"] == digest
    assert len(digests(publisher, "web")) == 5
    assert sorted(publisher.objects("assets")) == KEYS
    assert list(publisher.charts()) == [f"site-{VERSION}.tgz"]
    assert f"releases/{VERSION}.json" in publisher.objects("archive")
    assert len(publisher.services.flux.asked) == 1
    assert re.search(r"^assets +3 sent +0 there +\d+ B +\d+\.\d\d s", run.out, re.M)


def test_things_are_sent_in_the_order_in_which_they_are_needed(publisher: Publisher) -> None:
    """Whoever finds the chart finds what it refers to; whoever is told finds the chart."""
    publisher.run("publish")
    front = publisher.services.front
    assert [target.name for target in read(publisher).targets] == [
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


def test_no_change_moves_no_blob(publisher: Publisher) -> None:
    first = publisher.run("publish")
    assert first.code == 0, first.err
    for one in publisher.services.front.values():
        one.calls.clear()
    second = publisher.run("publish", "--json")
    assert second.code == 0, second.err
    assert publisher.uploaded_bytes() == 0
    assert sum(one["bytes"] for one in second.result["targets"]) == 0
    assert {call.method for call in publisher.calls() if "/hook/" not in call.path} == {"GET", "HEAD"}


def test_a_changed_page_moves_the_pages_and_what_names_them(publisher: Publisher) -> None:
    assert publisher.run("publish").code == 0
    release(publisher.project, version="1.0.5-rc", files={"public/index.html": "<p>Changed.</p>"})
    before = results.read_image(publisher.project / "out/image-web.json")
    run = publisher.run("publish")
    assert run.code == 0, run.err
    sent = {name: one.sent for name, one in targets(read(publisher)).items()}
    pages = next(one.digest for one in before.layers if one.name == "pages")
    assert len(sent["image web"]) == 3  # the pages, the configuration that lists them, the tag
    assert pages in sent["image web"]
    assert sent["image api"] == ("1.0.5-rc",)
    assert sent["assets"] == ()
    # Pages, configuration, manifest; the record of the image; version, chart and its record; the release.
    assert len(sent["archive"]) == 8


def test_what_was_counted_is_what_went_over_the_wire(publisher: Publisher) -> None:
    run = publisher.run("publish", "--json")
    assert sum(one["bytes"] for one in run.result["targets"]) == publisher.uploaded_bytes()


def test_assets_are_sent_as_nginx_asks_for_them(publisher: Publisher) -> None:
    """Plain files alone (a pod asks with Accept-Encoding: identity), for ever, with the type of the image."""
    publisher.run("publish")
    client = publisher.services.storage.client()
    heads = {key: client.head_object(Bucket=f"{publisher.name}-assets", Key=key) for key in KEYS}
    assert {head["CacheControl"] for head in heads.values()} == {"public, max-age=31536000, immutable"}
    assert [heads[key]["ContentType"] for key in KEYS] == [
        *("image/svg+xml; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8"),
    ]
    assert not any(head.get("ContentEncoding") for head in heads.values())


def test_types_are_those_of_the_web_image() -> None:
    """A file must be the same whether a pod or the bucket answers."""
    text = (ROOT / "images/web/nginx/http/types.conf").read_text()
    rows = re.findall(r'^\s+"([^"]+)"\s+([a-z0-9 ]+);', text, re.M)
    assert {ending: kind for kind, endings in rows for ending in endings.split()} == content_types.MEDIA_TYPES


def test_nothing_of_members_is_where_strangers_read(publisher: Publisher) -> None:
    """Their pages are in the image and in the archive, which both want a login."""
    publisher.run("publish")
    public = {**publisher.objects("assets"), **publisher.charts()}
    assert [name for name, data in public.items() if CANARY.encode() in data or "plan." in name] == []
    paths = [
        f"web/manifests/{VERSION}",
        *(f"web/blobs/{one}" for one in digests(publisher, "web")),
        "web/tags/list",
    ]
    assert [ask(publisher, path, login=False).status_code for path in paths] == [401] * len(paths)
    storage = publisher.services.storage
    if storage.name == "versitygw":  # moto asks nobody who he is
        for key in publisher.objects("archive"):
            answer = httpx.get(f"http://{storage.host}/{publisher.name}-archive/{key}", trust_env=False)
            assert answer.status_code == 403
    told = [body.body for body in publisher.services.flux.asked]
    shown = (publisher.project / "out/publish.json").read_bytes()
    assert CANARY.encode() not in b"".join([*told, shown])


def test_no_secret_is_told(publisher: Publisher) -> None:
    """Not in what is printed, kept, or sent to somebody else."""
    publisher.services.front["nexus"].rules.clear()
    run = publisher.run("publish", "--json")
    kept = [path.read_bytes() for path in (publisher.project / "out").rglob("*") if path.is_file()]
    stored = [*publisher.objects("archive").values(), *publisher.objects("assets").values()]
    flux = [one.body + json.dumps(one.headers).encode() for one in publisher.services.flux.asked]
    everything = b"\n".join([run.out.encode(), run.err.encode(), *kept, *stored, *flux])
    writer = publisher.services.nexus.writer[1]
    for secret in (LOGIN[1], SECRET, TOKEN, writer, "/hook/abc"):
        plain = secret.encode()
        if secret != "/hook/abc":
            assert base64.b64encode(plain) not in everything
        assert plain not in b"\n".join([run.out.encode(), run.err.encode(), *kept, *stored])


def test_skopeo_finds_the_same_digest(publisher: Publisher, tmp_path: Path) -> None:
    """Another client's eye: what is there is a whole image, of the digest that the chart carries."""
    publisher.run("publish")
    registry = publisher.services.registry
    auth = {"auths": {registry.host: {"auth": base64.b64encode(":".join(LOGIN).encode()).decode()}}}
    (tmp_path / "auth.json").write_text(json.dumps(auth))
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs/ca.crt").write_bytes(registry.authority.read_bytes())
    words = ["--insecure-policy", "copy", "--preserve-digests", "--src-cert-dir", tmp_path / "certs"]
    source = f"docker://{registry.host}/{publisher.name}/web:{VERSION}"
    target = f"oci:{tmp_path / 'copy'}"
    subprocess.run(
        [need("skopeo"), *map(str, words), "--authfile", tmp_path / "auth.json", source, target],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    index = json.loads((tmp_path / "copy/index.json").read_text())
    assert index["manifests"][0]["digest"] == results.read_chart(publisher.project / "out/chart.json").web


def test_a_file_of_credentials_does_as_well(publisher: Publisher, tmp_path: Path) -> None:
    """What `skopeo login` wrote; a more specific entry wins."""
    host = publisher.services.front["registry"].host
    entries = {host: "nobody:nothing", f"{host}/{publisher.name}": ":".join(LOGIN)}
    auth = {name: {"auth": base64.b64encode(value.encode()).decode()} for name, value in entries.items()}
    (tmp_path / "auth.json").write_text(json.dumps({"auths": auth}))
    lacking = {"SITE_REGISTRY_USER": None, "SITE_REGISTRY_PASSWORD": None}
    run = publisher.run("publish", env={**lacking, "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json")})
    assert run.code == 0, run.err


def test_the_real_helm_pulls_a_chart_from_a_registry(publisher: Publisher, tmp_path: Path) -> None:
    """The chart repository may be the registry: helm fetches the bytes that were packed."""
    host = publisher.services.front["registry"].host
    publisher.write(repository=f"oci://{host}/{publisher.name}/charts")
    env = oci()
    assert publisher.run("publish", env=env).code == 0
    for one in publisher.services.front.values():
        one.calls.clear()
    assert publisher.run("publish", env=env).code == 0
    assert publisher.uploaded_bytes() == 0
    assert publisher.charts() == {}
    helm = Helm(tmp_path / "helm")
    registry = publisher.services.registry
    words = ("--ca-file", registry.authority, "--username", LOGIN[0], "--password-stdin")
    status, said = helm.run("registry", "login", registry.host, *words, stdin=LOGIN[1])
    assert status == 0, said
    source = f"oci://{registry.host}/{publisher.name}/charts/site"
    status, said = helm.run("pull", source, "--version", VERSION, "--ca-file", registry.authority,
                            "--destination", tmp_path)  # fmt: skip
    assert status == 0, said
    packed = (publisher.project / f"out/charts/site-{VERSION}.tgz").read_bytes()
    assert (tmp_path / f"site-{VERSION}.tgz").read_bytes() == packed


def test_a_chart_that_helm_pushed_is_the_same_chart(publisher: Publisher, tmp_path: Path) -> None:
    """helm writes a time into the manifest; the chart in it is what counts."""
    registry = publisher.services.registry
    helm = Helm(tmp_path / "helm")
    words = ("--ca-file", registry.authority)
    helm.run(
        "registry", "login", registry.host, *words, "--username", LOGIN[0], "--password-stdin", stdin=LOGIN[1]
    )
    package = publisher.project / f"out/charts/site-{VERSION}.tgz"
    status, said = helm.run("push", package, f"oci://{registry.host}/{publisher.name}/charts", *words)
    assert status == 0, said
    publisher.write(repository=f"oci://{publisher.services.front['registry'].host}/{publisher.name}/charts")
    env = oci()
    run = publisher.run("publish", env=env)
    assert run.code == 0, run.err
    assert targets(read(publisher))["chart"].sent == ()
    release(publisher.project, files={"public/index.html": "<p>Other.</p>"})
    other = publisher.run("publish", env=env)
    assert other.code == 1
    assert "a version is never changed" in other.err


def test_helm_pulls_what_went_to_nexus(publisher: Publisher, tmp_path: Path) -> None:
    publisher.run("publish")
    helm = Helm(tmp_path / "helm")
    assert helm.add(publisher.services.nexus, publisher.name)[0] == 0
    status, said = helm.pull(f"{publisher.name}/site", ">=1.0.0-0", tmp_path / "pulled")
    assert status == 0, said
    packed = (publisher.project / f"out/charts/site-{VERSION}.tgz").read_bytes()
    assert (tmp_path / f"pulled/site-{VERSION}.tgz").read_bytes() == packed


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"dirty": True}, "the tree is not that of commit 111111111111"),
        ({"drafts": True}, "contains drafts"),
    ],
)
def test_what_is_not_fit_is_not_published(publisher: Publisher, words: dict[str, bool], fault: str) -> None:
    release(publisher.project, **words)  # type: ignore[arg-type]
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
def test_what_does_not_belong_together_is_not_published(publisher: Publisher, name: str, fault: str) -> None:
    (publisher.project / name).write_text("something else")
    run = publisher.run("publish")
    assert run.code == 1
    assert fault in run.err
    assert publisher.charts() == {}


def test_an_image_of_another_build_is_refused(publisher: Publisher) -> None:
    """The chart must carry what is pushed."""
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
    """The tag may be there before the chart is: somebody else's run was killed."""
    assert publisher.run("publish").code == 0
    publisher.charts().clear()
    for key in publisher.objects("archive"):
        publisher.services.storage.client().delete_object(Bucket=f"{publisher.name}-archive", Key=key)
    there = ask(publisher, f"web/manifests/{VERSION}").content
    release(publisher.project, files={"public/index.html": "<p>Other.</p>"})
    run = publisher.run("publish")
    assert run.code == 1
    assert f"{publisher.name}/web:{VERSION}: is sha256:" in run.err
    assert (publisher.charts(), ask(publisher, f"web/manifests/{VERSION}").content) == ({}, there)


def test_another_asset_under_a_hashed_name_is_refused(publisher: Publisher) -> None:
    client = publisher.services.storage.client()
    client.put_object(Bucket=f"{publisher.name}-assets", Key=KEYS[2], Body=b"other")
    run = publisher.run("publish")
    assert run.code == 1
    assert f"has another file as {KEYS[2]}" in run.err
    assert (publisher.charts(), publisher.objects("assets")[KEYS[2]]) == ({}, b"other")


def test_previews_go_to_a_repository_of_their_own_and_into_no_bucket(publisher: Publisher) -> None:
    """A merge request is not public, and nothing goes back to it."""
    host = publisher.services.front["nexus"].host
    publisher.write(
        repository=f"http://{host}/repository/charts", previews=f"http://{host}/repository/{publisher.name}"
    )
    release(publisher.project, version="0.0.0-mr.9.31", kind="preview")
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert list(publisher.charts()) == ["site-0.0.0-mr.9.31.tgz"]
    assert (publisher.objects("assets"), publisher.objects("archive"), publisher.services.flux.asked) == (
        {},
        {},
        [],
    )


def test_buckets_are_a_matter_of_choice(publisher: Publisher) -> None:
    publisher.write(assets="", archive="")
    run = publisher.run("publish", env={"SITE_ASSETS_KEY": None, "SITE_ASSETS_SECRET": None})
    assert run.code == 0, run.err
    assert (publisher.services.front["storage"].calls, len(publisher.charts())) == ([], 1)


def test_one_bucket_for_both_is_refused(publisher: Publisher) -> None:
    """The archive holds members' pages, and the other one is public."""
    publisher.write(assets=f"{publisher.name}-archive")
    run = publisher.run("publish")
    assert (run.code, publisher.calls()) == (1, [])
    assert "are one bucket" in run.err


def test_a_promoted_release_takes_the_images_of_its_candidate(publisher: Publisher) -> None:
    """Another job publishes it, which has the chart and no image."""
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
    assert ask(publisher, "web/manifests/1.0.4").headers["Docker-Content-Digest"] == found.web
    sent = {name: one.sent for name, one in targets(read(publisher)).items()}
    assert (sent["image web"], sent["assets"]) == (("1.0.4",), ())
    records = {key for key in publisher.objects("archive") if key.startswith("releases/")}
    assert records == {"releases/1.0.4-rc.json", "releases/1.0.4.json"}
    assert publisher.run("archive", "restore", "1.0.4").code == 0


def test_assets_of_a_release_that_comes_back_are_put_again(publisher: Publisher) -> None:
    """They were removed with the releases of that time; the archive has them in the image's layers."""
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
    assert targets(read(publisher))["assets"].sent == (KEYS[0],)
