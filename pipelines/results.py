"""What a step hands to the next one: frozen values, kept as JSON.

Reads out/<step>.json. No writes, no network.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.errors import PipelineError


@dataclass(frozen=True, slots=True)
class SiteResult:
    """A finished static tree: out/site.json."""

    digest: str  # sha256 over paths and bytes of the trees and the alias map, hex
    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool  # True: drafts and posts that are not due are in the tree
    pages: int  # HTML files, both trees
    files: int  # all files, compressed twins included
    bytes: int  # of all files
    gated: int  # HTML files of the gated tree
    left_out: tuple[str, ...]  # drafts and posts that are not due: "path: why"
    warnings: tuple[str, ...]  # "file:line: what; what to do"
    phases: dict[str, float]  # seconds per phase
    plugins: dict[str, float]  # seconds per Pelican plugin


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer of an image."""

    name: str  # "base", "configuration", "assets", "pages"
    digest: str  # "sha256:…" of the compressed bytes
    diff_id: str  # "sha256:…" of the archive
    size: int  # bytes, compressed


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A finished image: out/image-<name>.json; its layout is out/images/<name>."""

    name: str  # "web" or "api"
    digest: str  # "sha256:…" of its manifest
    arch: str  # as OCI writes it: "amd64"
    base: str  # "sha256:…" of the manifest of what it stands on
    site: str  # SiteResult.digest; "" for an image without a site
    size: int  # bytes of all layers, compressed
    bill: str  # "sha256:…" of the bill of materials beside the layout
    layers: tuple[LayerResult, ...]


@dataclass(frozen=True, slots=True)
class VersionResult:
    """What is built, by Git: out/version.json."""

    version: str  # SemVer without "+": "1.0.412-rc", "1.0.412", "0.0.0-mr.9.31"
    kind: str  # "candidate", "stable" or "preview" (of a merge request)
    commit: str  # 40 hex digits
    time: int  # of the commit, seconds since 1970, UTC
    dirty: bool  # the tree is not that of the commit: never published
    rollback: str  # the version whose archived digests are taken; "" for none


@dataclass(frozen=True, slots=True)
class ChartResult:
    """A packed chart: out/chart.json; its archive is out/charts/<name>-<version>.tgz."""

    name: str  # "site"
    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    digest: str  # "sha256:…" of the archive
    size: int  # bytes
    web: str  # "sha256:…" of the manifest of the web image
    api: str  # the same of the API's; "" for a site without login
    site: str  # SiteResult.digest of what the web image holds
    asset: str  # the path of one hashed asset of it, "/assets/…"


def to_json(result: SiteResult | ImageResult | VersionResult | ChartResult) -> str:
    """Return *result* as indented JSON with sorted keys, ending in a newline."""
    return json.dumps(asdict(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_site(path: Path) -> SiteResult:
    """Read a SiteResult; raise PipelineError when it is missing or foreign."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["left_out"], data["warnings"] = tuple(data["left_out"]), tuple(data["warnings"])
        return SiteResult(**data)
    except FileNotFoundError:
        raise PipelineError(f"{path.name}: no such file; run `make build` first") from None
    except (ValueError, TypeError, KeyError):
        raise PipelineError(f"{path.name}: not written by this version; run `make build`") from None


def read_image(path: Path) -> ImageResult:
    """Read an ImageResult; raise PipelineError when it is missing or foreign."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        data["layers"] = tuple(LayerResult(**one) for one in data["layers"])
        return ImageResult(**data)
    except FileNotFoundError:
        raise PipelineError(f"{path.name}: no such file; run `make image` first") from None
    except (ValueError, TypeError, KeyError):
        raise PipelineError(f"{path.name}: not written by this version; run `make image`") from None
