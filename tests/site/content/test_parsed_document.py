"""Front matter that the cache keeps gives the documents that reading it again gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.core.config import SiteConfig
from pipelines.site.build_cache import open_build_cache
from pipelines.site.cache import Cache
from pipelines.site.content.documents import Content, read_documents
from pipelines.site.pelican.render import pelican_settings
from pipelines.site.pelican.settings import url_patterns
from pipelines.tools import git_history
from pipelines.tools.git_history import Change, History
from pipelines.tools.git_repository import find_repository
from tests.support.project import AS_OF, ROOT, small_site, tiny_site, write

FILES = {
    "content/posts/zone.md": "Title: Zone\nDate: 2026-03-01 10:00\n\nText.\n",
    "content/posts/fold.md": "Title: Fold\nDate: 2026-10-25 02:30\n\nText.\n",
    "content/posts/utc.md": "---\ntitle: UTC\ndate: 2026-03-01T10:00:00Z\n---\nText.\n",
    "content/posts/offset.md": (
        "---\ntitle: Offset\ndate: 2026-03-01 10:00 -03:30\nmodified: 2026-04-01\n---\n"
    ),
    "content/posts/2026-01-01-name.md": "# From the heading\n\nText.\n",
    "content/posts/setext.md": "---\ndate: 2026-01-02\n---\n\nA title\n=======\n\nText.\n",
    "content/posts/toml.md": "+++\ntitle = 'T'\ndate = 2026-01-03\ntags = ['a', 'b']\n+++\n\nText.\n",
    "content/posts/draft.md": "Title: Draft\nDate: 2026-01-04\nStatus: draft\n\nText.\n",
    "content/posts/later.md": "Title: Later\nDate: 2099-01-04\n\nText.\n",
    "content/posts/own.md": (
        "---\ntitle: Own\ndate: 2026-01-05\nday: 2026-02-03\nrating: 4\nflag: true\n"
        "names: [x, y]\nword: 2026\n---\n"
    ),
    "content/posts/windows.md": "\ufeffTitle: CRLF\r\nDate: 2026-01-06\r\n\r\nText.\r\n",
    "content/posts/no-date.md": "Title: No date\n\nText.\n",
    "content/posts/bad-date.md": "Title: Bad\nDate: yesterday\n\nText.\n",
    "content/posts/unknown.md": "---\ntitle: Unknown\ndate: 2026-01-07\nlayout: post\n---\nText.\n",
    "content/posts/broken.md": "---\ntitle: [\n---\nText.\n",
    "content/posts/late.md": "Title: Late\nDate: 2026-01-08\n\nstatus: draft\n\nText.\n",
    "content/pages/empty.md": "",
    "content/pages/prose.md": "Rustdoc: a sentence of text\n\nMore.\n",
    "content/pages/all.md": (
        "---\ntitle: All\nslug: s\nauthor: [A, B]\ncategory: c\nsummary: S\naliases: [/old/]\nlang: de\n"
        "dialect: python-markdown\naccess: members\n---\n## A heading\n"
    ),
}
OWN = (("day", "date"), ("rating", "int"), ("flag", "bool"), ("names", "list"), ("word", "text"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tiny_site(tmp_path, FILES)


def settings_of(project: Path) -> SiteConfig:
    return replace(config.load_config(project), metadata_extra=OWN)


def read(
    project: Path,
    cache: Cache | None,
    *,
    site: SiteConfig | None = None,
    history: History | None = None,
    as_of: int = AS_OF,
) -> Content:
    site = site or settings_of(project)
    patterns = url_patterns(pelican_settings(project), site)
    return read_documents(project, site, patterns, history, as_of=as_of, drafts=False, cache=cache)


def parsed(project: Path, **options: object) -> int:
    """Read *project* with its cache, as a clean build does; return how many texts were parsed."""
    with open_build_cache(project / "out", lambda line: None) as cache:
        cache.begin_build()
        found = read(project, cache, **options)  # type: ignore[arg-type]
        cache.save()
        assert repr(found) == repr(read(project, None, **options))  # type: ignore[arg-type]
        return cache.misses.get("document", 0)


def test_stored_front_matter_gives_the_same_documents(site: Path) -> None:
    """All of them, with dates in zones and offsets, own keys, faults and titles in headings."""
    assert parsed(site) >= len(FILES) - 1
    assert parsed(site) <= 1  # what cannot be split is not stored


def test_it_does_for_the_sites_of_this_repository(tmp_path: Path) -> None:
    project = small_site(tmp_path)
    for file in (ROOT / "content").rglob("*.md"):
        write(project / file.relative_to(ROOT), file.read_bytes())
    history = git_history.read_history(find_repository(project), "content", ["theme"])
    assert parsed(project, history=history) > 5
    assert parsed(project, history=history) == 0


def test_only_a_changed_text_is_parsed_again(site: Path) -> None:
    before = parsed(site) - parsed(site)
    assert before > 0
    write(site / "content/posts/zone.md", FILES["content/posts/zone.md"] + "More.\n")
    again = parsed(site)
    assert again - parsed(site) == 1


def test_what_git_and_the_clock_add_is_not_stored(site: Path) -> None:
    """A new commit changes the date of a page, and time makes a post due."""
    parsed(site)
    for time in (1_775_000_000, 1_776_000_000):
        changed = {"content/posts/zone.md": Change(time, is_cut=False, is_added=False)}
        cut = {"content/posts/utc.md": Change(time, is_cut=True, is_added=False)}
        assert parsed(site, history=History(changed | cut)) <= 1
    assert parsed(site, as_of=4_100_000_000) <= 1


def test_other_settings_parse_all_texts_again(site: Path) -> None:
    """The time zone of a date, the language and the URL of a page depend on them."""
    count = parsed(site)
    other = replace(settings_of(site), timezone="America/New_York", lang="de")
    assert parsed(site, site=other) == count
    assert parsed(site, site=replace(other, metadata_extra=())) == count


def test_a_renamed_file_is_parsed_again(site: Path) -> None:
    """Its name gives date and slug."""
    parsed(site)
    rest = parsed(site)
    (site / "content/posts/2026-01-01-name.md").rename(site / "content/posts/2026-01-02-name.md")
    assert parsed(site) == rest + 1
