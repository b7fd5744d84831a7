"""Symbolic links: what a link may lead to, and which readers refuse it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.preview.watch import is_relevant
from pipelines.site.diagrams.render import render_diagrams
from pipelines.tools import git_history as tool
from tests.site.content.policy_site import CANARY, SVG, commit_all_of, faults_of, link, published, site_with
from tests.support.project import git, write

READERS = [
    ("content/posts/x.md",            "var/a.md"),
    ("content/members/x.md",          "var/a.md"),
    ("content/files/a.txt",           "var/a.txt"),
    ("content/files/age.txt",         "site.agekey"),
    ("content/images/x.svg",          "var/a.svg"),
    ("content/diagrams/x.puml",       "var/a.txt"),
    ("content/diagrams/x.svg",        "var/a.svg"),
    ("content/extra/x.txt",           "var/a.txt"),
    ("content/extra/v",               "var"),
    ("content/extra/g",               "out/site/gated"),
    ("content/extra/x.sqlite3",       "var/login.sqlite3"),
    ("content/extra/.well-known/x",   "var/a.txt"),
    ("theme/templates/x.html",        "var/a.html"),
    ("theme/templates/base.html",     "var/a.html"),
    ("theme/templates/parts",         "var"),
    ("theme/less/x.less",             "var/a.less"),
    ("theme/less/site.less",          "var/a.less"),
    ("theme/css/x.css",               "var/a.css"),
    ("theme/js/x.js",                 "var/a.js"),
    ("theme/images/x.svg",            "var/a.svg"),
    ("theme/fonts/x.woff2",           "var/a.woff2"),
    ("theme/strings/fr.toml",         "var/a.toml"),
    ("theme/static/x.txt",            "var/a.txt"),
    ("theme/static/v",                "var"),
]  # fmt: skip


@pytest.mark.quick_cases(8)
@pytest.mark.parametrize(("path", "target"), READERS)
def test_no_reader_follows_a_link_out_of_content_and_theme(tmp_path: Path, path: str, target: str) -> None:
    """Such a link could publish session keys, the database and members' pages."""
    site = site_with(tmp_path)
    link(site, path, target)
    commit_all_of(site)
    text = f"{path}: is a link that leads to {target}, which is not below content/ or theme/"
    assert text in faults_of(site)


def link_to_a_file_that_is_not_committed(site: Path) -> None:
    write(site / "content/files/new.txt", "new")
    link(site, "content/extra/x.txt", "theme/images/mark.svg")
    link(site, "content/more/x.txt", "content/files/new.txt")


def link_to_a_folder_with_a_file_that_is_not_committed(site: Path) -> None:
    link(site, "content/more", "content/files")
    commit_all_of(site)
    write(site / "content/files/new.txt", "new")


def chain(site: Path) -> None:
    link(site, "content/files/one", "content/files/two")
    link(site, "content/files/two", "var/a.txt")


def behind_a_folder(site: Path) -> None:
    link(site, "content/files/sub/v", "var")
    link(site, "content/more", "content/files/sub")


def absolute(site: Path) -> None:
    (site / "content/files/x.txt").symlink_to(site / "var/a.txt")


def draft_under_another_name(site: Path) -> None:
    write(site / "content/posts/draft.md", "---\ntitle: D\ndate: 2026-01-01\nstatus: draft\n---\nx\n")
    link(site, "content/files/d.txt", "content/posts/draft.md")
    link(site, "theme/js/d.js", "content/posts/draft.md")
    link(site, "theme/templates/d", "content/posts")


def members_in_the_theme(site: Path) -> None:
    write(site / "content/members/x.svg", SVG.format("x"))
    link(site, "theme/images/x.svg", "content/members/x.svg")
    link(site, "theme/images/all", "content")


def tree_that_is_a_link(site: Path) -> None:
    (site / "theme").rename(site / "design")
    link(site, "theme", "design")


