"""Tests of the last change of each file, on real repositories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipelines.core.errors import SourceError
from pipelines.tools.git_history import Change, History, Log, Refresh, read_history
from pipelines.tools.git_repository import find_repository
from tests.support.project import build_site, commit_all, git, tiny_site, write

POST = "---\ntitle: A post\ndate: 2026-01-02\ncategory: A\n---\nText.\n"
PAGE = "---\ntitle: A page\n---\nText.\n"
DAY = 86_400
START = 1_770_000_000  # 2026-02-02T02:40:00Z


def history_of(project: Path, cached: Callable[[str, Refresh], Log] | None = None) -> History | None:
    """Return the history of content/, read from what *cached* returns."""
    repo = find_repository(project)
    return read_history(repo, "content", cached=cached) if cached else read_history(repo, "content")


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    project = tiny_site(tmp_path, {"content/posts/one.md": POST, "content/pages/about.md": PAGE})
    commit_all(project, START)
    return project


class Logs:
    """The logs of earlier reads, as a build keeps them in out/cache."""

    def __init__(self) -> None:
        self.known: dict[str, Log] = {}

    def __call__(self, state: str, refresh: Refresh) -> Log:
        self.known[state] = refresh(self.known.get(state))
        return self.known[state]


def changes(project: Path) -> dict[str, int]:
    found = history_of(project)
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
    assert history_of(tiny_site(tmp_path, {"content/pages/about.md": PAGE})) is None


def test_no_repository_and_no_commit_give_no_history(tmp_path: Path) -> None:
    project = tiny_site(tmp_path, {"content/pages/about.md": PAGE})
    assert history_of(project) is None
    git(project, "init", "-q", "-b", "main")
    assert history_of(project) is None


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
    found, origin = history_of(tmp_path / "whole"), history_of(repo)
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


def _edit(repo: Path, number: int) -> None:
    write(repo / "content/posts/one.md", f"{POST}{number}\n")
    commit_all(repo, START + number * DAY, "Edit")


def _rename(repo: Path, number: int) -> None:
    git(repo, "mv", "content/posts/one.md", f"content/posts/{number}.md")
    write(repo / "content/posts/one.md", f"{POST}Another post.\n")
    commit_all(repo, START + number * DAY, "Rename")


def _merge(repo: Path, number: int) -> None:
    git(repo, "checkout", "-q", "-b", f"branch{number}")
    write(repo / "content/pages/about.md", f"{PAGE}{number}\n")
    commit_all(repo, START + number * DAY - 9, "On the branch")
    git(repo, "checkout", "-q", "main")
    _edit(repo, number)
    git(repo, "merge", "-q", "--no-ff", "-m", "Merge", f"branch{number}", time=START + number * DAY + 9)


def _fast_forward(repo: Path, number: int) -> None:
    git(repo, "checkout", "-q", "-b", f"branch{number}")
    _edit(repo, number)
    _rename(repo, number)
    git(repo, "checkout", "-q", "main")
    git(repo, "merge", "-q", "--ff-only", f"branch{number}")


def _rebase(repo: Path, number: int) -> None:
    """Write the newest commit anew, with another time."""
    git(repo, "commit", "-q", "--amend", "-m", "Amended", time=START + number * DAY)


def _go_back(repo: Path, _number: int) -> None:
    git(repo, "reset", "-q", "--hard", "HEAD~1")


def _commit_nothing(repo: Path, number: int) -> None:
    git(repo, "commit", "-q", "--allow-empty", "-m", "Nothing", time=START + number * DAY)


def _delete(repo: Path, number: int) -> None:
    git(repo, "rm", "-q", "content/pages/about.md")
    commit_all(repo, START + number * DAY, "Delete")
    write(repo / "content/pages/about.md", f"{PAGE}{number}\n")
    commit_all(repo, START + number * DAY + 9, "Write it again")


_STEPS = (_edit, _rename, _merge, _fast_forward, _rebase, _go_back, _commit_nothing, _delete)


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("step", _STEPS)
def test_a_log_that_is_brought_up_to_date_equals_one_that_is_read_anew(
    repo: Path, step: Callable[[Path, int], None]
) -> None:
    """Whatever happened between two builds, the dates are those of a clean one."""
    logs = Logs()
    for number, one in enumerate((_edit, step, _rename, step, _edit), 1):
        one(repo, number)
        assert history_of(repo, cached=logs) == history_of(repo)


def test_only_new_commits_are_read(repo: Path) -> None:
    """A log of 10,000 commits and posts takes seconds."""
    logs = Logs()
    history_of(repo, cached=logs)
    ((state, log),) = logs.known.items()
    other = log.text.replace(str(START).encode(), str(START - DAY).encode())
    logs.known[state] = replace(log, text=other)
    _edit(repo, 1)
    found = history_of(repo, cached=logs)
    assert found is not None
    times = {name: change.time for name, change in found.changes.items()}
    assert times["content/posts/one.md"] == START + DAY
    assert times["content/pages/about.md"] == START - DAY


def test_a_clone_that_gets_its_older_commits_is_read_anew(repo: Path, tmp_path: Path) -> None:
    _edit(repo, 1)
    clone, logs = shallow(repo, tmp_path), Logs()
    cut = history_of(clone, cached=logs)
    git(clone, "fetch", "-q", "--unshallow")
    whole = history_of(clone, cached=logs)
    assert cut != whole == history_of(repo)


def test_a_commit_that_is_gone_is_no_reason_to_fail(repo: Path) -> None:
    """A cache may come from another clone, or from before a garbage collection."""
    logs = Logs()
    history_of(repo, cached=logs)
    logs.known = {state: replace(log, head="0" * 40) for state, log in logs.known.items()}
    assert history_of(repo, cached=logs) == history_of(repo)
