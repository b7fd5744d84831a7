"""A build after edits of texts alone renders the pages that read them, and gives what a clean build gives."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from pipelines.core import config
from pipelines.core.errors import SourceError
from pipelines.core.results import SiteResult, read_site
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_cache import open_build_cache
from pipelines.site.build_report import BuildReport
from tests.support.compared_builds import ComparedBuilds, Outcome, differences, outcome_of, snapshot
from tests.support.edited_site import BLOCKS, BROKEN
from tests.support.project import AS_OF, COMMITTED, commit_all, tiny_site, write

POST = "content/posts/p{}.md"
TEXT = (
    "---\ntitle: Post {0}\ndate: 2026-01-{0:02}\ntags: [one]\n---\n\nThe summary.\n\n## Start\n\nText {0}.\n"
)
FILES = {
    **{POST.format(number): TEXT.format(number) for number in range(1, 9)},
    "content/pages/about.md": "---\ntitle: About\n---\n\nWho we are.\n\nMore of it.\n",
    "content/members/inside.md": "---\ntitle: Inside\n---\n\nFor members.\n\nMore of it.\n",
    "content/files/facts.csv": "one,1\n",
    ".gitignore": "/out/\n",
}
ARTICLE = "theme/templates/article.html"
Edit = Callable[[Path], None]


def run(site: Path, report: BuildReport | None = None) -> SiteResult:
    """Build *site* with its cache, as `build` does, without the variable that pytest changes."""
    with pytest.MonkeyPatch.context() as patch, open_build_cache(site / "out", lambda line: None) as cache:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        options = BuildOptions(as_of=AS_OF)
        return build(site, site / "out/site", config.load_config(site), options, cache, None, report)


def is_of_whole_site(result: SiteResult) -> bool:
    """Return whether the build has read all of content/ and theme/."""
    return "compress" in result.phases


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site that was built."""
    site = tiny_site(tmp_path_factory.mktemp("texts"), FILES)
    append("FEED_MAX_ITEMS = 2", "pelicanconf.py")(site)
    commit_all(site, COMMITTED)
    run(site)
    return site


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Path:
    """Return a copy of that site, built where it is."""
    shutil.copytree(built, tmp_path / "site", symlinks=True)
    return tmp_path / "site"


def compare(site: Path) -> SiteResult:
    """Build *site*, and compare that with a clean build; return the result."""
    found: list[SiteResult] = []

    def incremental() -> SiteResult:
        found.append(run(site))
        return found[0]

    def clean() -> SiteResult:
        loaded, options = config.load_config(site), BuildOptions(as_of=AS_OF)
        return build(site, site.parent / "clean/site", loaded, options)

    expected: Outcome = outcome_of(clean)
    assert outcome_of(incremental) == expected
    assert differences(snapshot(site / "out/site"), snapshot(site.parent / "clean/site")) == []
    return found[0]


def append(text: str, *paths: str) -> Edit:
    """Return an edit that appends *text* to *paths*."""

    def edit(site: Path) -> None:
        for path in paths or (POST.format(4),):
            with (site / path).open("a") as stream:
                stream.write(f"\n{text}\n")

    return edit


def replace_in(path: str, old: str, new: str) -> Edit:
    """Return an edit that replaces *old* with *new*."""

    def edit(site: Path) -> None:
        text = (site / path).read_text("utf-8")
        assert old in text
        write(site / path, text.replace(old, new))

    return edit


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(append("A sentence."), id="a sentence"),
        pytest.param(append("A sentence.", POST.format(1), POST.format(8)), id="two texts"),
        pytest.param(append("See [that](p2.md#start)."), id="a link to a heading of another page"),
        pytest.param(append("A sentence.", "content/pages/about.md"), id="a page"),
        pytest.param(append("A sentence.", "content/members/inside.md"), id="a page for members"),
        pytest.param(replace_in(POST.format(4), "Text 4.", "Short."), id="fewer words"),
    ],
)
def test_a_text_that_only_its_own_pages_read_is_built_alone(site: Path, edit: Edit) -> None:
    edit(site)
    assert not is_of_whole_site(compare(site))


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(append("## A heading"), id="an id, to which others may link"),
        pytest.param(replace_in(POST.format(4), "Post 4", "Another"), id="a title"),
        pytest.param(replace_in(POST.format(4), "The summary.", "Another."), id="a summary"),
        pytest.param(append("word " * 700), id="minutes to read"),
        pytest.param(append("See [the facts](../files/facts.csv)."), id="an attachment"),
        pytest.param(append("```nolanguage\nx\n```"), id="a warning"),
        pytest.param(append("", "site.toml"), id="a setting"),
        pytest.param(lambda site: shutil.rmtree(site / "out/site/public/posts"), id="a damaged site"),
    ],
)  # fmt: skip
def test_the_whole_site_is_built_where_more_may_depend_on_it(site: Path, edit: Edit) -> None:
    append("A sentence.")(site)
    edit(site)
    assert is_of_whole_site(compare(site))


