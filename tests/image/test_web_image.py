"""The web image: the same everywhere, small, and refused where it must not be packed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from pipelines.core import config, results
from pipelines.image import base_lock, oci_layout
from pipelines.image.web import pack_web_image
from tests.support.project import ROOT, build_site, write
from tests.support.tools import need


def file_names(one: oci_layout.OciImage, layer: str) -> list[str]:
    (data,) = [row.data for row in one.layers if row.name == layer]
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        return [info.name for info in tar if not info.isdir()]


def test_the_image_is_a_layout_of_four_layers(packed: Path) -> None:
    image = oci_layout.read_layout(packed / "out/images/web")
    assert [layer.name for layer in image.layers] == ["base", "configuration", "assets", "pages"]
    result = json.loads((packed / "out/image-web.json").read_text())
    assert result["digest"] == image.digest
    assert result["site"] == results.read_site(packed / "out/site.json").digest
    assert result["base"] == base_lock.read_base_lock(packed)["web", "amd64"].digest
    assert [row["digest"] for row in result["layers"]] == [layer.digest for layer in image.layers]
    assert {name.split("/")[0] for name in file_names(image, "configuration")} == {"etc", "srv"}
    assert all("/assets/" in name for name in file_names(image, "assets"))
    assert "srv/site-digest" in file_names(image, "pages")
    assert "srv/gated/members/index.html" in file_names(image, "pages")


def test_it_runs_unprivileged_and_has_no_label_of_its_commit(packed: Path) -> None:
    """A label with the commit would make another image of every rebuild."""
    settings = dict(oci_layout.read_layout(packed / "out/images/web").config["config"])
    assert settings["User"] == "101:101"
    assert settings["StopSignal"] == "SIGQUIT"
    assert settings["ExposedPorts"] == {"8080/tcp": {}, "8081/tcp": {}}
    assert settings["Entrypoint"][0] == "/usr/sbin/nginx"
    assert sorted(settings["Labels"]) == [
        f"org.opencontainers.image.{name}"
        for name in ("base.digest", "description", "licenses", "title", "url")
    ]


def test_skopeo_reads_it(packed: Path, tmp_path: Path) -> None:
    """An independent implementation copies the image and finds the same digest."""
    skopeo = [need("skopeo"), "--insecure-policy"]
    layout = f"oci:{packed}/out/images/web"
    subprocess.run([*skopeo, "copy", "-q", "--preserve-digests", layout, f"oci:{tmp_path}/copy"], check=True)
    assert (
        oci_layout.read_layout(tmp_path / "copy").digest
        == oci_layout.read_layout(packed / "out/images/web").digest
    )
    inspected = subprocess.run([*skopeo, "inspect", layout], check=True, capture_output=True, text=True)
    assert json.loads(inspected.stdout)["Architecture"] == "amd64"


def test_the_image_has_no_shell(packed: Path) -> None:
    files = file_names(oci_layout.read_layout(packed / "out/images/web"), "base")
    programs = [name for name in files if name.startswith(("usr/bin/", "usr/sbin/", "bin/", "sbin/"))]
    assert programs == ["usr/sbin/nginx"]
    assert [name for name in files if "apt" in name.split("/")[:3]] == []


def test_it_is_small_without_the_site(packed: Path) -> None:
    """8 MB, compressed: what a node fetches once and keeps."""
    own = [
        layer
        for layer in oci_layout.read_layout(packed / "out/images/web").layers
        if layer.name in ("base", "configuration")
    ]
    assert sum(layer.size for layer in own) < 8_000_000


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("who", ["owner", "user"])
def test_another_machine_day_user_and_umask_give_the_same_digest(
    packed: Path, tmp_path: Path, who: str
) -> None:
    """Decision 8: no daemon, no privilege, no clock. The copy has other modes, times and owners."""
    copy = tmp_path / "elsewhere" / "site"
    shutil.copytree(packed, copy, symlinks=True, ignore=shutil.ignore_patterns("image-web.json"))
    shutil.rmtree(copy / "out/images")
    for path in [copy, *copy.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (1, 1))
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0 and who == "owner":
                os.chown(path, 12345, 12345)
    user = [need("unshare"), "--user", "--map-user=12345", "--map-group=12345"] if who == "user" else []
    script = "import os, sys; os.umask(0o077); from pipelines import cli; sys.exit(cli.main(sys.argv[1:]))"
    env = {"PATH": os.environ["PATH"], "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(copy),
           "SOURCE_DATE_EPOCH": "5", "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT)}  # fmt: skip
    argv = [*user, sys.executable, "-c", script, "--project", str(copy), "image", "web"]
    done = subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (
        oci_layout.read_layout(copy / "out/images/web").digest
        == oci_layout.read_layout(packed / "out/images/web").digest
    )
    for name in ("images/web.cdx.json", "image-web.json", "images/web/index.json"):
        assert (copy / "out" / name).read_bytes() == (packed / "out" / name).read_bytes()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("file", "text", "changed"),
    [
        ("content/posts/equal-length.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n", {"pages"}),
        ("theme/css/zz.css", ".new-rule { color: red }\n", {"assets", "pages"}),
        ("images/web/nginx/http/zz.conf", "# nothing\n", {"configuration"}),
    ],
)  # fmt: skip
def test_a_change_changes_its_own_layer(
    packed: Path, tmp_path: Path, file: str, text: str, changed: set[str]
) -> None:
    """A new post is one layer to fetch."""
    other = tmp_path / "site"
    shutil.copytree(packed, other, symlinks=True)
    write(other / file, text)
    build_site(other)
    pack_web_image(other, config.load_config(other))
    before, after = (oci_layout.read_layout(one / "out/images/web") for one in (packed, other))
    pairs = zip(before.layers, after.layers, strict=True)
    assert {one.name for one, two in pairs if one.digest != two.digest} == changed


def test_the_sbom_lists_every_package(packed: Path) -> None:
    """CycloneDX, checked against its own schema; one component a package of the base, of these versions."""
    text = (packed / "out/images/web.cdx.json").read_text("utf-8")
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    assert make_schemabased_validator(OutputFormat.JSON, version).validate_str(text) is None
    found = {
        f"{row['name']}={row['version']}"
        for row in document["components"]
        if "arch=source" not in row["bom-ref"]
    }
    assert set(base_lock.read_base_lock(packed)["web", "amd64"].packages) <= found
    assert document["metadata"]["component"]["name"] == f"{config.load_config(packed).name} web"


def test_every_program_and_library_is_of_a_package_that_is_named(packed: Path) -> None:
    """What is in the image and not in the bill would be forgotten at the next security update."""
    files = file_names(oci_layout.read_layout(packed / "out/images/web"), "base")
    packages = {row.split("=")[0] for row in base_lock.read_base_lock(packed)["web", "amd64"].packages}
    licences = {name.split("/")[3] for name in files if name.startswith("usr/share/doc/")}
    assert licences == packages
    assert {"nginx", "libc6", "ca-certificates", "libnginx-mod-http-brotli-static"} <= packages


def test_a_changed_sbom_is_rewritten(packed: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    bill = one / "out/images/web.cdx.json"
    good = bill.read_bytes()
    number = json.loads(good)["serialNumber"]
    bill.write_text(f'garbage "{number}"')
    pack_web_image(one, config.load_config(one))
    assert bill.read_bytes() == good
