"""The web image: the same everywhere, small, and refused where it must not be made."""

from __future__ import annotations

import errno
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
from pipelines.core.errors import PipelineError, SourceError
from pipelines.image import base, base_lock, oci_layout
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.web import pack_web_image
from tests.support import project
from tests.support.project import ROOT, build_site, run_cli, write
from tests.support.tools import need, need_base


def site(folder: Path) -> Path:
    """Return the small site in *folder*, built, with the base and the configuration of this checkout."""
    made = project.small_site(folder, history=False)
    shutil.copytree(ROOT / "images", made / "images")
    need_base(made, "web")
    build_site(made)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an image; tests only look at it."""
    one = site(tmp_path_factory.mktemp("image"))
    pack_web_image(one, config.load_config(one))
    return one


def names(one: oci_layout.OciImage, layer: str) -> list[str]:
    (data,) = [row.data for row in one.layers if row.name == layer]
    with tarfile.open(fileobj=BytesIO(data)) as tar:
        return [info.name for info in tar if not info.isdir()]


def test_the_image_is_a_layout_of_four_layers(made: Path) -> None:
    image = oci_layout.read_layout(made / "out/images/web")
    assert [layer.name for layer in image.layers] == ["base", "configuration", "assets", "pages"]
    result = json.loads((made / "out/image-web.json").read_text())
    assert result["digest"] == image.digest
    assert result["site"] == results.read_site(made / "out/site.json").digest
    assert result["base"] == base_lock.read_base_lock(made)["web", "amd64"].digest
    assert [row["digest"] for row in result["layers"]] == [layer.digest for layer in image.layers]
    assert {name.split("/")[0] for name in names(image, "configuration")} == {"etc", "srv"}
    assert all("/assets/" in name for name in names(image, "assets"))
    assert "srv/site-digest" in names(image, "pages")
    assert "srv/gated/members/index.html" in names(image, "pages")


def test_it_runs_unprivileged_and_has_no_label_of_its_commit(made: Path) -> None:
    """A label with the commit would make another image of every rebuild."""
    settings = dict(oci_layout.read_layout(made / "out/images/web").config["config"])
    assert settings["User"] == "101:101"
    assert settings["StopSignal"] == "SIGQUIT"
    assert settings["ExposedPorts"] == {"8080/tcp": {}, "8081/tcp": {}}
    assert settings["Entrypoint"][0] == "/usr/sbin/nginx"
    assert sorted(settings["Labels"]) == [
        f"org.opencontainers.image.{name}"
        for name in ("base.digest", "description", "licenses", "title", "url")
    ]


def test_skopeo_reads_it(made: Path, tmp_path: Path) -> None:
    """A stranger's eye: another implementation copies it and finds the same digest."""
    skopeo = [need("skopeo"), "--insecure-policy"]
    layout = f"oci:{made}/out/images/web"
    subprocess.run([*skopeo, "copy", "-q", "--preserve-digests", layout, f"oci:{tmp_path}/copy"], check=True)
    assert (
        oci_layout.read_layout(tmp_path / "copy").digest
        == oci_layout.read_layout(made / "out/images/web").digest
    )
    environ = subprocess.run([*skopeo, "inspect", layout], check=True, capture_output=True, text=True)
    assert json.loads(environ.stdout)["Architecture"] == "amd64"


def test_the_image_has_no_shell(made: Path) -> None:
    files = names(oci_layout.read_layout(made / "out/images/web"), "base")
    programs = [name for name in files if name.startswith(("usr/bin/", "usr/sbin/", "bin/", "sbin/"))]
    assert programs == ["usr/sbin/nginx"]
    assert [name for name in files if "apt" in name.split("/")[:3]] == []


