"""The API's image: the same everywhere, without a shell, and a change is the layer that it is in."""

from __future__ import annotations

import _imp
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path, PurePosixPath

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from pipelines.core import config
from pipelines.core.errors import PipelineError, SourceError
from pipelines.core.results import ImageResult
from pipelines.image import base, base_lock, oci_layout, wheels
from pipelines.image.api import pack_api_image
from pipelines.image.python_target import target_of
from tests.image.packing import api_project, copy_project
from tests.support.project import ROOT, run_cli, write
from tests.support.tools import need

pytestmark = pytest.mark.slow  # packs a Python with all packages of the API: 13 CPU seconds

Entries = list[tuple[tarfile.TarInfo, bytes]]
UNCHECKED = (1).to_bytes(4, "little")  # PEP 552: a hash, which is never compared


def pack(project: Path) -> ImageResult:
    return pack_api_image(
        project, config.load_config(project), lambda line: pytest.fail(f"asked for more: {line}")
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an image; tests only look at it."""
    one = api_project(tmp_path_factory.mktemp("api-image"))
    pack(one)
    return one


@pytest.fixture(scope="module")
def image(made: Path) -> oci_layout.OciImage:
    return oci_layout.read_layout(made / "out/images/api")


@pytest.fixture(scope="module")
def entries(image: oci_layout.OciImage) -> Entries:
    """Everything in the image, with the bytes of files."""
    found = []
    for layer in image.layers:
        with tarfile.open(fileobj=BytesIO(layer.data)) as tar:
            for info in tar:
                stream = tar.extractfile(info) if info.isreg() else None
                found.append((info, stream.read() if stream else b""))
    return found


def test_the_image_is_a_layout_of_three_layers(made: Path, image: oci_layout.OciImage) -> None:
    result = json.loads((made / "out/image-api.json").read_text())
    assert [layer.name for layer in image.layers] == ["base", "packages", "code"]
    assert (result["name"], result["site"], result["digest"]) == ("api", "", image.digest)
    assert result["base"] == base_lock.read_base_lock(made)["api", "amd64"].digest
    assert [row["digest"] for row in result["layers"]] == [layer.digest for layer in image.layers]


def test_its_settings_have_no_label_of_its_commit(image: oci_layout.OciImage) -> None:
    settings = dict(image.config["config"])
    assert settings["User"] == "10001:10001"
    assert settings["Entrypoint"] == ["python3", "-m", "gunicorn", "--config", "python:api.config.gunicorn"]
    assert settings["ExposedPorts"] == {"8000/tcp": {}}
    assert settings["WorkingDir"] == "/srv"
    assert dict(row.split("=", 1) for row in settings["Env"]) == {
        "PATH": "/usr/bin",
        "PYTHONPATH": "/srv/packages:/srv",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "HOME": "/tmp",
    }
    assert sorted(name.rpartition(".")[2] for name in settings["Labels"]) == [
        "description", "digest", "licenses", "title", "url",
    ]  # fmt: skip


def test_python_is_the_only_program(entries: Entries) -> None:
    names = [info.name for info, _ in entries if not info.isdir()]
    programs = [name for name in names if re.match(r"(usr/)?(local/)?s?bin/", name)]
    assert programs == ["usr/bin/python3", "usr/bin/python3.13"]
    unwanted = {"ensurepip", "idlelib", "pip", "test", "tkinter", "venv", "pydoc_data", "setuptools"}
    tops = {name.split("/")[3] for name in names if name.startswith("usr/lib/python3.13/")}
    tops |= {name.split("/")[2] for name in names if name.startswith("srv/packages/")}
    assert sorted(unwanted & tops) == []
    assert not any(data.startswith((b"#!/bin/sh", b"#!/bin/bash")) for _, data in entries)


def test_no_file_is_writable_or_setuid(
    entries: Entries,
) -> None:
    assert {(info.uid, info.gid) for info, _ in entries} == {(0, 0)}
    writable = {info.name: oct(info.mode) for info, _ in entries if info.mode & 0o022 and not info.issym()}
    assert writable == {"tmp": "0o1777"}
    assert [info.name for info, _ in entries if info.mode & 0o6000] == []


def test_bytecode_is_of_its_source_and_never_compared(entries: Entries) -> None:
    """Times of files are made of their content here: bytecode that asks for them would never be used."""
    files = {info.name: data for info, data in entries if info.isreg()}
    for info, _ in entries:  # a module that is a link is compiled under its own name
        if info.issym():
            target = PurePosixPath("/", info.name).parent / info.linkname
            files[info.name] = files.get(str(target)[1:], b"")
    found = {}
    for name, data in files.items():
        if name.endswith(".pyc"):
            folder, _, rest = name.rpartition("__pycache__/")
            source = files[f"{folder}{rest.replace('.cpython-313.pyc', '.py')}"]
            number = int.from_bytes(data[:4], "little")
            assert (name, data[4:8]) == (name, UNCHECKED)
            assert (name, data[8:16]) == (name, _imp.source_hash(number, source))
            found[name] = number
    assert len(set(found.values())) == 1  # one Python made all of it
    sources = [
        name for name in files if name.startswith(("srv/", "usr/lib/python3.13/")) and name.endswith(".py")
    ]
    assert len(found) == len(sources)
    assert not any(b"/out/.compile-" in data for name, data in files.items() if name.endswith(".pyc"))


@pytest.mark.parametrize("who", ["owner", "user"])
def test_another_machine_day_user_and_umask_give_the_same_digest(
    made: Path, image: oci_layout.OciImage, tmp_path: Path, who: str
) -> None:
    """Decision 8: no daemon, no privilege, no clock. The copy has other modes, times and owners."""
    one = copy_project(made, tmp_path / "elsewhere")
    shutil.rmtree(one / "out/images")
    (one / "out/image-api.json").unlink()
    write(one / "api/gate/__pycache__/views.cpython-311.pyc", b"of another Python")
    for path in [one, *one.rglob("*")]:
        if not path.is_symlink():
            os.utime(path, (1, 1))
            path.chmod(0o700 if path.is_dir() else 0o600)
            if os.geteuid() == 0 and who == "owner":
                os.chown(path, 12345, 12345)
    user = [need("unshare"), "--user", "--map-user=12345", "--map-group=12345"] if who == "user" else []
    script = "import os, sys; os.umask(0o077); from pipelines import cli; sys.exit(cli.main(sys.argv[1:]))"
    env = {"PATH": os.environ["PATH"], "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(one),
           "SOURCE_DATE_EPOCH": "5", "PYTHONHASHSEED": "7", "PYTHONPATH": str(ROOT),
           "PYTHONOPTIMIZE": "2"}  # fmt: skip
    argv = [*user, sys.executable, "-c", script, "--project", str(one), "image", "api"]
    done = subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert oci_layout.read_layout(one / "out/images/api").digest == image.digest
    for name in ("images/api.cdx.json", "image-api.json", "images/api/index.json"):
        assert (one / "out" / name).read_bytes() == (made / "out" / name).read_bytes()


def changed_layers(before: oci_layout.OciImage, after: oci_layout.OciImage) -> set[str]:
    pairs = zip(before.layers, after.layers, strict=True)
    return {one.name for one, two in pairs if one.digest != two.digest}


def test_a_change_of_the_code_is_one_small_layer(
    made: Path, image: oci_layout.OciImage, tmp_path: Path
) -> None:
    one = copy_project(made, tmp_path)
    write(one / "api/health/more.py", '"""Nothing."""\n')
    pack(one)
    after = oci_layout.read_layout(one / "out/images/api")
    assert changed_layers(image, after) == {"code"}
    assert after.layers[-1].size < 200_000


def test_a_change_of_a_package_changes_the_packages_layer_only(
    made: Path, image: oci_layout.OciImage, tmp_path: Path
) -> None:
    one = copy_project(made, tmp_path)
    target = target_of(base.pinned_base(one, "api"))
    before = wheels.wheel_directory(one, target)
    text = (one / wheels.FILE).read_text("utf-8")
    write(one / wheels.FILE, re.sub(r"(?m)^qrcode==.*\n(?: .*\n)+", "", text))
    shutil.move(before, wheels.wheel_directory(one, target))
    pack(one)
    after = oci_layout.read_layout(one / "out/images/api")
    assert changed_layers(image, after) == {"packages"}
    names = {row["name"] for row in json.loads((one / "out/images/api.cdx.json").read_text())["components"]}
    assert "qrcode" not in names


def test_the_sbom_lists_every_package(made: Path) -> None:
    """CycloneDX, checked against its own schema; Debian's packages and Python's, of these versions."""
    text = (made / "out/images/api.cdx.json").read_text("utf-8")
    document = json.loads(text)
    version = SchemaVersion.from_version(document["specVersion"])
    assert make_schemabased_validator(OutputFormat.JSON, version).validate_str(text) is None
    rows = [row for row in document["components"] if "arch=source" not in row["bom-ref"]]
    found = {f"{row['name']}={row['version']}" for row in rows if row["purl"].startswith("pkg:deb/")}
    assert set(base_lock.read_base_lock(made)["api", "amd64"].packages) <= found
    pins = wheels.pinned_wheels(made, target_of(base.pinned_base(made, "api")))
    pythons = {
        row["purl"]: row["hashes"][0]["content"] for row in rows if row["purl"].startswith("pkg:pypi/")
    }
    assert sorted(pythons) == sorted(f"pkg:pypi/{pin.name}@{pin.version}" for pin in pins)
    assert all(pythons[f"pkg:pypi/{pin.name}@{pin.version}"] in pin.hashes for pin in pins)
    root = document["metadata"]["component"]["bom-ref"]
    (depends,) = [row["dependsOn"] for row in document["dependencies"] if row["ref"] == root]
    assert set(pythons) <= set(depends)


def test_every_library_is_of_a_package_that_is_named(made: Path, entries: Entries) -> None:
    """What is in the image and not in the bill would be forgotten at the next security update."""
    packages = {row.split("=")[0] for row in base_lock.read_base_lock(made)["api", "amd64"].packages}
    licences = {
        info.name.split("/")[3]
        for info, _ in entries
        if info.name.startswith("usr/share/doc/") and info.isreg()
    }
    assert licences == packages
    needed = {
        "ca-certificates",
        "libc6",
        "libgcc-s1",
        "libpython3.13-stdlib",
        "libssl3t64",
        "python3.13-minimal",
    }
    assert needed <= packages


def test_a_site_without_login_has_no_such_image(tmp_path: Path) -> None:
    text = (ROOT / "tests/data/site/site.toml").read_text("utf-8")
    write(tmp_path / "site.toml", text.replace("login    = true", "login    = false"))
    done = run_cli(tmp_path, "image", "api")
    what = "site.toml: login = false: the site has no API to pack"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {what}; skip this step, or set login = true\n"


def test_the_result_is_for_people_or_for_machines(
    made: Path, image: oci_layout.OciImage, tmp_path: Path
) -> None:
    one = copy_project(made, tmp_path)
    done = run_cli(one, "image", "api")
    assert done.stdout.splitlines()[0].startswith("out/images/api  amd64  ")
    assert f"digest  {image.digest}" in done.stdout
    done = run_cli(one, "image", "api", "--json")
    assert json.loads(done.stdout) == json.loads((made / "out/image-api.json").read_text())
    done = run_cli(one, "image", "--json")
    assert (done.returncode, done.stderr) == (
        2,
        "error: image --json: needs one image; name web or api\n",
    )


def test_only_plain_code_gets_into_an_image(made: Path, tmp_path: Path) -> None:
    """An image must not hold an editor's backup, or a link to another file."""
    one = copy_project(made, tmp_path)
    write(one / "api/gate/views.py~", "# a copy")
    write(one / "api/secret.env", "KEY=1")
    (one / "api/gate/linked.py").symlink_to("/etc/hostname")
    with pytest.raises(SourceError) as caught:
        pack(one)
    assert [fault.path for fault in caught.value.faults] == [
        "api/gate/linked.py", "api/gate/views.py~", "api/secret.env",
    ]  # fmt: skip


def test_another_architecture_is_refused(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without bytecode the image would differ, and start slowly."""
    one = copy_project(made, tmp_path)
    shutil.rmtree(one / "out/images")  # one that is packed is not compiled again
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(PipelineError, match="requires Linux on x86_64; pack it on such a machine"):
        pack(one)


def test_an_image_of_the_same_inputs_is_not_packed_again(
    made: Path, image: oci_layout.OciImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytecode takes longer than all else of a release; a post changes nothing of it."""
    one = copy_project(made, tmp_path)
    monkeypatch.setattr("pipelines.image.bytecode.with_bytecode", lambda *_: pytest.fail("compiled again"))
    assert pack(one).digest == image.digest


def test_an_image_that_was_damaged_is_packed_again(
    made: Path, image: oci_layout.OciImage, tmp_path: Path
) -> None:
    one = copy_project(made, tmp_path)
    blob = one / "out/images/api/blobs" / image.layers[-1].digest.replace(":", "/")
    blob.write_bytes(blob.read_bytes()[:-1])
    assert pack(one).digest == image.digest
    assert oci_layout.read_layout(one / "out/images/api").digest == image.digest


def test_skopeo_reads_it(made: Path, image: oci_layout.OciImage, tmp_path: Path) -> None:
    """An independent implementation copies the image and finds the same digest."""
    options = ["--insecure-policy", "copy", "-q", "--preserve-digests"]
    subprocess.run(
        [need("skopeo"), *options, f"oci:{made}/out/images/api", f"oci:{tmp_path}/copy"], check=True
    )
    assert oci_layout.read_layout(tmp_path / "copy").digest == image.digest


def test_it_is_small(image: oci_layout.OciImage) -> None:
    """45 MB, compressed: what a node fetches once and keeps."""
    assert image.size < 45_000_000
