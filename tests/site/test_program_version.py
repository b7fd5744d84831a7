"""The version of the cache covers the code of a build."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.site import build_cache


def test_only_files_of_the_program_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While Emacs edits a file, a link beside it leads nowhere; to open a named pipe would block."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/a.py").write_text("A = 1\n")
    monkeypatch.setattr(build_cache, "_CODE", tmp_path)
    before = build_cache.program_version()
    (tmp_path / "site/.#a.py").symlink_to("somebody@host.1234:5678")
    os.mkfifo(tmp_path / "site/pipe")
    assert build_cache.program_version() == before
    (tmp_path / "site/a.py").write_text("A = 2\n")
    assert build_cache.program_version() != before