def test_it_is_small_without_the_site(made: Path) -> None:
    """8 MB, compressed: what a node fetches once and keeps."""
    own = [
        layer
        for layer in oci_layout.read_layout(made / "out/images/web").layers
        if layer.name in ("base", "configuration")
    ]
    assert sum(layer.size for layer in own) < 8_000_000


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("who", ["owner", "user"])
def test_another_machine_day_user_and_umask_give_the_same_digest(
    made: Path, tmp_path: Path, who: str
) -> None:
    """Decision 8: no daemon, no privilege, no clock. The copy has other modes, times and owners."""
    copy = tmp_path / "elsewhere" / "site"
    shutil.copytree(made, copy, symlinks=True, ignore=shutil.ignore_patterns("image-web.json"))
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
        == oci_layout.read_layout(made / "out/images/web").digest
    )
    for name in ("images/web.cdx.json", "image-web.json", "images/web/index.json"):
        assert (copy / "out" / name).read_bytes() == (made / "out" / name).read_bytes()


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
    made: Path, tmp_path: Path, file: str, text: str, changed: set[str]
) -> None:
    """A new post is one layer to fetch."""
    other = tmp_path / "site"
    shutil.copytree(made, other, symlinks=True)
    write(other / file, text)
    build_site(other)
    pack_web_image(other, config.load_config(other))
    before, after = (oci_layout.read_layout(one / "out/images/web") for one in (made, other))
    pairs = zip(before.layers, after.layers, strict=True)
    assert {one.name for one, two in pairs if one.digest != two.digest} == changed


def test_a_tree_with_drafts_is_refused(tmp_path: Path) -> None:
    one = site(tmp_path)
    build_site(one, drafts=True)
    with pytest.raises(PipelineError, match="contains drafts"):
        pack_web_image(one, config.load_config(one))
    assert not (one / "out/images").exists()


def test_a_tree_that_was_changed_after_the_build_is_refused(tmp_path: Path) -> None:
    one = site(tmp_path)
    write(one / "out/site/public/index.html", "defaced")
    done = run_cli(one, "image", "web")
    assert (done.returncode, done.stdout) == (1, "")
    assert "out/site: differs from out/site.json: it was changed" in done.stderr
    assert "Traceback" not in done.stderr


def test_packing_requires_a_built_site(tmp_path: Path) -> None:
    one = project.small_site(tmp_path, history=False)
    done = run_cli(one, "image", "web")
    assert (done.returncode, done.stderr) == (1, "error: site.json: no such file; run `make build` first\n")