def test_a_broken_link_is_refused_and_can_be_repaired(site: Path) -> None:
    """The failed build leaves the last site, and the state that the next one begins with."""
    append("See [nothing](/nowhere/).")(site)
    with pytest.raises(SourceError, match=r"p4\.md:\d+: links to /nowhere/"):
        run(site)
    replace_in(POST.format(4), "/nowhere/", "/about/")(site)
    compare(site)


def test_pages_that_show_the_text_of_another_are_rendered_too(site: Path) -> None:
    """A theme may read more of its neighbours than their titles."""
    shown = "{% if article.prev_article %}{{ article.prev_article.content | length }}{% endif %}</article>"
    replace_in(ARTICLE, "</article>", shown)(site)
    run(site)
    report = BuildReport()
    append("A sentence.")(site)
    run(site, report)
    assert {name for name, work in report.rendered.items() if work.now} >= {
        "posts/p4/index.html",
        "posts/p5/index.html",
    }
    append("Another one.")(site)
    assert not is_of_whole_site(compare(site))


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "read", ["articles | length", "article.settings.ARTICLE_PATHS | length", "article._context.tags | length"]
)
def test_a_text_may_make_a_template_read_all_posts(site: Path, read: str) -> None:
    """Pelican plans only some posts: what else a template reads, the last build does not know."""
    shown = f'{{% if "magic" in article.content %}}{{{{ {read} }}}}{{% endif %}}</article>'
    replace_in(ARTICLE, "</article>", shown)(site)
    run(site)
    append("A magic sentence.")(site)
    assert is_of_whole_site(compare(site))
    append("Another one.")(site)
    compare(site)


def test_a_page_that_begins_to_show_another_text_follows_it(site: Path) -> None:
    """The state of the last build names the pages that read a text: it must not lack a new one."""
    shown = "article.prev_article and 'magic' in article.content"
    text = f"{{% if {shown} %}}{{{{ article.prev_article.content | length }}}}{{% endif %}}</article>"
    replace_in(ARTICLE, "</article>", text)(site)
    run(site)
    append("A magic sentence.", POST.format(4), POST.format(3))(site)
    compare(site)
    append("Another one.", POST.format(3))(site)
    compare(site)


def test_edits_do_not_fill_the_cache(site: Path) -> None:
    """What is replaced is removed at once: only a build of the whole site looks for what nobody uses."""

    def blobs() -> int:
        database = sqlite3.connect(site / "out/cache/build.sqlite")
        try:
            return int(database.execute("select count(*) from blobs").fetchone()[0])
        finally:
            database.close()

    before = blobs()
    for number in range(3):
        append(f"Sentence {number}.")(site)
        assert not is_of_whole_site(run(site))
    assert blobs() == before


class TextEdits(ComparedBuilds):
    """Edits of texts, and of hardly anything else."""

    alone = 0  # builds of all examples that were not of the whole site

    @initialize()
    def begin(self) -> None:
        self.save()
        commit_all(self.project, self.time)
        self.check()

    def build_with_file(self) -> Outcome:
        found = super().build_with_file()
        record = self.project / "out/site.json"
        type(self).alone += record.exists() and "compress" not in read_site(record).phases
        return found

    @rule(number=st.integers(0, 30), kind=st.sampled_from((0, 3, 5, 19)), other=st.integers(0, 30))
    def append_plain_block(self, number: int, kind: int, other: int) -> None:
        self.site.sources[self.site.path_of(number)].blocks.append(self.site.block(kind, other))
        self.done()

    @rule(number=st.integers(0, 30), kind=st.integers(0, len(BLOCKS) - 1), other=st.integers(0, 30))
    def append_block(self, number: int, kind: int, other: int) -> None:
        self.site.sources[self.site.path_of(number)].blocks.append(self.site.block(kind, other))
        self.done()

    @rule(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=4))
    def append_to_several(self, numbers: list[int]) -> None:
        for number in numbers:
            self.site.sources[self.site.path_of(number)].blocks.append(f"It is about {number}.")
        self.done()

    @rule(number=st.integers(0, 30))
    def remove_block(self, number: int) -> None:
        blocks = self.site.sources[self.site.path_of(number)].blocks
        if len(blocks) > 1:
            blocks.pop()
        self.done()

    @rule(number=st.integers(0, 30), kind=st.integers(0, len(BROKEN) - 1))
    def break_text(self, number: int, kind: int) -> None:
        self.site.sources[self.site.path_of(number)].blocks.append(BROKEN[kind].format(number))
        self.done()


@pytest.mark.slow
def test_edits_of_texts_give_what_clean_builds_give() -> None:
    """The same edits on every machine."""
    chosen = settings(
        max_examples=3, stateful_step_count=16, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    TextEdits.alone = 0
    run_state_machine_as_test(TextEdits, settings=chosen)
    assert TextEdits.alone >= 20