def key_and_database(site: Path) -> None:
    write(site / "content/files/cert.pem", "public")
    write(site / "content/files/id_ed25519", "private")
    link(site, "content/files/b", "content/files/cert.pem")


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (
            link_to_a_file_that_is_not_committed,
            ["content/more/x.txt: is a link that leads to content/files/new.txt, which Git does not track"],
        ),
        (
            link_to_a_folder_with_a_file_that_is_not_committed,
            [
                "content/more/new.txt: is below a link and leads to content/files/new.txt,"
                " which Git does not track"
            ],
        ),
        (
            chain,
            [
                f"content/files/{name}: is a link that leads to var/a.txt,"
                " which is not below content/ or theme/"
                for name in ("one", "two")
            ],
        ),
        (
            behind_a_folder,
            [
                f"content/{name}/v: is a link that leads to var, which is not below content/ or theme/"
                for name in ("files/sub", "more")
            ],
        ),
        (
            absolute,
            ["content/files/x.txt: is a link that leads to var/a.txt, which is not below content/ or theme/"],
        ),
        (
            draft_under_another_name,
            [
                "content/files/d.txt: is a link that leads to content/posts/draft.md, and would publish its"
                " source",
                "theme/js/d.js: is a link that leads to content/posts/draft.md, and would publish its source",
                "theme/templates/d/draft.md: is below a link and leads to content/posts/draft.md,"
                " and would publish its source",
            ],
        ),
        (members_in_the_theme, ["theme/images/x.svg: is a link that leads into content/members"]),
        (tree_that_is_a_link, ["theme: is a link: Git has no history of its target"]),
        (
            key_and_database,
            [
                "content/files/b: is a link that leads to content/files/cert.pem, a key",
                "content/files/id_ed25519: is a private key",
            ],
        ),
    ],
)
def test_a_link_leads_to_what_is_committed_below_content_or_theme(
    tmp_path: Path, prepare: Callable[[Path], None], expected: list[str]
) -> None:
    site = site_with(tmp_path)
    prepare(site)
    if prepare not in (
        link_to_a_file_that_is_not_committed,
        link_to_a_folder_with_a_file_that_is_not_committed,
    ):
        commit_all_of(site)
    assert set(expected) <= set(faults_of(site))


def test_links_to_committed_files_work(site: Path) -> None:
    """For example one file under two names, or one picture for theme and content."""
    link(site, "content/more", "content/files")
    link(site, "content/files/b.txt", "content/files/a.txt")
    link(site, "content/images/mark.svg", "theme/images/mark.svg")
    link(site, "content/extra/.well-known/mark.svg", "theme/images/mark.svg")
    (site / "content/files/c.txt").hardlink_to(site / "content/files/a.txt")
    text = "[a](../more/a.txt) [b](../files/b.txt) [c](../files/c.txt) ![m](../images/mark.svg)\n"
    write(site / "content/pages/links.md", f"---\ntitle: Links\n---\n{text}")
    if (site / ".git").exists():
        git(site, "add", "content")
    found = published(site)
    public = site / "out/site/public"
    for name in ("more/a.txt", "files/b.txt", "files/c.txt"):
        assert (public / name).read_text() == "an attachment\n"
    assert (public / ".well-known/mark.svg").exists()
    assert CANARY.encode() not in found


def test_make_diagrams_follows_no_link(site: Path) -> None:
    """It writes and removes files beside the pages."""
    link(site, "content/diagrams/blocks", "var")
    link(site, "content/pages/x.md", "var/a.md")
    with pytest.raises(SourceError) as caught:
        render_diagrams(site, lambda _: None, tool.read_index(site, ["content"]))
    assert [fault.path for fault in caught.value.faults] == ["content/diagrams/blocks", "content/pages/x.md"]
    assert (site / "var/a.svg").exists()


def test_the_preview_does_not_watch_what_a_link_leads_to(site: Path) -> None:
    """A watched link to out/ would rebuild endlessly: each build writes there."""
    link(site, "content/extra/o", "out")
    link(site, "content/more", "theme/images")
    assert not is_relevant(site, str(site / "content/extra/o/site/x.html"))
    assert is_relevant(site, str(site / "content/extra/o"))
    assert is_relevant(site, str(site / "content/more/mark.svg"))
    assert is_relevant(site, str(site / "content/files/gone.txt"))
