"""A build ends at once where nothing changed, and only there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.core import config, digests
from pipelines.core.errors import SourceError
from pipelines.core.progress import NoProgress
from pipelines.core.results import SiteResult
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_cache import open_build_cache
from pipelines.site.build_report import BuildReport
from pipelines.site.store import FileStore
from tests.support.project import AS_OF, COMMITTED, ROOT, commit_all, git, run_cli, small_site

SETTINGS = """
import sys
sys.path.insert(0, str(Path(__file__).parent))
import small_site_settings
sys.path.pop(0)
NOTE = (Path(__file__).parent / "note.txt").read_text()
THEME_TEMPLATES_OVERRIDES = [str(Path(__file__).parent / "overrides")]
"""
ABOUT = "content/pages/about.md"
UNREAD = "content/posts/unread.rst"  # a warning
PLAIN = BuildOptions(as_of=AS_OF)


class Stopped(Exception):
    """The build began its first phase: it did not end at once."""


class StopAtFirstPhase(NoProgress):
    def phase(self, name: str, total: int) -> None:
        raise Stopped


def run(
    site: Path,
    options: BuildOptions = PLAIN,
    progress: NoProgress | None = None,
    report: BuildReport | None = None,
) -> SiteResult:
    """Build *site* with its cache, as `build` does, without the variable that pytest changes."""
    with pytest.MonkeyPatch.context() as patch, open_build_cache(site / "out", lambda line: None) as cache:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        loaded = config.load_config(site)
        return build(site, site / "out/site", loaded, options, cache, progress or NoProgress(), report)


def ends_at_once(site: Path, options: BuildOptions = PLAIN) -> bool:
    """Return whether a build ends before its first phase."""
    try:
        run(site, options, StopAtFirstPhase())
    except Stopped:
        return False
    return True


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """Return a site that was built, and a copy of it."""
    folder = tmp_path_factory.mktemp("unchanged")
    site = small_site(folder, history=False)
    with (site / "pelicanconf.py").open("a") as stream:
        stream.write(SETTINGS)
    for name in ("small_site_settings.py", "note.txt", "overrides/extra.html", ".gitignore", UNREAD):
        (site / name).parent.mkdir(exist_ok=True)
        (site / name).write_text("/out/\n" if name == ".gitignore" else "")
    commit_all(site, COMMITTED)
    run(site)
    shutil.copytree(site, folder / "copy", symlinks=True)
    yield site, folder / "copy"
    sys.modules.pop("small_site_settings", None)


@pytest.fixture
def site(built: tuple[Path, Path]) -> Path:
    """Return the site as it was after its build."""
    shutil.rmtree(built[0])
    shutil.copytree(built[1], built[0], symlinks=True)
    return built[0]


def append(name: str, text: str = "\n") -> Callable[[Path], None]:
    def change(site: Path) -> None:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        with (site / name).open("a") as stream:
            stream.write(text)

    change.__name__ = f"append to {name}"
    return change


def same_size(site: Path) -> None:
    """Change one byte, and neither size nor mtime."""
    file = site / ABOUT
    before, data = file.stat(), file.read_bytes()
    file.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def empty_file(site: Path) -> None:
    (site / "content/extra/empty.txt").touch()


def empty_directory(site: Path) -> None:
    (site / "content/posts/empty").mkdir()


def removed_file(site: Path) -> None:
    (site / ABOUT).unlink()


def renamed_file(site: Path) -> None:
    (site / ABOUT).rename(site / "content/pages/other.md")


def unreadable_mode(site: Path) -> None:
    (site / ABOUT).chmod(0o600)


def symbolic_link(site: Path) -> None:
    (site / "content/pages/link.md").symlink_to("about.md")


def fifo(site: Path) -> None:
    os.mkfifo(site / "content/pages/fifo")


def nested_repository(site: Path) -> None:
    git(site, "init", "-q", "content/posts/inner")


def submodule(site: Path) -> None:
    commit = git(site, "rev-parse", "HEAD").strip()
    git(site, "update-index", "--add", "--cacheinfo", f"160000,{commit},content/posts/module")


def amended_date(site: Path) -> None:
    git(site, "commit", "-q", "--amend", "--no-edit", time=COMMITTED + 86_400)


def other_commit(site: Path) -> None:
    git(site, "commit", "-q", "--allow-empty", "-m", "Nothing")


def untracked_file(site: Path) -> None:
    git(site, "rm", "-q", "--cached", ABOUT)


def replaced_commit(site: Path) -> None:
    amended_date(site)
    new = git(site, "rev-parse", "HEAD").strip()
    git(site, "reset", "-q", "--soft", "HEAD@{1}")
    git(site, "replace", "HEAD", new)


def git_configuration(site: Path) -> None:
    git(site, "config", "diff.renameLimit", "1")


def no_repository(site: Path) -> None:
    shutil.rmtree(site / ".git")


def site_file(site: Path) -> Path:
    return site / "out/site/public/index.html"


def chmod_of_the_site(site: Path) -> None:
    site_file(site).chmod(0o600)


def chmod_of_a_directory(site: Path) -> None:
    site_file(site).parent.chmod(0o700)


def rewritten_file_of_the_site(site: Path) -> None:
    data = site_file(site).read_bytes()
    site_file(site).unlink()
    site_file(site).write_bytes(data)


def removed_file_of_the_site(site: Path) -> None:
    site_file(site).unlink()
    os.utime(site_file(site).parent, (digests.EPOCH, digests.EPOCH))


def added_file_of_the_site(site: Path) -> None:
    (site / "out/site/public/posts/x").write_bytes(b"")


def added_directory_of_the_site(site: Path) -> None:
    (site / "out/site/public/x").mkdir()


def link_in_the_site(site: Path) -> None:
    site_file(site).rename(site / "page")
    site_file(site).symlink_to(site / "page")


def changed_record(site: Path) -> None:
    append("out/site/site.json")(site)


def record_without_its_link(site: Path) -> None:
    (site / "out/site.json").unlink()


def site_behind_a_link(site: Path) -> None:
    (site / "out/site").rename(site / "out/moved")
    (site / "out/site").symlink_to("moved")


def no_site(site: Path) -> None:
    shutil.rmtree(site / "out/site")


def no_cache(site: Path) -> None:
    shutil.rmtree(site / "out/cache")


def damaged_record(site: Path) -> None:
    with open_build_cache(site / "out", lambda line: None) as cache:
        cache.store.save("built", {"site": b"\x93"}, {})


def other_version(site: Path) -> None:
    FileStore(site / "out/cache", "another program", lambda line: None).close()


@pytest.mark.quick_cases(4)
@pytest.mark.parametrize(
    "change",
    [
        *map(append, (ABOUT, "content/images/new.txt", "theme/templates/base.html", "theme/less/site.less")),
        *map(append, ("theme/strings/en.toml", "theme/new.txt", "overrides/base.html", "site.toml")),
        *map(append, ("pelicanconf.py", "small_site_settings.py", "note.txt", "package-lock.json")),
        append("node_modules/.package-lock.json"),
        append("pelicanconf.py", "\nPLUGINS.append('tests.support.no_such_plugin')\n"),
        append("pelicanconf.py", "\nJINJA_FILTERS = {'x': lambda value: value}\n"),
        *(same_size, empty_file, empty_directory, removed_file, renamed_file, unreadable_mode),
        *(symbolic_link, fifo, nested_repository, submodule, amended_date, other_commit, untracked_file),
        *(replaced_commit, git_configuration, no_repository, chmod_of_the_site, chmod_of_a_directory),
        *(rewritten_file_of_the_site, removed_file_of_the_site, added_file_of_the_site),
        *(added_directory_of_the_site, link_in_the_site, changed_record, record_without_its_link),
        *(site_behind_a_link, no_site, no_cache, damaged_record, other_version),
    ],
    ids=lambda change: change.__name__,
)
def test_every_change_leads_to_a_full_build(site: Path, change: Callable[[Path], None]) -> None:
    """Whatever a build reads, and whatever it has written."""
    assert ends_at_once(site)
    change(site)
    assert not ends_at_once(site)


@pytest.mark.parametrize(
    "options",
    [BuildOptions(as_of=AS_OF + 1), BuildOptions(as_of=AS_OF, drafts=True), BuildOptions(AS_OF, strict=True)],
)
def test_other_options_lead_to_a_full_build(site: Path, options: BuildOptions) -> None:
    assert not ends_at_once(site, options)


@pytest.mark.parametrize("name", ["LANG", "GIT_DIFF_OPTS", "ANYTHING"])
def test_another_environment_leads_to_a_full_build(
    site: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pelicanconf.py may read any variable, and any file relative to the working directory."""
    with monkeypatch.context() as patched:
        patched.setenv(name, "x")
        assert not ends_at_once(site)
    assert ends_at_once(site)
    monkeypatch.chdir(site)
    assert not ends_at_once(site)


