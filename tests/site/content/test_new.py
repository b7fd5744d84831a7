"""A page is begun with front matter that the build accepts, whatever its title."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.core.errors import PipelineError, UsageError
from pipelines.site.content import front_matter, metadata
from pipelines.site.content.metadata import Metadata
from pipelines.site.content.new import create_page
from tests.support.previews import preview_site
from tests.support.project import build_site, run_cli, write

NOW = 1_780_000_000  # 2026-05-28 20:26:40 UTC, 22:26 in Berlin


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return preview_site(tmp_path)


def begin(site: Path, title: str, kind: str = "post") -> str:
    return create_page(site, config.load_config(site), kind, title, NOW)


def read(site: Path, path: str) -> Metadata:
    source = front_matter.split_front_matter(front_matter.read_text(site / path, path), path)
    return metadata.parse_metadata(source.entries, path, timezone="Europe/Berlin")


TITLES = {
    "A title": "a-title",
    'He said "no"': "he-said-no",
    "It's: complicated # really": "its-complicated-sharp-really",
    "- begins like a list": "begins-like-a-list",
    "{braces} [brackets] | > % @ ` !": "braces-brackets",
    "back\\slash \\n": "backslash-n",
    "NO": "no",
    "007": "007",
    "~": "",
    "null and void": "null-and-void",
    "Rockets 🚀 & 👩‍🚀 people": "rockets-people",
    "Grüße aus Köln": "grusse-aus-koln",
    "Спутник": "sputnik",
    "C++ and C#": "c-plus-plus-and-c-sharp",
    "  many \t spaces\n within  ": "many-spaces-within",
    "a narrow\u00a0space\u2028and a line": "a-narrow-space-and-a-line",
    "../../etc/passwd": "etcpasswd",
    "--- title: other ---": "title-other",
    "word " * 40: "word-" * 15 + "word",
    "x" * 300: "x" * 80,
}


@pytest.mark.parametrize(("title", "slug"), [(t, s) for t, s in TITLES.items() if s])
def test_any_title_is_read_back_as_it_was_given(site: Path, title: str, slug: str) -> None:
    path = begin(site, title)
    assert path == f"content/posts/{slug}.md"
    meta = read(site, path)
    assert meta.title == " ".join(title.split())
    assert (meta.status, meta.tags, meta.category, meta.summary) == ("draft", (), "", "")


def test_what_was_begun_is_shown_in_a_preview_and_in_no_plain_build(site: Path) -> None:
    paths = {begin(site, title) for title, slug in TITLES.items() if slug}
    paths |= {begin(site, "A page", "page"), begin(site, "A secret", "member")}
    assert build_site(site, drafts=True, as_of=NOW).left_out == ()
    left_out = build_site(site, as_of=NOW).left_out
    assert paths < {line.removesuffix(": draft") for line in left_out}


def test_a_post_is_dated_now_in_the_time_zone_of_the_site(site: Path) -> None:
    date = read(site, begin(site, "A title")).date
    assert date
    assert date.isoformat() == "2026-05-28T22:26:00+02:00"


@pytest.mark.parametrize(("kind", "folder"), [("page", "pages"), ("member", "members")])
def test_other_pages_have_no_date_and_no_tags(site: Path, kind: str, folder: str) -> None:
    path = begin(site, "A title", kind)
    assert path == f"content/{folder}/a-title.md"
    text = (site / path).read_text("utf-8")
    assert text.startswith('---\ntitle: "A title"\nstatus: draft ')
    assert "date:" not in text
    assert "tags:" not in text


@pytest.mark.parametrize("title", ["", "   ", "\n", "~", "🚀", "…", "a\x00b", "a\x1b[31m", "\udcff"])
def test_a_title_that_no_page_can_have_is_refused(site: Path, title: str) -> None:
    before = sorted(site.rglob("*"))
    with pytest.raises(UsageError):
        begin(site, title)
    assert sorted(site.rglob("*")) == before


def test_nothing_is_written_over(site: Path) -> None:
    path = begin(site, "A title")
    write(site / path, "an hour of work")
    with pytest.raises(PipelineError, match=f"{path} already exists"):
        begin(site, "A Title!")
    assert (site / path).read_text("utf-8") == "an hour of work"


def test_a_link_that_leads_away_is_not_followed(site: Path, tmp_path: Path) -> None:
    (site / "content/posts/a-title.md").symlink_to(tmp_path / "other.md")
    with pytest.raises(PipelineError, match="already exists"):
        begin(site, "A title")
    assert not (tmp_path / "other.md").exists()


def test_reserved_urls_and_members_pages_without_login_are_refused(site: Path) -> None:
    with pytest.raises(UsageError, match="/members/ is reserved for the server"):
        begin(site, "Members", "page")
    with pytest.raises(UsageError, match="/tags/ is reserved for a list of posts"):
        begin(site, "Tags", "page")
    text = (site / "site.toml").read_text("utf-8").replace("login    = true", "login    = false")
    write(site / "site.toml", text)
    with pytest.raises(PipelineError, match="set login = true"):
        begin(site, "A secret", "member")


def test_the_command_prints_the_path(site: Path) -> None:
    done = run_cli(site, "new", "post", 'A "title": #1')
    assert (done.returncode, done.stdout, done.stderr) == (0, "content/posts/a-title-sharp1.md\n", "")
    again = run_cli(site, "new", "post", 'A "title": #1')
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("error: content/posts/a-title-sharp1.md already exists")
    empty = run_cli(site, "new", "post", " ")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert empty.stderr.startswith("error: the title is empty")
