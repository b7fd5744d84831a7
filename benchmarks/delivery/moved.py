"""What a run sent to each place, as the proxies before them have counted it, by what it is.

Reads the records in out/ of the project, and those in the archive. Network: the loopback alone.
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
from tests.support.delivery.targets import Place

PLACES = ("registry", "assets", "archive", "charts")


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes of bodies, and what they were, by place; a tag is a manifest's name, and no blob."""

    bytes: Counter[str] = field(default_factory=Counter)
    pieces: dict[str, Counter[str]] = field(default_factory=lambda: {place: Counter() for place in PLACES})

    @property
    def blobs(self) -> int:
        """Return how many pieces moved: layers, manifests, objects, charts."""
        return sum(sum(one.values()) for one in self.pieces.values())

    def told(self, place: str) -> str:
        """Return the pieces of *place*, as words."""
        names = sorted(self.pieces[place].items())
        return ", ".join(f"{name} ×{number}" if number > 1 else name for name, number in names) or "nothing"


def sent(place: Place) -> Sent:
    """Return what has gone to *place* since the proxies were asked last."""
    found, front = Sent(), place.services.front
    names = _layers(place.project / "out")
    archived = _archived(place, front["storage"].made("PUT", "-archive/releases/"))
    for call in front["registry"].calls:
        _note(found, "registry", _pushed(call, names), call.sent)
    for call in front["storage"].made("PUT"):
        _, bucket, key = call.path.partition("?")[0].split("/", 2)
        if bucket.endswith("-assets"):
            _note(found, "assets", "asset", call.sent)
        else:
            path = archived.get(key.rpartition("/")[2], key)
            _note(found, "archive", _kept(path, names), call.sent)
    for call in front["nexus"].made("PUT"):
        _note(found, "charts", "chart", call.sent)
    return found


def _note(found: Sent, place: str, name: str, size: int) -> None:
    found.bytes[place] += size
    if name:
        found.pieces[place][name] += 1


def _layers(out: Path) -> dict[str, str]:
    """Return the names of layers and manifests by the hex of their digests."""
    names: dict[str, str] = {}
    for name in ("web", "api"):
        image = results.read_image(out / f"image-{name}.json")
        names |= {layer.digest[7:]: f"{name} {layer.name}" for layer in image.layers}
        names[image.digest[7:]] = f"{name} manifest"
    return names


def _archived(place: Place, records: Iterable[Call]) -> dict[str, str]:
    """Return the paths that new *records* of the archive tell, by the hex of their digests."""
    found: dict[str, str] = {}
    for call in records:
        _, bucket, key = call.path.partition("?")[0].split("/", 2)
        body = place.services.storage.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        found |= {part["sha256"]: part["path"] for part in json.loads(body)["parts"]}
    return found


def _pushed(call: Call, names: dict[str, str]) -> str:
    """Return what *call* has finished in the registry; "" for nothing."""
    if call.method != "PUT":
        return ""
    image = call.path.split("/")[-3 if "/manifests/" in call.path else -4]
    if "/manifests/" in call.path:
        return f"{image} tag"
    digest = re.search(r"digest=sha256(?::|%3A)([0-9a-f]{64})", call.path)
    return names.get(digest[1], f"{image} configuration file") if digest else ""


def _kept(path: str, names: dict[str, str]) -> str:
    """Return what the file *path* of a release is."""
    if path.startswith("charts/"):
        return "chart"
    if path.endswith(".cdx.json"):
        return "bill of materials"
    if path.startswith("images/"):
        image = path.split("/")[1]
        return names.get(path.rpartition("/")[2], f"{image} configuration file")
    return "record"