def test_what_no_build_reads_does_not_count(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of sources, other files, the number of processes, the counters of a shell, a copy of the site."""
    os.utime(site / ABOUT)
    (site / "README").write_text("x")
    (site / "out/other").write_text("x")
    monkeypatch.setenv("SHLVL", "7")
    shutil.copytree(site / "out/site", site / "out/copy", symlinks=True)
    shutil.rmtree(site / "out/site")
    (site / "out/copy").rename(site / "out/site")
    assert ends_at_once(site, BuildOptions(as_of=AS_OF, workers=2))


@pytest.mark.slow
def test_the_result_is_that_of_a_full_build(site: Path) -> None:
    """Findings and numbers; the times are those of the comparison."""
    report = BuildReport()
    found = run(site, report=report)
    assert report.unchanged
    assert list(found.phases) == ["compare"]
    assert report.phases == found.phases
    shutil.rmtree(site / "out")
    full = run(site)
    for name in ("digest", "as_of", "pages", "files", "bytes", "gated", "left_out", "findings"):
        assert getattr(found, name) == getattr(full, name), name
    assert full.findings


def test_an_undone_change_is_built_again(site: Path) -> None:
    """The digest belongs to the site that is there, not to one that was."""
    text = (site / ABOUT).read_text()
    append(ABOUT, "\n\nMore.\n")(site)
    run(site)
    assert ends_at_once(site)
    (site / ABOUT).write_text(text)
    assert not ends_at_once(site)
    assert run(site).digest == digests.tree_digest(site / "out/site")
    assert ends_at_once(site)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("phase", ["history", "read", "render", "digest"])
def test_a_change_during_a_build_is_built_by_the_next_one(site: Path, phase: str) -> None:
    """Nobody knows whether the build has read the file before the change, or after."""

    class Editor(NoProgress):
        def phase(self, name: str, total: int) -> None:
            if name == phase:
                append(ABOUT, "\n\nDuring the build.\n")(site)

    append(ABOUT, "\n\nBefore.\n")(site)
    run(site, progress=Editor())
    assert not ends_at_once(site)
    final = run(site)
    assert ends_at_once(site)
    shutil.rmtree(site / "out")
    assert run(site).digest == final.digest


def test_a_change_within_one_tick_of_the_clock_is_noticed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status of a young file does not prove anything: it is read again."""
    append(ABOUT, "\n\nBefore.\n")(site)
    real = (site / ABOUT).lstat()

    class Editor(NoProgress):
        def phase(self, name: str, total: int) -> None:
            if name == "digest":
                same_size(site)

    lstat = os.lstat
    monkeypatch.setattr(
        os, "lstat", lambda path, **o: real if str(path).endswith(ABOUT) else lstat(path, **o)
    )
    run(site, progress=Editor())
    monkeypatch.undo()
    assert not ends_at_once(site)


def test_a_failed_build_keeps_what_is_known_of_the_site(site: Path) -> None:
    """Once the fault is undone, the last site is the right one."""
    text = (site / ABOUT).read_text()
    (site / ABOUT).write_text(text + "\n\n[x](missing.md)\n")
    with pytest.raises(SourceError):
        run(site)
    (site / ABOUT).write_text(text)
    assert ends_at_once(site)


READS = """
import sys
from pathlib import Path
seen = set()
def note(event, args):
    if event in ("open", "os.scandir", "os.listdir"):
        seen.add(str(args[0]))
sys.dont_write_bytecode = True
sys.addaudithook(note)
from pipelines.core import config
from pipelines.site.build import BuildOptions, build
site = Path(sys.argv[1])
build(site, site / "out/site", config.load_config(site), BuildOptions(as_of=int(sys.argv[2])))
inside = {path[len(str(site)) + 1:] for path in seen if path.startswith(str(site) + "/")}
print("\\n".join(sorted({path.split("/")[0] for path in inside})))
"""


@pytest.mark.slow
def test_a_build_reads_nothing_but_what_the_digest_covers(site: Path) -> None:
    """A new source of a build must be one of the digest (pipelines/site/inputs.py)."""
    done = subprocess.run(
        [sys.executable, "-c", READS, str(site), str(AS_OF)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    covered = {"content", "theme", "overrides", "site.toml", "pelicanconf.py", "small_site_settings.py"}
    covered |= {"note.txt", ".git", "__pycache__"}  # by the value of a setting, by Git, by Python
    assert {"content", "theme", "site.toml"} <= set(done.stdout.split()) <= covered | {"out"}


@pytest.mark.slow
def test_the_command_line_says_so(site: Path) -> None:
    """The summary and `--timings`; `--why` still explains the page, from a full build."""
    words = ("build", "--as-of", str(AS_OF))
    first, second = run_cli(site, *words), run_cli(site, *words, "--timings")
    assert second.returncode == 0
    assert "again   nothing: no input has changed since the last build\n" in second.stdout
    assert "phase" in second.stdout
    assert second.stderr == first.stderr  # the findings
    why = run_cli(site, *words, "--why", "/")
    assert "nothing has changed since the last build\n/" in why.stdout
    assert "page    reused" in why.stdout
    clean = run_cli(site, *words, "--clean")
    assert "again   nothing" not in clean.stdout
