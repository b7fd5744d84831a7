"""Git LFS pointers are faults, and a submodule has its own history."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.tools import git_history as tool
from pipelines.tools.git_repository import find_repository
from tests.site.content.policy_site import commit_all_of, faults_of, link, published, site_with
from tests.support.project import ROOT, build_site, commit_all, files_of, git, write

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n"


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize(
    "path",
    ["content/posts/x.md", "content/pages/about.md", "content/files/a.txt", "content/images/x.png",
     "content/images/x.svg", "content/diagrams/x.puml", "content/extra/x.pdf", "theme/images/mark.svg",
     "theme/js/x.js", "theme/css/x.css", "theme/less/site.less", "theme/fonts/x.woff2",
     "theme/templates/base.html", "theme/strings/en.toml", "theme/static/x.pdf"],
)  # fmt: skip
def test_a_pointer_of_git_lfs_is_not_published(tmp_path: Path, path: str) -> None:
    """Without `git lfs pull` a reader would get 130 bytes of text instead of a video."""
    site = site_with(tmp_path, history=False)
    write(site / path, POINTER)
    with pytest.raises(SourceError) as caught:
        build_site(site)
    assert f"{path}: is a pointer of Git LFS, not the file; run `git lfs pull`" in str(caught.value)


def test_a_text_about_git_lfs_is_not_a_pointer(tmp_path: Path) -> None:
    site = site_with(tmp_path, history=False)
    write(site / "content/pages/lfs.md", f"---\ntitle: LFS\n---\n```text\n{POINTER}```\n")
    assert b"git-lfs.github.com" in published(site)


def module(folder: Path, files: dict[str, str]) -> str:
    """Make a repository with *files* in *folder*; return its address."""
    for name, text in files.items():
        write(folder / name, text)
    commit_all(folder, 1_770_000_000)
    return folder.as_uri()


def add_module(site: Path, url: str, path: str) -> None:
    git(site, "-c", "protocol.file.allow=always", "submodule", "add", "-q", url, path)


POST = "---\ntitle: Shared\ndate: 2026-01-02\n---\nText.\n"


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("path", ["content/posts/shared", "content", "theme"])
def test_a_submodule_that_was_not_fetched_is_a_fault(tmp_path: Path, path: str) -> None:
    """A clone has an empty folder there, and the site would lack its pages."""
    site = site_with(tmp_path)
    if path in ("content", "theme"):
        (site / path).rename(tmp_path / "inner")
        url = module(tmp_path / "inner", {})
        git(site, "rm", "-rq", "--cached", path)
    else:
        url = module(tmp_path / "inner", {"one.md": POST})
    add_module(site, url, path)
    commit_all_of(site)
    git(tmp_path, "clone", "-q", site.as_uri(), "clone")
    clone = tmp_path / "clone"
    with pytest.raises(SourceError) as caught:
        build_site(clone)
    fix = f"git submodule update --init --recursive {path}"
    assert str(caught.value) == f"{path}: is a Git submodule that was not fetched; run `{fix}`"
    git(clone, "-c", "protocol.file.allow=always", *fix.split()[1:])
    build_site(clone)
    build_site(site)
    assert files_of(clone / "out/site/public") == files_of(site / "out/site/public")


def test_a_submodule_that_was_removed_is_a_fault_too(tmp_path: Path) -> None:
    site = site_with(tmp_path)
    add_module(site, module(tmp_path / "inner", {"one.md": POST}), "content/posts/shared")
    commit_all_of(site)
    shutil.rmtree(site / "content/posts/shared")
    assert faults_of(site) == ["content/posts/shared: is a Git submodule that was not fetched"]


def test_a_page_in_a_submodule_has_the_dates_of_its_own_history(tmp_path: Path) -> None:
    """The outer repository has no dates of the submodule's files."""
    site = site_with(tmp_path)
    inner = tmp_path / "inner"
    module(inner, {"one.md": POST, "two.md": POST.replace("Shared", "Two"), "a.txt": "shared"})
    write(inner / "one.md", POST + "More.\n")
    commit_all(inner, 1_772_000_000)
    add_module(site, inner.as_uri(), "content/posts/shared")
    link(site, "content/files/shared.txt", "content/posts/shared/a.txt")
    commit_all_of(site)
    found = tool.read_history(find_repository(site), "content", ["theme"])
    assert found is not None
    change = tool.Change(1_772_000_000, is_cut=False, is_added=False)
    assert found.changes["content/posts/shared/one.md"] == change
    assert found.changes["content/posts/shared/two.md"].time == 1_770_000_000
    assert "content/posts/shared/a.txt" in found.index.tracked
    build_site(site)
    assert "2026-02-25" in (site / "out/site/public/posts/one/index.html").read_text("utf-8")


def test_the_pipeline_fetches_no_submodules_by_default() -> None:
    """GitLab fetches submodules only if a variable is set; the guide names it."""
    assert "GIT_SUBMODULE" not in (ROOT / ".gitlab-ci.yml").read_text("utf-8")
    guide = (ROOT / "docs/operator.md").read_text("utf-8")
    assert all(word in guide for word in ("GIT_SUBMODULE_STRATEGY", "GIT_SUBMODULE_DEPTH", "git-lfs"))
