"""The record of a release: its parts, and what it rolls out.

No reads, no writes, no network.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from pipelines.core.errors import PipelineError
from pipelines.core.results import Release

RECORDS, BLOBS = "releases/", "blobs/sha256/"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """A file of a release."""

    path: str  # as below out/: "charts/site-1.0.4.tgz"
    sha256: str  # hex
    size: int  # bytes

    @property
    def key(self) -> str:
        """The key of the part in the bucket."""
        return BLOBS + self.sha256


@dataclass(frozen=True, slots=True)
class Record:
    """One release."""

    version: str  # VersionResult.version
    kind: str  # "candidate" or "stable"
    commit: str  # 40 hex digits
    time: int  # of that commit, seconds since 1970, UTC
    release: Release  # what it rolls out
    chart: str  # "sha256:…" of the chart's archive
    parts: tuple[Part, ...]
    assets: tuple[str, ...]  # keys of the assets bucket that its pages refer to

    def image(self, name: str) -> tuple[Part, ...]:
        """Return the blobs of the image *name*."""
        return tuple(part for part in self.parts if part.path.startswith(f"images/{name}/"))


def _is_safe(part: Part) -> bool:
    """Return whether *part* has a valid digest, and a path that stays in the directory it is restored to."""
    names = part.path.split("/")
    return bool(re.fullmatch(r"[0-9a-f]{64}", part.sha256)) and names[0] != "" and ".." not in names


def record_key(version: str) -> str:
    """Return the key of the record of *version* in the bucket."""
    return f"{RECORDS}{version}.json"


def record_to_bytes(record: Record) -> bytes:
    """Return *record* as JSON: equal releases give equal bytes."""
    return (
        json.dumps(msgspec.to_builtins(record), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    ).encode()


def record_from_bytes(data: bytes, version: str) -> Record:
    """Return *data* as the record of *version*; raise PipelineError where it is not one."""
    try:
        fields: dict[str, Any] = json.loads(data)
        fields["release"] = Release(**fields["release"])
        fields["parts"] = tuple(Part(**part) for part in fields["parts"])
        fields["assets"] = tuple(map(str, fields["assets"]))
        record = Record(**fields) if all(map(_is_safe, fields["parts"])) else None
    except (ValueError, KeyError, TypeError):
        record = None
    if record is None or record.version != version:
        raise PipelineError(
            f"archive: {record_key(version)} is not the record of that release; check who wrote it"
        )
    return record
