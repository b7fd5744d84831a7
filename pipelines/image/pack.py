"""Pack layers on a base: write the image, its SBOM and its record into out/.

Writes out/images/<name>/ (an OCI layout), out/images/<name>.cdx.json and
out/image-<name>.json. No network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.core import results
from pipelines.core.config import SiteConfig
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError
from pipelines.core.files import write_atomic
from pipelines.core.results import ImageResult, LayerResult
from pipelines.image import oci_layout, sbom
from pipelines.image.layer import File, make_layer, unpack_files
from pipelines.image.staging import staging_directory


@dataclass(frozen=True, slots=True)
class ImageContent:
    """The content of an image above its base."""

    layers: Mapping[str, Sequence[File]]  # by name, the lowest first
    description: str  # for people
    site: str = ""  # SiteResult.digest of a web image
    packages: Sequence[sbom.PythonPackage] = ()  # besides Debian's


def platform(image: oci_layout.OciImage) -> dict[str, str]:
    """Return architecture and operating system of *image*."""
    return {name: str(image.config[name]) for name in ("architecture", "os")}


def pack_image(
    project: Path, name: str, site: SiteConfig, base_image: oci_layout.OciImage, content: ImageContent
) -> ImageResult:
    """Pack *content* on *base_image* as the image *name*; equal inputs give equal bytes."""
    out = project / "out"
    record, sbom_file = out / f"image-{name}.json", out / "images" / f"{name}.cdx.json"
    layers = [*base_image.layers, *(make_layer(one, files) for one, files in content.layers.items())]
    with staging_directory(out, name) as folder:
        settings = _image_settings(name, site, base_image, content)
        image = oci_layout.write_layout(folder / name, settings, platform(base_image), layers)
        document = _sbom(name, site, base_image, content, record, sbom_file)
        result = ImageResult(
            name=name,
            digest=image.digest,
            arch=platform(base_image)["architecture"],
            base=base_image.digest,
            site=content.site,
            size=image.size,
            bill=sha256_digest(document),
            layers=tuple(LayerResult(one.name, one.digest, one.diff_id, one.size) for one in image.layers),
        )
        sbom_file.parent.mkdir(exist_ok=True)
        # In this order a kill leaves no record, instead of the record of another image.
        record.unlink(missing_ok=True)
        write_atomic(sbom_file, document)
        oci_layout.publish_layout(folder / name, out / "images" / name)
        write_atomic(record, results.to_json(result).encode())
    return result


def _image_settings(
    name: str, site: SiteConfig, base_image: oci_layout.OciImage, content: ImageContent
) -> dict[str, object]:
    """Return the image's settings. No label has version or commit: each rebuild would change the digest."""
    labels = {
        "org.opencontainers.image.base.digest": base_image.digest,
        "org.opencontainers.image.description": content.description,
        "org.opencontainers.image.licenses": "AGPL-3.0-or-later",
        "org.opencontainers.image.title": f"{site.name} {name}",
        "org.opencontainers.image.url": site.url,
    }
    return {**base_image.config["config"], "Labels": labels}


def _sbom(
    name: str,
    site: SiteConfig,
    base_image: oci_layout.OciImage,
    content: ImageContent,
    record: Path,
    sbom_file: Path,
) -> bytes:
    """Return the SBOM: the previous one, where its inputs are equal and its bytes unchanged."""
    previous = None
    with suppress(PipelineError, OSError):
        data = sbom_file.read_bytes()
        if sha256_digest(data) == results.read_image(record).bill:
            previous = data
    files = (file for one in base_image.layers for file in unpack_files(one.data))
    arch = platform(base_image)["architecture"]
    return sbom.cyclonedx(f"{site.name} {name}", base_image.digest, arch, files, previous, content.packages)