def test_a_base_that_is_not_the_pinned_one_is_refused(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    file = one / base_lock.FILE
    file.write_text(file.read_text("utf-8").replace("sha256:", "sha256:0000", 1)[:-5] + "\n", "utf-8")
    with pytest.raises(SourceError, match="is not a pinned base"):
        pack_web_image(one, config.load_config(one))
    pinned = base_lock.read_base_lock(made)["web", "amd64"]
    lock_line = f"web sha256:{'0' * 64} amd64 {' '.join(pinned.packages)}\n"
    file.write_text(lock_line, "utf-8")
    with pytest.raises(PipelineError, match="is not the pinned base"):
        pack_web_image(one, config.load_config(one))
    file.unlink()
    with pytest.raises(PipelineError, match="no base web for amd64; run `make base`"):
        pack_web_image(one, config.load_config(one))


def test_a_base_with_a_changed_byte_is_refused(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    blob = max((one / "out/base/web/blobs/sha256").iterdir(), key=lambda file: file.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[1000] ^= 1
    blob.write_bytes(data)
    with pytest.raises(PipelineError, match="does not match its digest"):
        base.find_base(one, "web", BaseRegistry(""))


@pytest.mark.slow
def test_a_killed_image_step_leaves_the_last_image(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    before = oci_layout.read_layout(one / "out/images/web").digest
    write(one / "content/posts/more.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n")
    build_site(one)
    argv = [sys.executable, "-m", "pipelines", "--project", str(one), "image", "web"]
    for delay in (0.15, 0.3, 0.45, 0.6):
        running = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(delay)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        assert len(oci_layout.read_layout(one / "out/images/web").layers) == 4  # whole, whichever it is
    assert run_cli(one, "image", "web").returncode == 0
    assert oci_layout.read_layout(one / "out/images/web").digest != before
    assert list((one / "out").glob(".web-*")) == []


def test_the_sbom_lists_every_package(made: Path) -> None:
    """CycloneDX, checked against its own schema; one component a package of the base, of these versions."""
    text = (made / "out/images/web.cdx.json").read_text("utf-8")
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    assert make_schemabased_validator(OutputFormat.JSON, version).validate_str(text) is None
    found = {
        f"{row['name']}={row['version']}"
        for row in document["components"]
        if "arch=source" not in row["bom-ref"]
    }
    assert set(base_lock.read_base_lock(made)["web", "amd64"].packages) <= found
    assert document["metadata"]["component"]["name"] == f"{config.load_config(made).name} web"


def test_every_program_and_library_is_of_a_package_that_is_named(made: Path) -> None:
    """What is in the image and not in the bill would be forgotten at the next security update."""
    files = names(oci_layout.read_layout(made / "out/images/web"), "base")
    packages = {row.split("=")[0] for row in base_lock.read_base_lock(made)["web", "amd64"].packages}
    licences = {name.split("/")[3] for name in files if name.startswith("usr/share/doc/")}
    assert licences == packages
    assert {"nginx", "libc6", "ca-certificates", "libnginx-mod-http-brotli-static"} <= packages


def test_a_concurrent_build_adds_no_draft_to_an_image(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is read once, and what was read is what is checked and packed."""
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    write(one / "content/posts/wip.md", "---\ntitle: Wip\ndate: 2026-02-03\nstatus: draft\n---\nDraft.\n")
    find = base.find_base

    def meanwhile(*words: object) -> oci_layout.OciImage:  # finding the base may take minutes
        build_site(one, drafts=True)
        return find(*words)  # type: ignore[arg-type]

    monkeypatch.setattr("pipelines.image.base.find_base", meanwhile)
    result = pack_web_image(one, config.load_config(one))
    assert result.site == results.read_site(made / "out/site.json").digest
    assert (
        oci_layout.read_layout(one / "out/images/web").digest
        == oci_layout.read_layout(made / "out/images/web").digest
    )


def test_a_tree_that_lost_its_pages_is_refused(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    shutil.rmtree(one / "out/site/public")
    with pytest.raises(PipelineError, match="it was changed; run `make build`"):
        pack_web_image(one, config.load_config(one))


def test_members_pages_need_a_gate(made: Path, tmp_path: Path) -> None:
    """Built with the login, packed without it: pages that nothing guards."""
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    text = (one / "site.toml").read_text("utf-8")
    write(one / "site.toml", text.replace("login    = true", "login    = false"))
    assert not config.load_config(one).login
    with pytest.raises(PipelineError, match="contains members' pages, but site"):
        pack_web_image(one, config.load_config(one))


def test_the_image_takes_the_place_of_the_last_one_on_any_file_system(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS cannot exchange two folders at once."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.EINVAL, "no such call here")

    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    write(one / "content/posts/more.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n")
    build_site(one)
    monkeypatch.setattr("pipelines.tools.atomic_exchange._at_once", unsupported)
    result = pack_web_image(one, config.load_config(one))
    assert oci_layout.read_layout(one / "out/images/web").digest == result.digest
    assert sorted(path.name for path in (one / "out/images").iterdir()) == ["web", "web.cdx.json"]


def test_a_kill_between_image_and_record_leaves_no_record_of_another(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    write(one / "content/posts/more.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n")
    build_site(one)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.image.oci_layout.publish_layout", killed)
    with pytest.raises(KeyboardInterrupt):
        pack_web_image(one, config.load_config(one))
    with pytest.raises(PipelineError, match="no such file; run `make image` first"):
        results.read_image(one / "out/image-web.json")


def test_a_changed_sbom_is_rewritten(made: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    bill = one / "out/images/web.cdx.json"
    good = bill.read_bytes()
    number = json.loads(good)["serialNumber"]
    bill.write_text(f'garbage "{number}"')
    pack_web_image(one, config.load_config(one))
    assert bill.read_bytes() == good


def test_only_plain_configuration_gets_into_an_image(made: Path, tmp_path: Path) -> None:
    """An editor's copy would be in it; a link would be another file elsewhere."""
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    folder = one / "images/web/nginx/http"
    write(folder / "log.conf~", "# a copy")
    (folder / "linked.conf").symlink_to("/etc/hostname")
    os.mkfifo(folder / "pipe.conf")
    with pytest.raises(SourceError) as caught:
        pack_web_image(one, config.load_config(one))
    assert [fault.path.rpartition("/")[2] for fault in caught.value.faults] == [
        "linked.conf", "log.conf~", "pipe.conf",
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["out/images", "out/images/web", "out/base/web"])
def test_a_file_in_the_way_is_reported_in_one_line(made: Path, tmp_path: Path, place: str) -> None:
    one = tmp_path / "site"
    shutil.copytree(made, one, symlinks=True)
    shutil.rmtree(one / place)
    write(one / place, "a file")
    done = run_cli(one, "image", "web")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
