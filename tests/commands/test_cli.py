"""The command line: its output streams and its exit status."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines import cli
from pipelines.core.errors import Fault, SourceError
from pipelines.tools.terminal import format_size
from tests.support.project import AS_OF, COMMITTED, ROOT, commit_all, run_cli, tiny_site, write

PAGE = "---\ntitle: About\n---\nText.\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tiny_site(tmp_path_factory.mktemp("cli"), {"content/pages/about.md": PAGE})
    post = "---\ntitle: One\ndate: 2026-01-01\n---\nText.\n"
    write(project / "content/posts/one.md", post)
    commit_all(project, COMMITTED)
    return project


@pytest.mark.slow
def test_a_build_prints_a_summary_and_nothing_else(site: Path) -> None:
    """Piped, there is no progress bar and no colour: stderr stays empty when all is well."""
    done = run_cli(site, "build", "--as-of", str(AS_OF))
    assert (done.returncode, done.stderr) == (0, "")
    assert "18 pages; " in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1].endswith("as of 2026-05-28 20:26 UTC")


def test_the_result_is_json_for_machines(site: Path) -> None:
    done = run_cli(site, "build", "--json", "--as-of", str(AS_OF))
    result = json.loads(done.stdout)
    assert result == json.loads((site / "out" / "site.json").read_text())
    assert result["as_of"] == AS_OF


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("arguments", "env", "as_of"),
    [
        (["--as-of", "2026-11-23"], {}, 1_795_392_000),
        (["--as-of", "2026-11-23T01:00:00+01:00"], {}, 1_795_392_000),
        (["--as-of", "1795392000"], {}, 1_795_392_000),
        ([], {"SOURCE_DATE_EPOCH": "1795392000"}, 1_795_392_000),
        ([], {}, COMMITTED),
        (["--as-of", "1795392000"], {"SOURCE_DATE_EPOCH": "1"}, 1_795_392_000),
    ],
    ids=["a day", "with an offset", "seconds", "from the environment", "of HEAD", "the option first"],
)
def test_the_time_that_decides_what_is_due(
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    env: dict[str, str],
    as_of: int,
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["--project", str(site), "build", "--json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["as_of"] == as_of


def test_without_git_the_clock_decides_and_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build itself never reads the clock; the command does, and logs how to repeat the build."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    project = tiny_site(
        tmp_path, {"content/pages/about.md": PAGE, "content/posts/x.md": "Title: X\nDate: 2026-01-01\n"}
    )
    assert cli.main(["--project", str(project), "build"]) == 0
    assert "no Git here: posts are due as of the clock; for equal bytes: --as-of 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        ([], 2, "usage: "),
        (["nonsense"], 2, "invalid choice: 'nonsense'"),
        (["build", "--as-of", "soon"], 2, "error: --as-of 'soon' is not a time; write 2026-11-23, "),
        (["build", "--workers", "0"], 2, "'0' is not a number from 1 to 256"),
        (["serve", "--port", "99999"], 2, "'99999' is not a port from 1 to 65535"),
        (["new", "poem", "x"], 2, "invalid choice: 'poem'"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_fix(
    site: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, message: str
) -> None:
    try:
        ended = cli.main(["--project", str(site), *arguments])
    except SystemExit as exit_:  # argparse's own
        ended = int(exit_.code or 0)
    assert (ended, message in capsys.readouterr().err) == (status, True)


def test_a_directory_without_site_toml_is_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--project", str(tmp_path), "build"]) == 1
    fault = "site.toml: error: no such file; run in the directory of the site, or name it with --project"
    expected = f"{fault} [project]\n\n1 error in 1 check; nothing was written\n"
    assert capsys.readouterr().err == expected


def test_a_bug_keeps_its_traceback(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only faults of the user are one line: a bug must not be hidden."""
    monkeypatch.setattr("pipelines.core.config.load_config", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["--project", str(site), "build"])


INTERRUPTED = """
import sys

class Interrupt:
    def find_spec(self, name, *_):
        if name == "pipelines.cli":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from pipelines.__main__ import run
run()
"""


def test_an_interrupt_while_the_program_is_imported_leaves_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")


def test_a_closed_pipe_is_no_fault(site: Path) -> None:
    """As in `… build --json | head -1`."""
    build = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "--project", str(site), "build", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert build.stdout is not None
    build.stdout.close()
    assert build.stderr is not None
    stderr = build.stderr.read()
    build.stderr.close()
    assert (build.wait(timeout=60), stderr) == (0, b"")


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_as_dev_null(site: Path, redirection: str) -> None:
    """What is printed must not go into a file that took the number of the stream."""
    command = f'"$@" settings --help {redirection}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, "-m", "pipelines", "--project", str(site)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_result_that_cannot_be_written_is_a_fault(site: Path, unbuffered: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", "--project", str(site), "checks", "due"],
            cwd=ROOT, env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    message = "error: stdout: cannot be written (No space left on device); free some space"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, message)
    assert "Traceback" not in done.stderr


def test_without_git_the_build_names_it(site: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", str(site), "build"],
        cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    message = "error: git is not installed, or not on PATH; install it\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", message)


@pytest.mark.slow
def test_a_tree_without_a_history_builds_without_git(tmp_path: Path) -> None:
    """An unpacked archive of a site; the dates are those of the front matter."""
    page = "---\ntitle: About\n---\nText.\n"
    site = tiny_site(tmp_path, {"content/pages/about.md": page, "content/posts/.keep": ""})
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", str(site), "build", "--as-of", str(AS_OF)],
        cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_faults_are_sorted_and_unique() -> None:
    one, two = Fault("b.md", 2, "x", "y"), Fault("a.md", 10, "x", "y")
    assert str(SourceError([one, two, one])) == "a.md:10: x; y\nb.md:2: x; y"


BAR = """
import time
from pipelines.tools import terminal
terminal.BAR_DELAY = 0.2
with terminal.ProgressBar() as bar:
    bar.phase("convert", 30)
    for _ in range(30):
        time.sleep(0.02)
        bar.advance(1)
"""


def run_on_terminal(script: str) -> str:
    """Run *script* with a terminal as its stderr; return what was written to it."""
    master, slave = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    done = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=slave, env=env)
    os.close(slave)
    seen = b""
    while True:
        try:
            chunk = os.read(master, 4096)
        except OSError:  # Linux: the other side has closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(master)
    assert done.wait(timeout=30) == 0
    return seen.decode()


def test_a_long_build_shows_a_progress_bar() -> None:
    seen = run_on_terminal(BAR)
    assert "convert" in seen
    assert "/30" in seen


def test_a_short_build_shows_no_progress_bar() -> None:
    assert run_on_terminal(BAR.replace("0.2", "60")) == ""


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (328_000, "328 kB"), (2_460_000, "2.5 MB")],
)
def test_sizes_have_a_unit_and_two_digits(count: int, text: str) -> None:
    assert format_size(count) == text
