"""The uploads of a run to each target, as counted by the proxies, with their kinds.

Reads the records in out/ of the project, and in the archive. Network: the loopback alone.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core import results
from tests.fakes.proxy import Call
from tests.support.delivery.targets import Publisher

TARGETS = ("registry", "assets", "archive", "charts")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Uploaded bytes, and uploads by name, of each target. The upload of a manifest counts as a tag."""

    bytes: Counter[str] = field(default_factory=Counter)
    uploads: dict[str, Counter[str]] = field(
        default_factory=lambda: {target: Counter() for target in TARGETS}
    )

    @property
    def count(self) -> int:
        """Return the number of uploads: layers, manifests, objects, charts."""
        return sum(sum(one.values()) for one in self.uploads.values())

    def describe(self, target: str) -> str:
        """Return the uploads to *target* as a list of names."""
        names = sorted(self.uploads[target].items())
        return ", ".join(f"{name} ×{number}" if number > 1 else name for name, number in names) or "nothing"


def read_traffic(place: Publisher) -> Traffic:
    """Return the uploads to *place* since the calls of its proxies were cleared."""
    found, front = Traffic(), place.services.front
    names = _layer_names(place.project / "out")
    archived = _archive_paths(place, front["storage"].made("PUT", "-archive/releases/"))
    for call in front["registry"].calls:
        _count(found, "registry", _describe_upload(call, names), call.sent)
    for call in front["storage"].made("PUT"):
        _, bucket, key = call.path.partition("?")[0].split("/", 2)
        if bucket.endswith("-assets"):
            _count(found, "assets", "asset", call.sent)
        else:
            path = archived.get(key.rpartition("/")[2], key)
            _count(found, "archive", _describe_file(path, names), call.sent)
    for call in front["nexus"].made("PUT"):
        _count(found, "charts", "chart", call.sent)
    return found


def _count(found: Traffic, target: str, name: str, size: int) -> None:
    found.bytes[target] += size
    if name:
        found.uploads[target][name] += 1


def _layer_names(out: Path) -> dict[str, str]:
    """Return the names of layers and manifests by their digests in hex."""
    names: dict[str, str] = {}
    for name in ("web", "api"):
        image = results.read_image(out / f"image-{name}.json")
        names |= {layer.digest[7:]: f"{name} {layer.name}" for layer in image.layers}
        names[image.digest[7:]] = f"{name} manifest"
    return names


def _archive_paths(place: Publisher, records: Iterable[Call]) -> dict[str, str]:
    """Return the paths in new *records* of the archive by their digests in hex."""
    found: dict[str, str] = {}
    for call in records:
        _, bucket, key = call.path.partition("?")[0].split("/", 2)
        body = place.services.storage.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        found |= {part["sha256"]: part["path"] for part in json.loads(body)["parts"]}
    return found


def _describe_upload(call: Call, names: dict[str, str]) -> str:
    """Return the name of the upload that *call* to the registry completes; "" for none."""
    if call.method != "PUT":
        return ""
    image = call.path.split("/")[-3 if "/manifests/" in call.path else -4]
    if "/manifests/" in call.path:
        return f"{image} tag"
    digest = re.search(r"digest=sha256(?::|%3A)([0-9a-f]{64})", call.path)
    return names.get(digest[1], f"{image} configuration file") if digest else ""


def _describe_file(path: str, names: dict[str, str]) -> str:
    """Return the kind of the file *path* of a release."""
    if path.startswith("charts/"):
        return "chart"
    if path.endswith(".cdx.json"):
        return "SBOM"
    if path.startswith("images/"):
        image = path.split("/")[1]
        return names.get(path.rpartition("/")[2], f"{image} configuration file")
    return "record"
