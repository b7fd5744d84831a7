"""Bad inputs, one fault in each folder, copied over a good project: the findings, and the unchanged tree.

``tests/bad/good`` is the project. ``tests/bad/<fault>/`` holds the files that
replace or add to its own, ``remove.txt`` the paths to delete, and
``expected.txt`` the whole stderr: a line for each finding, with its severity
and its check. Without an error, the build writes a tree. ``fine-*`` are valid edge cases: their
``fine.txt`` lists what the tree contains (``+ path: text``) and what it must
not (``- path: text``). ``less-*`` belong to the tests of LESS.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.site import build_cache
from pipelines.site.cache import Cache
from tests.support import project

BAD = project.ROOT / "tests" / "bad"
AS_OF = "2026-05-28T00:00:00Z"  # the posts of the good project are due
NOTES = ("expected.txt", "remove.txt", "fine.txt")
FOLDERS = sorted(folder for folder in BAD.iterdir() if not folder.name.startswith("less-"))
FINDINGS = [folder for folder in FOLDERS if (folder / "expected.txt").exists()]
ERROR = re.compile(r"^(.+: )?error: ", re.MULTILINE)
FAULTS = [folder for folder in FINDINGS if ERROR.search((folder / "expected.txt").read_text("utf-8"))]
WARNINGS = [folder for folder in FINDINGS if folder not in FAULTS]
FINE = [folder for folder in FOLDERS if (folder / "fine.txt").exists()]


def folder_name(folder: Path) -> str:
    return folder.name


def overlay(folder: Path, site: Path) -> Path:
    """Copy *folder* over the project *site*; return *site*."""
    ignored = shutil.ignore_patterns(*NOTES)
    shutil.copytree(folder, site, dirs_exist_ok=True, ignore=ignored, copy_function=replace_file)
    gone = folder / "remove.txt"
    for name in gone.read_text("utf-8").split() if gone.exists() else ():
        path = site / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return site


def replace_file(source: str, target: str) -> str:
    """Copy *source* to *target*, a file of its own: the old one is a link to that of another project."""
    Path(target).unlink(missing_ok=True)
    return shutil.copy2(source, target)


def run(site: Path, *words: str) -> int:
    return cli.main(["--project", str(site), "build", "--as-of", AS_OF, "--workers", "1", *words])


@pytest.fixture(scope="module", autouse=True)
def shared_cache() -> Iterator[None]:
    """All builds of this module share one cache in memory, as those of a preview do."""
    cache = Cache()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_cache, "open_build_cache", lambda out, warn: nullcontext(cache))
        yield


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The good project, built: it has an out/site."""
    site = project.tiny_site(tmp_path_factory.mktemp("good"), {})
    overlay(BAD / "good", site)
    assert run(site) == 0
    before = project.files_of(site)
    yield site
    assert project.files_of(site) == before, "a test or a build wrote into a file that others have"


@pytest.fixture
def site(good: Path) -> Iterator[Path]:
    """Links to the files of the good project, at one path for all tests: the cache's templates name it.

    A build writes into no file, be it one of its sources or of a published tree.
    """
    folder = good.parent / "test"
    yield Path(shutil.copytree(good, folder / "site", symlinks=True, copy_function=os.link))
    shutil.rmtree(folder)


def test_every_folder_has_an_expectation() -> None:
    """A folder without expected.txt or fine.txt would be skipped silently."""
    assert [f.name for f in FOLDERS if f not in FINDINGS and f not in FINE] == ["good"]
    assert len(FAULTS) > 100


