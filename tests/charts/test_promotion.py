"""Tests of promotion: the candidate's chart under its stable version."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from pipelines.charts import package
from pipelines.charts.promotion import promote_chart
from pipelines.core.errors import PipelineError
from tests.support.delivery.charts import packed
from tests.support.delivery.projects import API, WEB
from tests.support.project import write


def test_promotion_gives_the_bytes_of_packing_the_stable_version(project: Path) -> None:
    """A tag and a promotion may both publish it, so their charts must be equal."""
    _, candidate = packed(project)
    result, stable = promote_chart(candidate)
    assert (result.version, result.web, result.api) == ("1.0.2", WEB, API)
    version = json.loads((project / "out/version.json").read_text())
    write(project / "out/version.json", json.dumps(version | {"version": "1.0.2", "kind": "stable"}))
    assert packed(project) == (result, stable)


def test_promotion_changes_only_the_version(project: Path) -> None:
    _, candidate = packed(project)
    old, new = package.unpack_chart(candidate)[1], package.unpack_chart(promote_chart(candidate)[1])[1]
    assert [path for path in old | new if old.get(path) != new.get(path)] == ["Chart.yaml"]
    assert new["Chart.yaml"] == old["Chart.yaml"].replace(b"1.0.2-rc", b"1.0.2")


def test_only_candidates_are_promoted(project: Path) -> None:
    stable = promote_chart(packed(project)[1])[1]
    with pytest.raises(PipelineError, match=r"chart 1\.0\.2: is not a candidate"):
        promote_chart(stable)


def tarred(*members: tuple[str, bytes, bytes]) -> bytes:
    """Return a compressed archive of *members*: name, type and content."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


HEAD = ("site/Chart.yaml", tarfile.REGTYPE, b"name: site\nversion: 1.0.2-rc\n")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"",                                                      "is not a complete archive"),
        (b"\x1f\x8b\x08 and no more",                              "is not a complete archive"),
        (tarred(HEAD)[:-20],                                       "is not a complete archive"),
        (tarred(),                                                 "but not of a chart"),
        (tarred(("site/values.yaml", tarfile.REGTYPE, b"")),       "but not of a chart"),
        (tarred(HEAD, ("other/x", tarfile.REGTYPE, b"")),          "but not of a chart"),
        (tarred(HEAD, ("site/x", tarfile.SYMTYPE, b"")),           "do not trust it"),
        (tarred(HEAD, ("site/../../x", tarfile.REGTYPE, b"")),     "do not trust it"),
        (tarred(HEAD, ("/site/x", tarfile.REGTYPE, b"")),          "do not trust it"),
    ],
    ids=["nothing", "no gzip", "cut off", "empty", "no head", "two", "a link", "upwards", "from root"],
)  # fmt: skip
def test_invalid_archives_are_not_unpacked(data: bytes, fault: str) -> None:
    """The archive comes from a server; no member may be written outside the target directory."""
    with pytest.raises(PipelineError, match=fault):
        promote_chart(data)


@pytest.mark.parametrize("text", [b"a: 1\n", b"[", b"", b"\xff", b"release: {commit: x}\n"])
def test_a_chart_without_a_release_is_not_promoted(text: bytes) -> None:
    with pytest.raises(PipelineError, match="chart site: its values name no release"):
        promote_chart(tarred(HEAD, ("site/values.yaml", tarfile.REGTYPE, text)))
