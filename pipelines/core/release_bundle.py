"""What the steps have made, read and checked as one release that fits together.

Reads out/. No writes, no network. A rule between steps: publishing and archiving
take the same things, and neither takes what does not belong together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core import digests, results
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult, VersionResult


@dataclass(frozen=True, slots=True)
class Blob:
    """A part of an image: its configuration, or a layer."""

    digest: str  # "sha256:…"
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class BundledImage:
    """An image that a release rolls out."""

    name: str  # "web" or "api"
    digest: str  # "sha256:…" of its manifest
    layout: Path | None  # an OCI layout; None: it was not packed here, a registry has it
    manifest: bytes = field(default=b"", repr=False)  # b"" without a layout
    blobs: tuple[Blob, ...] = ()

    def path(self, digest: str) -> Path:
        """Return where the blob *digest* lies in the layout."""
        assert self.layout is not None
        return self.layout / "blobs" / digest.replace(":", "/")


@dataclass(frozen=True, slots=True)
class ReleaseBundle:
    """A release as it lies in out/."""

    version: VersionResult
    chart: ChartResult
    package: Path  # the chart's archive
    images: tuple[BundledImage, ...]
    site: Path | None  # the tree of the web image; None where that was not packed here
    out: Path

    @property
    def origin(self) -> str:
        """Return the version whose images these are, where they were not packed here; else ""."""
        if self.site is not None:
            return ""
        return self.version.rollback or f"{self.version.version}-rc"


def read_release_bundle(out: Path) -> ReleaseBundle:
    """Return what lies in *out*.

    Raises PipelineError for a tree with changes that are not committed, one with
    drafts, and parts that are not of one another.
    """
    version = results.read_version(out / "version.json")
    chart = results.read_chart(out / "chart.json")
    if version.dirty:
        raise PipelineError(
            f"version {version.version}: the tree is not that of commit {version.commit[:12]},"
            " and only commits are published; commit, and begin with `make version`"
        )
    if (chart.version, chart.commit) != (version.version, version.commit):
        raise PipelineError(
            f"out/chart.json: is of {chart.version}, and out/version.json of {version.version};"
            " run `make chart`"
        )
    package = out / "charts" / f"{chart.name}-{chart.version}.tgz"
    if _digest(package, "make chart") != chart.digest:
        raise PipelineError(
            f"out/charts/{package.name}: is not what out/chart.json tells of; run `make chart`"
        )
    wanted = {name: digest for name, digest in (("web", chart.web), ("api", chart.api)) if digest}
    images = tuple(_image(out, name, digest, version) for name, digest in wanted.items())
    return ReleaseBundle(version, chart, package, images, _site(out, chart, images[0]), out)


def with_manifest(image: BundledImage, data: bytes) -> BundledImage:
    """Return *image* with the parts that its manifest *data* names; raise PipelineError for another form."""
    try:
        said = json.loads(data)
        rows = [said["config"], *said["layers"]]
        blobs = tuple(dict.fromkeys(Blob(str(row["digest"]), int(row["size"])) for row in rows))
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"image {image.name}: its manifest is of no form known here") from None
    return BundledImage(image.name, image.digest, image.layout, data, blobs)


def _image(out: Path, name: str, digest: str, version: VersionResult) -> BundledImage:
    record = out / f"image-{name}.json"
    if record.exists() and results.read_image(record).digest == digest:
        image = BundledImage(name, digest, out / "images" / name)
        place = image.path(digest)
        if _digest(place, "make image") != digest:
            raise PipelineError(f"out/images/{name}: is damaged; run `make image`")
        return with_manifest(image, place.read_bytes())
    if version.rollback or version.kind == "stable":  # packed earlier, by another run
        return BundledImage(name, digest, None)
    raise PipelineError(f"out/images/{name}: is not the image of the chart; run `make image`, `make chart`")


def _site(out: Path, chart: ChartResult, web: BundledImage) -> Path | None:
    if web.layout is None:
        return None
    record, tree = results.read_site(out / "site.json"), out / "site"
    if record.drafts:
        raise PipelineError("out/site: has drafts in it, which readers must not see; run `make build`")
    if record.digest != chart.site or digests.tree_digest(tree) != chart.site:
        raise PipelineError("out/site: is not the site of the web image; run `make image`, `make chart`")
    return tree


def _digest(path: Path, command: str) -> str:
    whole = hashlib.sha256()
    try:
        for part in _parts(path):
            whole.update(part)
    except OSError as error:
        name = f"{path.parent.name}/{path.name}"
        raise PipelineError(f"{name}: cannot be read ({error.strerror}); run `{command}`") from None
    return f"sha256:{whole.hexdigest()}"


def _parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while part := file.read(2**20):
            yield part
