"""A result that another version wrote, or that is damaged, is named with the command that writes it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core import results
from pipelines.core.errors import Fault, PipelineError

GOOD = b'{"version": "1", "kind": "stable", "commit": "c", "time": 1, "dirty": false, "rollback": ""}'
FINDING = b'{"path": "a", "line": 1, "text": "t", "fix": "f"}'
SITE = (
    b'{"digest": "d", "as_of": 1, "drafts": false, "pages": 1, "files": 1, "bytes": 1, "gated": 0,'
    b'"left_out": [], "phases": {}, "plugins": {}, "findings": [%b]}'
)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b"{}",
            b"[]",
            b"null",
            GOOD[:-1],
            GOOD + b"x",
            b"\xff" + GOOD,
            GOOD.replace(b'"c"', b'"\xff"'),
        ),
        *(GOOD.replace(b": 1", more) for more in (b": true", b": 1.5", b": 1e999", b": " + b"1" * 5000)),
        *(GOOD.replace(b"{", b'{"new": 1, '), b"[" * 100_000, GOOD.replace(b'"c"', b'"\\ud800"')),
    ],
)
def test_a_result_of_another_version_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "version.json").write_bytes(data)
    with pytest.raises(PipelineError, match=r"^version\.json: not written by this version; run "):
        results.read_version(tmp_path / "version.json")


def test_a_finding_is_read_with_its_defaults(tmp_path: Path) -> None:
    (tmp_path / "site.json").write_bytes(SITE % FINDING)
    assert results.read_site(tmp_path / "site.json").findings == (
        Fault("a", 1, "t", "f", "project", "error"),
    )


@pytest.mark.parametrize("value", [b"1", b"[" * 10_000 + b"]" * 10_000])
def test_an_unknown_key_of_a_finding_is_refused(tmp_path: Path, value: bytes) -> None:
    (tmp_path / "site.json").write_bytes(SITE % FINDING.replace(b"}", b', "more": %b}' % value))
    with pytest.raises(PipelineError, match="not written by this version"):
        results.read_site(tmp_path / "site.json")


def test_a_result_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "version.json").mkdir()
    with pytest.raises(PipelineError, match=r"version\.json: cannot be read \(Is a directory\); remove "):
        results.read_version(tmp_path / "version.json")
