"""The preview rebuilds saved files and shows faults."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

import pytest

from pipelines.preview import watch
from pipelines.preview.headers import SECURITY_HEADERS
from tests.support.previews import POST, preview_site, run_dev_server, wait_until
from tests.support.project import write


def test_a_saved_edit_is_built_and_broadcast(tmp_path: Path) -> None:
    """From a save to its event and page, and from a fault to its fix, within seconds."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with run_dev_server(site) as one, one.events() as events:
        assert events.next() == {"number": 1}
        version = one.get("/posts/one/").headers["x-preview-version"]
        other = one.get("/about/").headers["x-preview-version"]

        start = time.monotonic()
        write(post, POST.replace("first version", "second version"))
        assert events.next() == {"number": 2}
        taken = time.monotonic() - start
        print(f"save to event: {taken:.2f} s")
        assert taken < 10
        page = one.get("/posts/one/")
        assert "second version" in page.text
        assert page.headers["x-preview-version"] != version
        assert one.get("/about/").headers["x-preview-version"] == other  # and is not loaded again
        wait_until(lambda: re.search(r"pages in \d+\.\d\d s  content/posts/one\.md", one.log))

        write(post, POST.replace("tags:", "tagz:"))
        event = events.next()
        assert (event["number"], event["summary"], event["error"]) == (3, "1 error", "")
        assert event["faults"] == [
            {
                "path": "content/posts/one.md",
                "line": 4,
                "text": "unknown key 'tagz'",
                "fix": "did you mean tags?",
            }
        ]
        assert "second version" in one.get("/posts/one/").text  # the last good tree stays
        wait_until(lambda: "1 error; the last good pages stay" in one.log)
        line = "  content/posts/one.md:4: unknown key 'tagz'; did you mean tags?\n"
        wait_until(lambda: one.log.count(line) == 1)

        write(post, POST.replace("tags:", "tagz:").replace("first version", "third version"))
        assert events.next()["number"] == 4
        wait_until(lambda: "1 error, as before" in one.log)
        assert one.log.count(line) == 1

        write(post, POST.replace("first version", "third version"))
        assert events.next() == {"number": 5}
        assert "third version" in one.get("/posts/one/").text
        assert "Traceback" not in one.log


