"""Inputs of the web image that are refused, and failures that leave the last image in place."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core import config, results
from pipelines.core.errors import PipelineError, SourceError
from pipelines.image import base, base_lock, oci_layout
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.web import pack_web_image
from tests.image.packing import web_project
from tests.support import project
from tests.support.project import ROOT, build_site, run_cli, write


def test_a_tree_with_drafts_is_refused(tmp_path: Path) -> None:
    one = web_project(tmp_path)
    build_site(one, drafts=True)
    with pytest.raises(PipelineError, match="contains drafts"):
        pack_web_image(one, config.load_config(one))
    assert not (one / "out/images").exists()


def test_a_tree_that_was_changed_after_the_build_is_refused(tmp_path: Path) -> None:
    one = web_project(tmp_path)
    write(one / "out/site/public/index.html", "defaced")
    done = run_cli(one, "image", "web")
    assert (done.returncode, done.stdout) == (1, "")
    assert "out/site: differs from out/site.json: it was changed" in done.stderr
    assert "Traceback" not in done.stderr


def test_packing_requires_a_built_site(tmp_path: Path) -> None:
    one = project.small_site(tmp_path, history=False)
    done = run_cli(one, "image", "web")
    assert (done.returncode, done.stderr) == (1, "error: site.json: no such file; run `make build` first\n")


def test_a_base_that_is_not_the_pinned_one_is_refused(packed: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    file = one / base_lock.FILE
    file.write_text(file.read_text("utf-8").replace("sha256:", "sha256:0000", 1)[:-5] + "\n", "utf-8")
    with pytest.raises(SourceError, match="is not a pinned base"):
        pack_web_image(one, config.load_config(one))
    pinned = base_lock.read_base_lock(packed)["web", "amd64"]
    lock_line = f"web sha256:{'0' * 64} amd64 {' '.join(pinned.packages)}\n"
    file.write_text(lock_line, "utf-8")
    with pytest.raises(PipelineError, match="is not the pinned base"):
        pack_web_image(one, config.load_config(one))
    file.unlink()
    with pytest.raises(PipelineError, match="no base web for amd64; run `make base`"):
        pack_web_image(one, config.load_config(one))


def test_a_base_with_a_changed_byte_is_refused(packed: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    blob = max((one / "out/base/web/blobs/sha256").iterdir(), key=lambda file: file.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[1000] ^= 1
    blob.write_bytes(data)
    with pytest.raises(PipelineError, match="does not match its digest"):
        base.find_base(one, "web", BaseRegistry(""))


@pytest.mark.slow
def test_a_killed_image_step_leaves_the_last_image(packed: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
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


def test_a_concurrent_build_adds_no_draft_to_an_image(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is read once, and what was read is what is checked and packed."""
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    write(one / "content/posts/wip.md", "---\ntitle: Wip\ndate: 2026-02-03\nstatus: draft\n---\nDraft.\n")
    find = base.find_base

    def meanwhile(*words: object) -> oci_layout.OciImage:  # finding the base may take minutes
        build_site(one, drafts=True)
        return find(*words)  # type: ignore[arg-type]

    monkeypatch.setattr("pipelines.image.base.find_base", meanwhile)
    result = pack_web_image(one, config.load_config(one))
    assert result.site == results.read_site(packed / "out/site.json").digest
    assert (
        oci_layout.read_layout(one / "out/images/web").digest
        == oci_layout.read_layout(packed / "out/images/web").digest
    )


def test_a_tree_that_lost_its_pages_is_refused(packed: Path, tmp_path: Path) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    shutil.rmtree(one / "out/site/public")
    with pytest.raises(PipelineError, match="it was changed; run `make build`"):
        pack_web_image(one, config.load_config(one))


def test_members_pages_need_a_gate(packed: Path, tmp_path: Path) -> None:
    """Built with the login, packed without it: pages that nothing guards."""
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    text = (one / "site.toml").read_text("utf-8")
    write(one / "site.toml", text.replace("login    = true", "login    = false"))
    assert not config.load_config(one).login
    with pytest.raises(PipelineError, match="contains members' pages, but site"):
        pack_web_image(one, config.load_config(one))


def test_the_image_takes_the_place_of_the_last_one_on_any_file_system(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS cannot exchange two folders at once."""

    def unsupported(*_: object) -> None:
        raise OSError(errno.EINVAL, "no such call here")

    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    write(one / "content/posts/more.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n")
    build_site(one)
    monkeypatch.setattr("pipelines.tools.atomic_exchange._at_once", unsupported)
    result = pack_web_image(one, config.load_config(one))
    assert oci_layout.read_layout(one / "out/images/web").digest == result.digest
    assert sorted(path.name for path in (one / "out/images").iterdir()) == ["web", "web.cdx.json"]


def test_a_kill_between_image_and_record_leaves_no_record_of_another(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    write(one / "content/posts/more.md", "---\ntitle: More\ndate: 2026-02-03\n---\nText.\n")
    build_site(one)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.image.oci_layout.publish_layout", killed)
    with pytest.raises(KeyboardInterrupt):
        pack_web_image(one, config.load_config(one))
    with pytest.raises(PipelineError, match="no such file; run `make image` first"):
        results.read_image(one / "out/image-web.json")


def test_only_plain_configuration_gets_into_an_image(packed: Path, tmp_path: Path) -> None:
    """An image must not hold an editor's backup, or a link to another file."""
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    folder = one / "images/web/nginx/http"
    write(folder / "log.conf~", "# a copy")
    (folder / "linked.conf").symlink_to("/etc/hostname")
    os.mkfifo(folder / "pipe.conf")
    with pytest.raises(SourceError) as caught:
        pack_web_image(one, config.load_config(one))
    assert [fault.path.rpartition("/")[2] for fault in caught.value.faults] == [
        "linked.conf", "log.conf~", "pipe.conf",
    ]  # fmt: skip


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("place", ["out/images", "out/images/web", "out/base/web"])
def test_a_file_in_the_way_is_reported_in_one_line(packed: Path, tmp_path: Path, place: str) -> None:
    one = tmp_path / "site"
    shutil.copytree(packed, one, symlinks=True)
    shutil.rmtree(one / place)
    write(one / place, "a file")
    done = run_cli(one, "image", "web")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