@pytest.mark.parametrize("folder", FAULTS, ids=folder_name)
def test_a_fault_is_printed_and_the_last_tree_unchanged(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An author sees only the message; the served tree must not change."""
    before = project.files_of(site / "out")
    overlay(folder, site)
    status = run(site)
    printed = capsys.readouterr()
    assert printed.err == (folder / "expected.txt").read_text("utf-8")
    assert (status, printed.out) == (1, "")
    assert project.files_of(site / "out") == before


@pytest.mark.parametrize("folder", WARNINGS, ids=folder_name)
def test_a_warning_is_printed_and_the_site_is_built(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Style and portability are worth a line, not a page that nobody can read."""
    before = project.files_of(site / "out" / "site")
    overlay(folder, site)
    status = run(site)
    printed = capsys.readouterr()
    assert printed.err == (folder / "expected.txt").read_text("utf-8")
    assert status == 0
    assert project.files_of(site / "out" / "site") != before


@pytest.mark.quick_cases(6)
@pytest.mark.parametrize("folder", FAULTS[::8], ids=folder_name)
def test_a_fault_in_the_first_build_writes_no_tree(
    folder: Path, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tree that exists is a tree that may be published."""
    shutil.rmtree(site / "out")
    overlay(folder, site)
    assert run(site) == 1
    assert capsys.readouterr().err == (folder / "expected.txt").read_text("utf-8")
    assert not (site / "out" / "site").exists()
    assert [name for name in project.files_of(site / "out") if not name.startswith(".")] == []


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", ["many-faults", "template-type-error", "config-not-toml"])
def test_the_command_prints_the_same(name: str, site: Path) -> None:
    """The command behaves as the function that the other tests call."""
    overlay(BAD / name, site)
    done = project.run_cli(site, "build", "--as-of", AS_OF)
    expected = (BAD / name / "expected.txt").read_text("utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def secret(site: Path) -> Path:
    """A file outside of the project, which must not be published."""
    outside = site.parent / "secret"
    outside.mkdir()
    (outside / "key.txt").write_text("secret")
    (outside / "page.md").write_text("---\ntitle: Secret\n---\nWords.\n")
    return outside


def link_to_a_file_outside(site: Path) -> None:
    (site / "content" / "pages" / "new.md").symlink_to(secret(site) / "page.md")


def link_to_a_folder_outside(site: Path) -> None:
    (site / "content" / "extra").symlink_to("../../secret")
    secret(site)


def link_through_another_link(site: Path) -> None:
    (site / "way").symlink_to(secret(site))
    (site / "content" / "pages" / "new.md").symlink_to("../../way/page.md")


def link_to_nothing(site: Path) -> None:
    (site / "content" / "pages" / "new.md").symlink_to("nowhere.md")


def link_to_itself(site: Path) -> None:
    (site / "content" / "pages" / "new.md").symlink_to("new.md")


def link_in_a_circle(site: Path) -> None:
    (site / "content" / "posts" / "all").symlink_to("../../content")


def link_to_the_project(site: Path) -> None:
    (site / "content" / "extra").symlink_to("..")


def link_to_what_is_hidden(site: Path) -> None:
    project.write(site / ".git" / "config", "secret")
    (site / "content" / "extra").mkdir()
    (site / "content" / "extra" / "config").symlink_to("../../.git/config")


def link_into_the_members_folder(site: Path) -> None:
    project.write(site / "content" / "members" / "list.txt", "secret")
    (site / "content" / "extra").mkdir()
    (site / "content" / "extra" / "list.txt").symlink_to("../members/list.txt")
    (site / "content" / "files").symlink_to("members")


def pipe(site: Path) -> None:
    os.mkfifo(site / "content" / "posts" / "new.md")


def pipes_elsewhere(site: Path) -> None:
    for name in ("content/images/new.png", "content/files/new.pdf", "theme/images/new.svg"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(site / name)


def name_that_is_not_utf8(site: Path) -> None:
    Path(os.fsdecode(bytes(site / "content" / "posts") + b"/gr\xfc\xdfe.md")).write_text("x")


def name_with_a_line_break(site: Path) -> None:
    project.write(site / "content" / "posts" / "a\nb.md", "x")


def content_that_is_a_file(site: Path) -> None:
    shutil.rmtree(site / "content")
    project.write(site / "content", "x")


def config_that_is_a_folder(site: Path) -> None:
    (site / "site.toml").unlink()
    (site / "site.toml").mkdir()


def settings_that_are_pipes(site: Path) -> None:
    for name in ("site.toml", "pelicanconf.py"):
        (site / name).unlink()
        os.mkfifo(site / name)


def settings_of_pelican_that_are_a_pipe(site: Path) -> None:
    (site / "pelicanconf.py").unlink()
    os.mkfifo(site / "pelicanconf.py")


def drawing_that_is_a_pipe(site: Path) -> None:
    source = site / "content/diagrams/parts.puml"
    project.write(source, "@startuml\n' name: Parts\n' description: Two parts.\n[One] --> [Two]\n@enduml\n")
    os.mkfifo(source.with_suffix(".svg"))
    text = "---\ntitle: New\n---\n![Parts](../diagrams/parts.puml)\n"
    project.write(site / "content/pages/new.md", text)


def replace_text(file: Path, text: str) -> None:
    file.unlink()
    project.write(file, text)


def strings_that_lack_one(site: Path) -> None:
    file = site / "theme" / "strings" / "de.toml"
    lines = file.read_text("utf-8").splitlines(keepends=True)
    replace_text(file, "".join(line for line in lines if not line.startswith("skip ")))


def strings_with_another_placeholder(site: Path) -> None:
    file = site / "theme" / "strings" / "de.toml"
    replace_text(file, file.read_text("utf-8").replace("{site}", "{seite}", 1))


def strings_with_a_brace(site: Path) -> None:
    file = site / "theme" / "strings" / "en.toml"
    replace_text(file, file.read_text("utf-8").replace('skip = "', 'skip = "{', 1))


@pytest.mark.parametrize(
    ("prepare", "faults"),
    [
        (link_to_a_file_outside, ["content/pages/new.md: is a link that leads out of the project; "]),
        (link_to_a_folder_outside, ["content/extra: is a link that leads out of the project; "]),
        (link_through_another_link, ["content/pages/new.md: is a link that leads out of the project; "]),
        (link_to_nothing, ["content/pages/new.md: is a link that leads nowhere; "]),
        (link_to_itself, ["content/pages/new.md: is a link that leads nowhere; "]),
        (link_in_a_circle, ["content/posts/all: is a link to one of its parent directories; "]),
        (link_to_the_project, ["content/extra: is a link to one of its parent directories; "]),
        (
            link_to_what_is_hidden,
            ["content/extra/config: is a link that leads to .git/config, which is hidden; "],
        ),
        (
            link_into_the_members_folder,
            [
                "content/extra/list.txt: is a link that leads into content/members; ",
                "content/files: is a link that leads into content/members; ",
            ],
        ),
        (pipe, ["content/posts/new.md: is not a file or a directory; "]),
        (
            pipes_elsewhere,
            [
                "content/files/new.pdf: is not a file or",
                "content/images/new.png: is not a file or",
                "theme/images/new.svg: is not a file or",
            ],
        ),
        (name_that_is_not_utf8, ["content/posts/gr\\udcfc\\udcdfe.md: its name is not UTF-8; "]),
        (name_with_a_line_break, ["content/posts/a\\nb.md: its name has a control character; "]),
        (content_that_is_a_file, ["content: no such folder; "]),
        (config_that_is_a_folder, ["site.toml: cannot be read (Is a directory); "]),
        (settings_that_are_pipes, ["site.toml: cannot be read (not a regular file); "]),
        (settings_of_pelican_that_are_a_pipe, ["pelicanconf.py: is not a file; "]),
        (
            drawing_that_is_a_pipe,
            [
                "content/diagrams/parts.puml:1: parts.svg cannot be read (not a regular file); ",
                "content/diagrams/parts.svg: is not a file or a directory; ",
            ],
        ),
        (strings_that_lack_one, ["theme/strings/de.toml: has no skip; "]),
        (strings_with_another_placeholder, ["theme/strings/de.toml: 'home_of' requires {seite}; "]),
        (strings_with_a_brace, ["theme/strings/en.toml:"]),
    ],
)
def test_links_and_names_that_are_refused(
    prepare: Callable[[Path], None], faults: list[str], site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Links and names that a repository cannot keep, or should not."""
    before = project.files_of(site / "out")
    prepare(site)
    assert run(site) == 1
    printed = [line.replace(": error: ", ": ", 1) for line in capsys.readouterr().err.splitlines()[:-2]]
    assert [line[: len(start)] for line, start in zip(printed, faults, strict=True)] == faults
    assert project.files_of(site / "out") == before


def test_links_inside_of_the_project_are_followed(site: Path) -> None:
    """One picture for the theme and a page, one folder of files for two: that is what links are for."""
    content = site / "content"
    project.write(content / "files" / "one.txt", "one")
    (content / "more").symlink_to("files")
    (content / "images" / "mark.svg").symlink_to("../../theme/images/mark.svg")
    text = "---\ntitle: New\n---\n![A mark](../images/mark.svg)\n\n[One](../more/one.txt)\n"
    project.write(content / "pages" / "new.md", text)
    assert run(site) == 0
    public = site / "out" / "site" / "public"
    assert (public / "more" / "one.txt").read_text() == "one"
    assert len(list((public / "assets").glob("mark.*.svg"))) == 1


def test_a_project_may_lie_in_any_folder(good: Path, tmp_path: Path) -> None:
    """Home directories may have any name."""
    site = Path(shutil.copytree(good, tmp_path / "Größe & Co. 100 %" / "a #1 [x] {y}", symlinks=True))
    shutil.rmtree(site / "out")
    assert run(site) == 0
    tree = Path("out", "site", "public")
    assert project.files_of(site / tree) == project.files_of(good / tree)


def test_a_file_that_may_not_be_read_is_a_fault(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page must not vanish because of its mode. (These tests may run as root, who may read all.)"""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "one.md" not in str(path) and may(path, mode))
    assert run(site) == 1
    expected = "content/posts/one.md: error: cannot be read (Permission denied); make it a readable file ["
    assert capsys.readouterr().err.startswith(expected)


def test_files_of_editors_are_ignored(site: Path) -> None:
    """A preview builds while an editor holds a file open; its lock is a link to nothing."""
    for folder in ("posts", "extra"):
        project.write(site / "content" / folder / ".one.md.swp", b"\0")
        project.write(site / "content" / folder / "one.md~", "backup")
        (site / "content" / folder / ".#one.md").symlink_to("me@here.4711")
    assert run(site) == 0
    assert not [name for name in project.files_of(site / "out" / "site") if "one.md" in name]


@pytest.mark.quick_cases(10)
@pytest.mark.parametrize("folder", FINE, ids=folder_name)
def test_valid_edge_cases_are_published(folder: Path, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build that refuses good pages is as bad as one that loses them."""
    overlay(folder, site)
    status = run(site)
    assert (status, ERROR.findall(capsys.readouterr().err)) == (0, [])
    for line in (folder / "fine.txt").read_text("utf-8").splitlines():
        sign, _, rest = line.partition(" ")
        name, _, text = rest.partition(": ")
        file = site / "out" / "site" / name
        held = file.exists() and text in file.read_text("utf-8")
        assert (line, held) == (line, sign == "+")
