"""Read the results of the steps as one consistent release.

Reads out/. No writes, no network. Publishing and archiving share these checks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.core import digests, results
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult, VersionResult


@dataclass(frozen=True, slots=True)
class Blob:
    """Configuration or layer of an image."""

    digest: str  # "sha256:…"
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class BundledImage:
    """An image of a release."""

    name: str  # "web" or "api"
    digest: str  # "sha256:…" of its manifest
    layout: Path | None  # OCI layout; None: packed by an earlier run, the registry has it
    manifest: bytes = field(default=b"", repr=False)  # b"" without a layout
    blobs: tuple[Blob, ...] = ()

    def path(self, digest: str) -> Path:
        """Return the path of the blob *digest* in the layout."""
        assert self.layout is not None
        return self.layout / "blobs" / digest.replace(":", "/")


@dataclass(frozen=True, slots=True)
class ReleaseBundle:
    """Everything that one release publishes, from out/."""

    version: VersionResult
    chart: ChartResult
    package: Path  # the chart's archive
    images: tuple[BundledImage, ...]
    site: Path | None  # tree of the web image; None where that was packed by an earlier run
    out: Path

    @property
    def origin(self) -> str:
        """Return the version whose images these are, "" where this run packed them."""
        if self.site is not None:
            return ""
        return self.version.rollback or f"{self.version.version}-rc"


def read_release_bundle(out: Path) -> ReleaseBundle:
    """Return the release in *out*.

    Raises PipelineError for uncommitted changes, for drafts in the tree, and for
    results of different runs.
    """
    version = results.read_version(out / "version.json")
    chart = results.read_chart(out / "chart.json")
    if version.dirty:
        raise PipelineError(
            f"version {version.version}: the tree is not that of commit {version.commit[:12]},"
            " and only commits are published; commit, and start again with `make version`"
        )
    if (chart.version, chart.commit) != (version.version, version.commit):
        raise PipelineError(
            f"out/chart.json: has version {chart.version}, out/version.json {version.version};"
            " run `make chart`"
        )
    package = out / "charts" / f"{chart.name}-{chart.version}.tgz"
    if _file_digest(package, "make chart") != chart.digest:
        raise PipelineError(
            f"out/charts/{package.name}: does not have the digest in out/chart.json; run `make chart`"
        )
    wanted = {name: digest for name, digest in (("web", chart.web), ("api", chart.api)) if digest}
    images = tuple(_image(out, name, digest, version) for name, digest in wanted.items())
    return ReleaseBundle(version, chart, package, images, _site(out, chart, images[0]), out)


def with_manifest(image: BundledImage, data: bytes) -> BundledImage:
    """Return *image* with the blobs of its manifest *data*; raise PipelineError for an invalid manifest."""
    try:
        manifest = json.loads(data)
        rows = [manifest["config"], *manifest["layers"]]
        blobs = tuple(dict.fromkeys(Blob(str(row["digest"]), int(row["size"])) for row in rows))
    except (ValueError, KeyError, TypeError):
        raise PipelineError(f"image {image.name}: not an OCI manifest; run `make image`") from None
    return BundledImage(image.name, image.digest, image.layout, data, blobs)


def _image(out: Path, name: str, digest: str, version: VersionResult) -> BundledImage:
    record = out / f"image-{name}.json"
    if record.exists() and results.read_image(record).digest == digest:
        image = BundledImage(name, digest, out / "images" / name)
        manifest = image.path(digest)
        if _file_digest(manifest, "make image") != digest:
            raise PipelineError(f"out/images/{name}: is damaged; run `make image`")
        return with_manifest(image, manifest.read_bytes())
    if version.rollback or version.kind == "stable":  # packed by an earlier run
        return BundledImage(name, digest, None)
    raise PipelineError(f"out/images/{name}: is not the image of the chart; run `make image`, `make chart`")


def _site(out: Path, chart: ChartResult, web: BundledImage) -> Path | None:
    if web.layout is None:
        return None
    record, tree = results.read_site(out / "site.json"), out / "site"
    if record.drafts:
        raise PipelineError("out/site: contains drafts; run `make build`")
    if record.digest != chart.site or digests.tree_digest(tree) != chart.site:
        raise PipelineError("out/site: is not the site of the web image; run `make image`, `make chart`")
    return tree


def _file_digest(path: Path, command: str) -> str:
    try:
        return digests.file_digest(path)
    except OSError as error:
        name = f"{path.parent.name}/{path.name}"
        raise PipelineError(f"{name}: cannot be read ({error.strerror}); run `{command}`") from None
