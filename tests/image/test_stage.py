"""Staging directories, and the error for a path that cannot be written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.errors import PipelineError
from pipelines.image.staging import staging_directory
from tests.support.project import write


@pytest.mark.parametrize(
    ("place", "named"), [("images/web/index.json", "out/images/web/index.json"), ("", "out/blobs")]
)
def test_an_unwritable_path_is_reported_relative_to_out(tmp_path: Path, place: str, named: str) -> None:
    """The error does not name the temporary directory."""
    out = tmp_path / "out" / "out"
    write(out / "images", "a file in the way")
    with pytest.raises(PipelineError) as fault, staging_directory(out, "web") as staging:
        (out / place if place else staging / "blobs").rename(out / "there")
    assert str(fault.value).startswith(f"{named}: cannot be written (")
    assert str(fault.value).endswith("); free disk space, or remove what is in the way")
    assert [file.name for file in out.iterdir() if file.is_dir()] == []