@pytest.mark.slow
def test_before_a_good_build_every_page_shows_the_faults(tmp_path: Path) -> None:
    """A fault quotes the source, which is escaped as text."""
    evil = "---\ntitle: One\ndate: <script>alert(1)</script>\n---\nText.\n"
    site = preview_site(tmp_path, {"content/posts/one.md": evil})
    with run_dev_server(site) as one:
        page = one.get("/posts/one/")
        assert page.status == 500
        assert page.headers["cache-control"] == "no-store"
        assert {name: page.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS
        assert 'content/posts/one.md<span class="line">:3</span>' in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        assert "<script>alert" not in page.text
        assert '<script src="/_preview/reload.js"' in page.text
        with one.events() as events:
            assert events.next()["summary"] == "1 error"
            write(site / "content/posts/one.md", POST)
            assert events.next() == {"number": 2}
        assert one.get("/posts/one/").status == 200


@pytest.mark.slow
def test_a_page_shows_the_warnings_of_its_source(tmp_path: Path) -> None:
    """They need no script, are only on that page, and stay when a build changes nothing."""
    site = preview_site(tmp_path, {"content/posts/one.md": POST + "\n```<b>\nx\n```\n"})
    with run_dev_server(site) as one, one.events() as events:
        assert events.next() == {"number": 1}
        page = one.get("/posts/one/").text
        assert '<details class="faults preview-warnings"><summary>1 warning</summary>' in page
        assert 'content/posts/one.md<span class="line">:9</span>' in page
        assert "unknown language &#x27;&lt;b&gt;&#x27;" in page
        assert "preview-warnings" not in one.get("/about/").text
        assert "preview-warnings" not in one.get("/posts/").text
        write(site / "content/posts/one.md", POST + "\n```<b>\nx\n```\n")
        assert events.next() == {"number": 2}
        assert one.get("/posts/one/").text == page
        write(site / "content/posts/one.md", POST)
        assert events.next() == {"number": 3}
        assert "preview-warnings" not in one.get("/posts/one/").text


@pytest.mark.slow
def test_site_toml_is_read_again(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    text = (site / "site.toml").read_text("utf-8")
    with run_dev_server(site) as one, one.events() as events:
        events.next()
        write(site / "site.toml", text.replace("Small Site", "Another Name"))
        assert events.next() == {"number": 2}
        assert "Another Name" in one.get("/").text
        write(site / "site.toml", text + "\n[sight]\n")
        assert events.next()["faults"][0]["path"] == "site.toml"


@pytest.mark.slow
def test_a_style_change_keeps_the_version_of_pages(tmp_path: Path) -> None:
    """So that a browser replaces the style sheet without a reload of the page."""
    site = preview_site(tmp_path)
    with run_dev_server(site) as one, one.events() as events:
        events.next()
        before = one.get("/posts/one/")
        write(site / "theme/css/zz.css", ".added{color:#123456}\n")
        events.next()
        after = one.get("/posts/one/")
        assert after.headers["x-preview-version"] == before.headers["x-preview-version"]
        assert after.headers["x-preview-styles"] != before.headers["x-preview-styles"]
        assert after.headers["etag"] != before.headers["etag"]
        assert b"added" in one.get(after.headers["x-preview-styles"]).body


@pytest.mark.slow
def test_editors_that_replace_a_file_or_a_folder_are_followed(tmp_path: Path) -> None:
    """Most editors write a temporary file and rename it; a Git checkout replaces folders."""
    site = preview_site(tmp_path)
    post = site / "content/posts/one.md"
    with run_dev_server(site) as one, one.events() as events:
        events.next()
        write(post.with_name(".one.md.swp"), "swap")
        write(post.with_name("one.md.tmp"), POST.replace("first", "renamed"))
        os.replace(post.with_name("one.md.tmp"), post)
        assert events.next()["number"] == 2
        assert "renamed" in one.get("/posts/one/").text
        shutil.copytree(site / "content", tmp_path / "other")
        write(tmp_path / "other/posts/one.md", POST.replace("first", "exchanged"))
        os.rename(site / "content", tmp_path / "gone")
        os.rename(tmp_path / "other", site / "content")
        events.next()
        wait_until(lambda: "exchanged" in one.get("/posts/one/").text)
        time.sleep(0.5)  # until the new folder is watched
        write(post, POST.replace("first", "later"))
        wait_until(lambda: "later" in one.get("/posts/one/").text)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("content/posts/one.md",            True),
        ("content/posts/Grüße aus Köln.md", True),
        ("theme/less/site.less",            True),
        ("theme/strings/en.toml",           True),
        ("site.toml",                       True),
        ("pelicanconf.py",                  True),
        ("content",                         True),
        ("README.md",                       False),
        ("out/preview/public/index.html",   False),
        ("content/posts/.one.md.swp",       False),
        ("content/posts/one.md~",           False),
        ("content/posts/#one.md#",          False),
        ("content/posts/.#one.md",          False),
        ("content/posts/4913",              False),
        ("content/posts/one.md.tmp",        False),
        ("content/posts/one.md___jb_tmp___", False),
        ("content/.git/index",              False),
        (".git/HEAD",                       False),
        ("sub/site.toml",                   False),
    ],
)  # fmt: skip
def test_only_what_a_build_reads_starts_one(tmp_path: Path, path: str, counts: bool) -> None:
    """A hidden folder above the project does not count."""
    project = tmp_path / ".work" / "site"
    assert watch.is_relevant(project, str(project / path)) is counts
