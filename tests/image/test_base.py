"""The bases: pinned by one line each, kept in a registry, the same whoever makes them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.errors import PipelineError, SourceError, ToolError
from pipelines.image import base, lock, oci
from pipelines.image.lock import Base
from tests.project import ROOT, tiny_site, write
from tests.registry import registry
from tests.tools import need, need_base

DIGEST = f"sha256:{'ab' * 32}"
WEB = Base("web", DIGEST, "amd64", ("libc6=2.41-12", "nginx=1.26.3-3+deb13u2"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has the pinned base and nothing else."""
    one = tmp_path / "site"
    shutil.copytree(ROOT / "images/base", one / "images/base")
    need_base(one, "web")
    return one


def test_a_change_of_one_base_is_a_change_of_one_line(tmp_path: Path) -> None:
    write(tmp_path / lock.FILE, "")
    api = Base("api", DIGEST, "amd64", ("python3.13=3.13.5-2",))
    arm = Base("web", DIGEST, "arm64", WEB.packages)
    for one in (WEB, arm, api):
        lock.write(tmp_path, one)
    before = (tmp_path / lock.FILE).read_text("utf-8").splitlines()
    lock.write(tmp_path, Base("web", DIGEST.replace("ab", "cd"), "amd64", WEB.packages))
    after = (tmp_path / lock.FILE).read_text("utf-8").splitlines()
    assert [line.split()[0] for line in before] == ["#", "api", "web", "web"]
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1] == [
        2
    ]
    assert lock.read(tmp_path)["web", "arm64"] == arm


def test_every_line_that_pins_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path / lock.FILE, f"# a comment\n\nweb latest amd64 a=1\n{WEB}\n{WEB}\nweb {DIGEST} amd64\n")
    with pytest.raises(SourceError) as caught:
        lock.read(tmp_path)
    assert [str(fault) for fault in caught.value.faults] == [
        "images/base/base.lock:3: is not a pinned base; write it anew with `make base`",
        "images/base/base.lock:5: pins web twice; remove one of the lines",
        "images/base/base.lock:6: is not a pinned base; write it anew with `make base`",
    ]


@pytest.mark.parametrize("name", ["web", "api"])
def test_the_pinned_base_is_what_its_packages_make(name: str) -> None:
    """Another machine, another day: equal packages of Debian, equal digest.

    `make base` has written out/base and the lock here; the lock of the last
    commit was made elsewhere. Where Debian has newer packages by now, there is
    nothing to compare but the names.
    """
    need_base(ROOT, name)
    said = subprocess.run(
        [need("git"), "show", f"HEAD:{lock.FILE}"], cwd=ROOT, capture_output=True, check=False
    )
    committed = [line.split() for line in said.stdout.decode().splitlines() if line.startswith(f"{name} ")]
    if not committed:  # no history, as in an unpacked archive
        committed = [str(lock.read(ROOT)[name, "amd64"]).split()]
    now = lock.read(ROOT)[name, "amd64"]
    assert oci.read(base.folder_of(ROOT, name)).digest == now.digest
    if tuple(committed[0][3:]) == now.packages:
        assert committed[0][1] == now.digest
    assert [row.split("=")[0] for row in committed[0][3:]] == [row.split("=")[0] for row in now.packages]


def test_a_base_goes_to_the_registry_and_comes_back(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real skopeo, real registry, real TLS; the digest is the same on every way."""
    need("skopeo")
    pinned = lock.read(project)["web", "amd64"]
    with registry(tmp_path) as there:
        place = f"{there.host}/me/site"
        with pytest.raises(
            ToolError, match=r"^skopeo: .*certificate.*; log in"
        ):  # an authority that nobody knows
            base.push(base.folder_of(project, "web"), pinned, place)
        monkeypatch.setenv("SSL_CERT_FILE", str(there.authority))
        base.push(base.folder_of(project, "web"), pinned, place)
        base.push(base.folder_of(project, "web"), pinned, place)  # again: nothing to send
        shutil.rmtree(project / "out/base")
        found = base.find(project, "web", place)
        assert found.digest == pinned.digest
        assert oci.read(base.folder_of(project, "web")).digest == pinned.digest
        lock.write(project, Base("web", DIGEST, "amd64", pinned.packages))
        with pytest.raises(ToolError, match=r"skopeo: .*; log in with `skopeo login`, or make the base here"):
            base.find(project, "web", place)
    assert oci.read(base.folder_of(project, "web")).digest == pinned.digest  # as it was
    assert [path.name for path in (project / "out").iterdir() if path.is_dir()] == ["base"]


def test_without_skopeo_it_is_skopeo_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login would not help."""
    write(tmp_path / lock.FILE, f"{WEB}\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"^skopeo: not installed, or not on the PATH$"):
        base.find(tmp_path, "web", "registry.small.example/me/site")


def test_without_registry_and_base_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no base web for amd64; run `make base`"):
        base.find(tmp_path, "web", "")
    write(tmp_path / lock.FILE, f"{WEB}\n")
    with pytest.raises(PipelineError, match=r"is not there, and site\.toml names no registry"):
        base.find(tmp_path, "web", "")


def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half made: neither pin nor base."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"buildah|debootstrap"):
        base.make(tmp_path, ["web", "api"], "", lambda line: None)
    assert not (tmp_path / lock.FILE).exists()
    assert not (tmp_path / "out/base").exists()


def test_a_base_is_pushed_only_to_a_place_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before half an hour of work, not after it."""
    project = tiny_site(tmp_path, {})
    assert main(["--project", str(project), "base", "web", "--push"]) == 1
    assert "error: site.toml: nowhere to push to; set registry under [images]" in capsys.readouterr().err
