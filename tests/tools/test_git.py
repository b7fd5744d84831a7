"""Tests of the last change of each file, on real repositories."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.tools.git_history import Change, read_history
from tests.support.project import build_site, commit_all, git, tiny_site, write

POST = "---\ntitle: A post\ndate: 2026-01-02\ncategory: A\n---\nText.\n"
PAGE = "---\ntitle: A page\n---\nText.\n"
DAY = 86_400
START = 1_770_000_000  # 2026-02-02T02:40:00Z


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    project = tiny_site(tmp_path, {"content/posts/one.md": POST, "content/pages/about.md": PAGE})
    commit_all(project, START)
    return project


def changes(project: Path) -> dict[str, int]:
    found = read_history(project, "content")
    assert found is not None
    return {name: change.time for name, change in found.changes.items() if name.endswith(".md")}


def test_a_file_changed_at_the_time_of_its_newest_commit(repo: Path) -> None:
    write(repo / "content/posts/one.md", POST + "More.\n")
    commit_all(repo, START + DAY)
    assert changes(repo) == {"content/posts/one.md": START + DAY, "content/pages/about.md": START}


def test_a_pure_rename_is_not_a_change(repo: Path) -> None:
    """A renamed post must keep its old date."""
    git(repo, "mv", "content/posts/one.md", "content/posts/renamed.md")
    commit_all(repo, START + DAY, "Rename")
    assert changes(repo)["content/posts/renamed.md"] == START


def test_a_rename_with_an_edit_is_a_change(repo: Path) -> None:
    git(repo, "mv", "content/posts/one.md", "content/posts/renamed.md")
    write(repo / "content/posts/renamed.md", POST + "More.\n")
    commit_all(repo, START + DAY, "Rename and edit")
    assert changes(repo)["content/posts/renamed.md"] == START + DAY


def test_a_change_on_a_merged_branch_counts(repo: Path) -> None:
    git(repo, "checkout", "-q", "-b", "branch")
    write(repo / "content/posts/one.md", POST + "More.\n")
    commit_all(repo, START + DAY, "On the branch")
    git(repo, "checkout", "-q", "main")
    write(repo / "content/pages/about.md", PAGE + "More.\n")
    commit_all(repo, START + 2 * DAY, "On main")
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", "branch", time=START + 3 * DAY)
    assert changes(repo) == {"content/posts/one.md": START + DAY, "content/pages/about.md": START + 2 * DAY}


def test_names_with_umlauts_and_spaces_are_found(repo: Path) -> None:
    write(repo / "content/posts/Grüße aus Köln.md", POST)
    commit_all(repo, START + DAY)
    assert changes(repo)["content/posts/Grüße aus Köln.md"] == START + DAY


def test_a_site_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    project = tiny_site(tmp_path / "sites", {"content/pages/about.md": PAGE})
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "All", time=START)
    assert changes(project) == {"content/pages/about.md": START}


def test_a_directory_inside_another_repository_has_no_history(tmp_path: Path) -> None:
    """An unpacked archive inside another checkout must not get its dates."""
    write(tmp_path / "README", "other")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "All")
    assert read_history(tiny_site(tmp_path, {"content/pages/about.md": PAGE}), "content") is None


def test_no_repository_and_no_commit_give_no_history(tmp_path: Path) -> None:
    project = tiny_site(tmp_path, {"content/pages/about.md": PAGE})
    assert read_history(project, "content") is None
    git(project, "init", "-q", "-b", "main")
    assert read_history(project, "content") is None


def shallow(repo: Path, folder: Path) -> Path:
    git(folder, "clone", "-q", "--depth", "1", repo.as_uri(), "shallow")
    return folder / "shallow"


def test_a_shallow_clone_is_refused_when_dates_would_be_wrong(repo: Path, tmp_path: Path) -> None:
    """With one commit alone, every older file would get the date of that commit."""
    write(repo / "content/posts/one.md", POST + "More.\n")
    commit_all(repo, START + DAY)
    with pytest.raises(SourceError) as caught:
        build_site(shallow(repo, tmp_path))
    lines = str(caught.value).splitlines()
    fix = (
        "fetch the whole history (`git fetch --unshallow`, GIT_DEPTH: 0 in GitLab CI), or write `modified: …`"
    )
    assert lines == [
        f"content/{name}: its date of change is unknown: the clone is shallow; {fix}"
        for name in ("pages/about.md", "posts/one.md")
    ]


def test_a_shallow_clone_builds_with_the_dates_of_authors(tmp_path: Path) -> None:
    modified = PAGE.replace("---\nText", "modified: 2026-01-05\n---\nText")
    project = tiny_site(tmp_path, {"content/pages/about.md": modified})
    commit_all(project, START)
    write(project / "README", "more")
    commit_all(project, START + DAY)
    assert build_site(shallow(project, tmp_path)).pages > 0


def test_a_whole_clone_gives_the_dates_of_its_origin(repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", repo.as_uri(), "whole")
    found, origin = read_history(tmp_path / "whole", "content"), read_history(repo, "content")
    assert found == origin
    assert found is not None
    assert found.changes["content/posts/one.md"] == Change(START, is_cut=False, is_added=True)


def test_dates_of_change_reach_the_pages(repo: Path) -> None:
    """Sitemap and feed have the time of the commit, in the site's time zone."""
    write(repo / "content/posts/one.md", POST + "More.\n")
    commit_all(repo, START + DAY)
    build_site(repo)
    sitemap = (repo / "out/site/public/sitemap.xml").read_text()
    assert "<loc>https://small.example/about/</loc><lastmod>2026-02-02T03:40:00+01:00</lastmod>" in sitemap
    assert (
        "<loc>https://small.example/posts/one/</loc><lastmod>2026-02-03T03:40:00+01:00</lastmod>" in sitemap
    )
    feed = (repo / "out/site/public/feed.atom").read_text()
    assert "<updated>2026-02-03T03:40:00+01:00</updated>" in feed


def test_the_first_commit_of_an_old_post_is_not_a_revision(repo: Path) -> None:
    """Old posts that move into a repository must not get that day as their revision."""
    build_site(repo)
    sitemap = (repo / "out/site/public/sitemap.xml").read_text()
    assert (
        "<loc>https://small.example/posts/one/</loc><lastmod>2026-01-02T00:00:00+01:00</lastmod>" in sitemap
    )


def test_a_date_of_the_author_overrides_that_of_git(tmp_path: Path) -> None:
    modified = PAGE.replace("---\nText", "modified: 2026-01-05 12:00\n---\nText")
    project = tiny_site(tmp_path, {"content/pages/about.md": modified})
    commit_all(project, START)
    build_site(project)
    sitemap = (project / "out/site/public/sitemap.xml").read_text()
    assert "<loc>https://small.example/about/</loc><lastmod>2026-01-05T12:00:00+01:00</lastmod>" in sitemap
