"""The build as a whole: what it writes, what it hides, and that it always writes the same."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
from pathlib import Path

import brotli
import pytest

from pipelines.core import digests, results
from pipelines.core.errors import SourceError
from pipelines.site.cache import Cache
from tests import golden
from tests.support import project
from tests.support.project import AS_OF, build_site, commit_all, files_of, small_site, write


def test_the_small_site_is_the_golden_tree(built: Path) -> None:
    """Every change of the output shows as a diff; `make golden` writes it anew."""
    assert golden.golden_form(built / "out" / "site") == golden.read_golden()


def test_the_result_describes_the_build(built: Path) -> None:
    result = results.read_site(built / "out" / "site.json")
    public, gated = (built / "out/site" / name for name in ("public", "gated"))
    assert result.digest == digests.tree_digest(built / "out" / "site")
    assert result.pages == len(list(public.rglob("*.html"))) + len(list(gated.rglob("*.html")))
    assert result.gated == len(list(gated.rglob("*.html"))) == 3
    assert (result.as_of, result.drafts) == (AS_OF, False)
    assert result.left_out == (
        "content/posts/draft.md: draft",
        "content/posts/later.md: due 2027-01-01 00:00:00+01:00",
    )
    assert {"read", "convert", "plan", "render", "check", "compress", "digest"} <= set(result.phases)
    assert "pipelines.site.pelican.plugin" in result.plugins


def decompressed(data: bytes, name: str) -> bytes:
    """Return the bytes of a file, unpacked if it is a compressed twin."""
    if name.endswith(".gz"):
        return gzip.decompress(data)
    return brotli.decompress(data) if name.endswith(".br") else data


@pytest.mark.parametrize("canary", ["CANARY", "canary"])
def test_drafts_and_members_leave_no_trace_in_public(built: Path, canary: str) -> None:
    """No page, name, feed, list, alias, summary or image of an unpublished page is public."""
    public = built / "out" / "site" / "public"
    names = [name for name in files_of(public) if canary in name]
    holders = [name for name, data in files_of(public).items() if canary.encode() in decompressed(data, name)]
    assert (names, holders) == ([], [])


def test_members_pages_and_their_files_are_in_the_gated_tree(built: Path) -> None:
    gated = files_of(built / "out" / "site" / "gated")
    plain = {name for name in gated if not name.endswith((".gz", ".br"))}
    picture = next(name for name in plain if name.endswith(".png"))
    assert plain == {
        "members/canary-members.txt",
        "members/for-members/index.html",
        "members/index.html",
        "members/inside/index.html",
        picture,
    }
    assert picture.startswith("members/assets/canary-members.")


def test_drafts_are_included_on_request(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    result = build_site(site, drafts=True)
    public = files_of(site / "out" / "site" / "public")
    assert result.drafts
    assert result.left_out == ()
    assert b"CANARY-DRAFT" in public["posts/draft/index.html"]
    assert b"CANARY-LATER" in public["posts/later/index.html"]
    assert b"CANARY-MEMBERS" not in b"".join(public.values())


def test_a_post_is_due_at_its_moment(tmp_path: Path) -> None:
    due = 1_798_758_000  # 2027-01-01 00:00 in Berlin
    site = small_site(tmp_path)
    assert "content/posts/later.md: due 2027-01-01 00:00:00+01:00" in build_site(site, as_of=due - 1).left_out
    assert build_site(site, as_of=due).left_out == ("content/posts/draft.md: draft",)


def test_without_login_there_is_no_trace_of_it(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    config = (site / "site.toml").read_text()
    write(site / "site.toml", config.replace("login    = true", "login    = false"))
    result = build_site(site)
    files = files_of(site / "out" / "site")
    assert result.gated == 0
    assert [name for name in files if "login" in name or name.startswith("gated/members/")] == []
    assert [name for name, data in files.items() if b"/account/" in data and name != "site.json"] == []
    assert "content/members/inside.md: for members, and login = false in site.toml" in result.left_out


ENV_A = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1", "LANG": "C.UTF-8"}
ENV_B = {"TZ": "America/New_York", "LC_ALL": "POSIX", "PYTHONHASHSEED": "77", "LANG": "de_DE"}


def mtimes(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.name != "site.json"
    }


@pytest.mark.slow
def test_two_builds_give_equal_bytes_and_times(tmp_path: Path) -> None:
    """Folder, time zone, locale, umask, hash seed and number of processes are no inputs."""
    digests, times, modes = [], [], []
    for name, env, umask, workers in (
        ("a", ENV_A, 0o077, "1"),
        ("b/deeper", ENV_B, 0o002, "2"),
    ):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        before = os.umask(umask)
        try:
            site = small_site(folder)
            done = project.run_cli(
                site, "build", "--as-of", str(AS_OF), "--json", "--workers", workers, env=env
            )
        finally:
            os.umask(before)
        assert done.returncode == 0, done.stderr
        digests.append(json.loads(done.stdout)["digest"])
        times.append({part: mtimes(site / "out/site" / part) for part in ("public", "gated")})
        modes.append({oct(file.stat().st_mode) for file in (site / "out/site/public").rglob("*")})
    assert digests[0] == digests[1]
    assert times[0] == times[1]
    assert modes[0] == modes[1] == {"0o100644", "0o40755"}


@pytest.mark.slow
def test_an_edit_of_equal_length_changes_digest_and_time(tmp_path: Path) -> None:
    """NGINX makes its ETag of mtime and size: a changed page needs another ETag."""
    site = small_site(tmp_path)
    before = build_site(site, clean=True)
    page, other = (
        site / "out/site/public" / name for name in ("about/index.html", "posts/second/index.html")
    )
    seen, kept = page.stat(), other.stat()
    source = site / "content/pages/about.md"
    write(source, source.read_text().replace("where", "there"))
    after = build_site(site, clean=True)
    assert after.digest != before.digest
    assert page.stat().st_size == seen.st_size
    assert page.stat().st_mtime != seen.st_mtime
    assert other.stat().st_mtime == kept.st_mtime


def test_the_commit_is_no_input(tmp_path: Path) -> None:
    """A commit that touches no page changes no byte: else every release would roll every pod."""
    site = small_site(tmp_path)
    before = build_site(site).digest
    write(site / "README.md", "Nothing to do with the site.\n")
    commit_all(site, AS_OF - 1000)
    assert build_site(site).digest == before


def test_a_tree_without_git_takes_the_dates_that_authors_wrote(tmp_path: Path) -> None:
    site = small_site(tmp_path, history=False)
    build_site(site)
    sitemap = (site / "out/site/public/sitemap.xml").read_text()
    assert (
        "<loc>https://small.example/posts/second/</loc><lastmod>2026-02-10T12:00:00+00:00</lastmod>"
        in sitemap
    )
    assert "<loc>https://small.example/</loc><lastmod>2026-02-10T12:00:00+00:00</lastmod>" in sitemap


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("content/posts/second.md", lambda text: text.replace("A diagram in a block", "Here is one")),
        ("content/posts/second.md", lambda text: text.replace("title: The second post", "title: Renamed")),
        ("content/posts/second.md", lambda text: text.replace("tags: Markdown", "tags: Other")),
        ("content/pages/about.md", lambda text: text.replace("## Contact", "## Contacts {: #contact}")),
        ("theme/css/zz.css", lambda text: text + "\n.added{color:#123456}"),
        ("theme/strings/en.toml", lambda text: text.replace("Posts", "Articles", 1)),
        ("site.toml", lambda text: text.replace("Every feature once", "Nearly every feature once")),
    ],
)
def test_an_incremental_build_gives_the_bytes_of_a_clean_one(
    tmp_path: Path, name: str, change: object
) -> None:
    """Cached results are keyed by all of their inputs."""
    site = small_site(tmp_path)
    cache = Cache()
    build_site(site, cache=cache)
    file = site / name
    write(file, change(file.read_text() if file.exists() else ""))  # type: ignore[operator]
    incremental = build_site(site, cache=cache)
    clean = build_site(site, clean=True)
    assert incremental.digest == clean.digest


def test_an_incremental_build_converts_what_changed_only(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    cache = Cache()
    build_site(site, cache=cache)
    source = site / "content/posts/second.md"
    write(source, source.read_text().replace("And one from a file", "One from a file"))
    build_site(site, cache=cache)
    # The post itself, the feed of the site, and those of the two tags of the post.
    assert cache.misses == {"document": 1, "convert": 1, "render": 4}


def test_a_failing_build_leaves_the_last_tree(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    build_site(site)
    before, times = files_of(site / "out" / "site"), mtimes(site / "out" / "site")
    write(site / "content/posts/second.md", "---\ntitle: Broken\n---\n")
    with pytest.raises(SourceError, match="a post must have a date"):
        build_site(site)
    assert files_of(site / "out" / "site") == before
    assert mtimes(site / "out" / "site") == times
    assert sorted(path.name for path in (site / "out").iterdir()) == [".lock", "site", "site.json"]


def test_every_author_is_named_on_the_page(tmp_path: Path) -> None:
    site = small_site(tmp_path)
    build_site(site)
    page = (site / "out/site/public/posts/second/index.html").read_text("utf-8")
    assert "A. Tester, B. Other" in page
    assert (
        '"author": [{"@type": "Person", "name": "A. Tester"}, {"@type": "Person", "name": "B. Other"}]'
        in page
    )


def test_an_out_that_is_not_a_directory_is_a_fault(tmp_path: Path) -> None:
    site = small_site(tmp_path, history=False)
    write(site / "out", "")
    done = project.run_cli(site, "build", "--as-of", str(AS_OF))
    text = "error: out: cannot be written (File exists); make it a writable folder\n"
    assert (done.returncode, done.stderr) == (1, text)


def test_a_link_from_extra_publishes_no_source(tmp_path: Path) -> None:
    """A draft must not get out through content/extra, which is served as it is."""
    site = small_site(tmp_path, history=False)
    (site / "content/extra/draft.md").symlink_to("../posts/draft.md")
    with pytest.raises(SourceError, match=r"content/extra/draft\.md: is a link that would publish a source"):
        build_site(site)


def test_faults_of_all_kinds_are_reported_at_once(tmp_path: Path) -> None:
    """An author fixes all faults after one build, not one after each."""
    site = small_site(tmp_path)
    write(site / "content/posts/bad-date.md", "---\ntitle: x\ndate: soon\n---\n")
    write(site / "content/posts/bad-link.md", "---\ntitle: x\ndate: 2026-01-01\n---\n[x](nowhere.md)\n")
    write(site / "content/images/fake.png", "no picture")
    write(site / "theme/less/zz.less", "")
    write(site / "theme/css/zz.css", '.x { background: url("nowhere.png") }')
    with pytest.raises(SourceError) as caught:
        build_site(site)
    places = {f"{fault.path}:{fault.line}" for fault in caught.value.faults}
    assert {
        "content/posts/bad-date.md:3",
        "content/posts/bad-link.md:5",
        "content/images/fake.png:0",
        "theme/css/zz.css:1",
    } <= places


def test_entry_ids_survive_a_new_title_slug_and_date(tmp_path: Path) -> None:
    """A feed reader must not show an old post as new because its author fixed something."""
    site = small_site(tmp_path)
    source = site / "content/posts/second.md"

    def entry() -> str:
        build_site(site)
        feed = (site / "out/site/public/feed.atom").read_text("utf-8")
        return next(one for one in feed.split("<entry")[1:] if "A diagram in a block" in one)

    before = re.findall("<id>(.*?)</id>", entry())
    text = source.read_text("utf-8")
    for old, new in (
        ("The second post", "A better title"),
        ("date: 2026-02-02", "date: 2026-02-01\nslug: fixed"),
    ):
        assert old in text
        text = text.replace(old, new)
    write(source, text)
    assert before == re.findall("<id>(.*?)</id>", entry()) == ["tag:small.example,2026:posts/second"]


def test_a_folder_may_be_replaced_by_a_fork(tmp_path: Path) -> None:
    """No test depends on the owner's content, and no code does: one page makes a site."""
    site = project.tiny_site(tmp_path, {"content/pages/about.md": "---\ntitle: About\n---\nText.\n"})
    toml = (site / "site.toml").read_text().replace('path  = "/posts/"', 'path  = "/about/"')
    write(site / "site.toml", toml)
    build_site(site)
    assert (site / "out/site/public/about/index.html").exists()
    shutil.rmtree(site / "out")
