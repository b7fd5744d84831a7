"""The preview's start, its ports, and its stop."""

from __future__ import annotations

import re
import signal
import socket
import time
from pathlib import Path

import pytest

from pipelines.core.errors import PipelineError
from pipelines.preview import watch
from pipelines.preview.server import serve_preview
from pipelines.preview.sockets import listen_on
from tests.support.previews import (
    free_port,
    has_ipv6,
    preview_site,
    run_dev_server,
    wait_until,
)
from tests.support.project import run_cli


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_with_open_event_streams(tmp_path: Path, number: int) -> None:
    """make prints nothing for exit status 0, so Ctrl-C leaves a clean terminal."""
    with run_dev_server(preview_site(tmp_path)) as one, one.events() as a, one.events() as b:
        a.next(), b.next()
        lines = one.log.count("\n")
        status, seconds = one.stop(number)
        print(f"signal to end: {seconds:.2f} s")
        assert status == 0
        assert seconds < 10
        assert one.log.count("\n") <= max(lines, 3)
        assert "Traceback" not in one.log


@pytest.mark.slow
def test_it_stops_at_once_during_a_build(tmp_path: Path) -> None:
    """The next build removes the staging directory."""
    site = preview_site(tmp_path)
    with run_dev_server(site) as one:
        wait_until(lambda: list((site / "out").glob(".site-*")))
        status, _ = one.stop()
        assert (status, "Traceback" in one.log) == (0, False)
    assert run_cli(site, "build").returncode == 0
    assert list((site / "out").glob(".site-*")) == []


def test_a_port_in_use_is_refused_with_a_free_one(tmp_path: Path) -> None:
    site = preview_site(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_cli(site, "serve", "--port", str(port))
    message = re.fullmatch(
        rf"error: port {port} is in use; port (\d+) is free: make serve PORT=\1\n", done.stderr
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert message
    assert int(message[1]) > port


def test_a_port_in_use_on_one_address_is_refused() -> None:
    """localhost may resolve to either; the other address would show another server's pages."""
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PipelineError, match=f"port {port} is in use; port \\d+ is free"):
            listen_on(port)


def test_it_listens_on_loopback_only() -> None:
    found = listen_on(free_port())
    try:
        assert {one.getsockname()[0] for one in found} <= {"127.0.0.1", "::1"}
    finally:
        for one in found:
            one.close()


def test_an_exhausted_watch_limit_is_an_error_with_its_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the error the author would wait for a page that never changes."""

    def refuse(*_paths: object, **_options: object) -> None:
        raise OSError("OS file watch limit reached")

    monkeypatch.setattr(watch, "awatch", refuse)
    with pytest.raises(
        PipelineError,
        match=r"changed files cannot be watched \(OS file watch limit reached\); on Linux raise",
    ):
        serve_preview(preview_site(tmp_path), free_port(), environ={}, clock=time.time, log=lambda line: None)


def test_a_directory_without_a_site_is_refused(tmp_path: Path) -> None:
    done = run_cli(tmp_path, "serve")
    assert done.returncode == 1
    assert done.stderr.startswith("site.toml: error: no such file; run in the directory of the site")
