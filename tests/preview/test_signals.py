"""Tests and the preview end by signals, whoever has started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.previews import clean_environment, free_port, preview_site, wait_until
from tests.support.project import ROOT

# Starts the words behind it as a shell without job control does for `&`, and as nohup does.
IGNORE = "import os, signal, sys; {}; os.execv(sys.argv[1], sys.argv[1:])"
BACKGROUND = "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGQUIT, signal.SIG_IGN)"
NOHUP = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"

SHOWS = """
import signal, subprocess, sys
from tests.support.signals import restore_default_signals
restore_default_signals()
words = "import signal; print(*(signal.getsignal(n) == signal.SIG_IGN for n in (1, 2, 3)))"
subprocess.run([sys.executable, "-c", words], check=True)
signal.raise_signal(signal.SIGINT), signal.raise_signal(signal.SIGHUP)
print("goes on")
"""


def test_children_of_tests_get_default_signals() -> None:
    """Or every test that ends a child by SIGINT would fail in a background job."""
    ignoring = IGNORE.format(f"{BACKGROUND}; {NOHUP}")
    argv = [sys.executable, "-c", ignoring, sys.executable, "-c", SHOWS]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("False False False\ngoes on\n", "")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("ignore", "ended_by", "kept_by", "hint"),
    [
        ("pass",     signal.SIGINT,  None,          "(Ctrl-C stops it)"),
        ("pass",     signal.SIGHUP,  None,          "(Ctrl-C stops it)"),
        (BACKGROUND, signal.SIGTERM, signal.SIGINT, "(kill {} stops it)"),
        (NOHUP,      signal.SIGINT,  signal.SIGHUP, "(Ctrl-C stops it)"),
    ],
)  # fmt: skip
def test_the_preview_stops_by_the_signals_its_caller_left(
    tmp_path: Path, ignore: str, ended_by: signal.Signals, kept_by: signal.Signals | None, hint: str
) -> None:
    """Started by a script with & or by nohup, it ignores what they want ignored, and says how to end it."""
    log = tmp_path / "serve.log"
    serve = ["-m", "pipelines", "--project", str(preview_site(tmp_path / "site")), "serve"]
    argv = [sys.executable, "-c", IGNORE.format(ignore), sys.executable, *serve, "--port", str(free_port())]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=clean_environment(), stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        wait_until(lambda: "pages in" in log.read_text("utf-8") or process.poll() is not None)
        assert hint.format(process.pid) in log.read_text("utf-8")
        if kept_by:
            process.send_signal(kept_by)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
        process.send_signal(ended_by)
        assert process.wait(30) == 0
        assert "Traceback" not in log.read_text("utf-8")
    finally:
        process.kill()
        process.wait(30)
