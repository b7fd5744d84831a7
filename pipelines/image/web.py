"""Put a built site, and the NGINX that serves it, on the web base.

Reads out/site, out/site.json, images/web/nginx/, the pinned base. Writes
out/images/web/ (an OCI layout), out/images/web.cdx.json, out/image-web.json.
No network, unless the base has to be fetched.

Four layers, the ones that change least first: base, configuration, assets
(hashed names), pages. A new post leaves all but the last as they were, and a
node that has them fetches one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pipelines import results, seal
from pipelines.config import SiteConfig
from pipelines.errors import Fault, PipelineError, SourceError
from pipelines.image import base, oci, sbom
from pipelines.image.layer import File, Layer, layer, unpack
from pipelines.image.stage import stage
from pipelines.results import ImageResult, LayerResult

NGINX = "images/web/nginx"
_SITE = {"public": "srv/public", "gated": "srv/gated", "aliases.map": "etc/nginx/site/aliases.map"}
# What is live here is the chart's to say: it mounts its own file over this one.
_UNKNOWN = {"commit": None, "image": None, "site": None, "version": None}


def web(project: Path, site: SiteConfig) -> ImageResult:
    """Pack out/site of *project* into out/images/web; equal inputs give equal bytes.

    Raises PipelineError for a tree with drafts, a tree that is not the one of
    its record, and a base that is not the pinned one; then nothing has changed.
    """
    out = project / "out"
    digest = _checked(out)
    foundation = base.find(project, "web", site.registry)
    upper = contents(project, login=site.login)
    layers = [foundation.layers[0], *(layer(name, files) for name, files in upper.items())]
    with stage(out, "web") as folder:
        image = oci.write(folder / "web", _settings(site, foundation), _platform(foundation), layers)
        arch, bill = _platform(foundation)["architecture"], out / "images" / "web.cdx.json"
        records = _records(foundation.layers[0])
        document = sbom.cyclonedx(f"{site.name} web", foundation.digest, arch, records, bill)
        result = _result(image, foundation, digest)
        (out / "images").mkdir(exist_ok=True)
        _write(bill, document)
        oci.publish(folder / "web", out / "images" / "web")
        _write(out / "image-web.json", results.to_json(result).encode())
    return result


def contents(project: Path, *, login: bool) -> dict[str, list[File]]:
    """Return the files of each layer above the base, from out/site and the configuration of NGINX."""
    tree = project / "out" / "site"
    files = list(_site(tree))
    mark = File("srv/site-digest", f"{seal.digest(tree)}\n".encode())
    return {
        "configuration": list(_configuration(project, login=login)),
        "assets": [file for file in files if "/assets/" in file.path],
        "pages": [*(file for file in files if "/assets/" not in file.path), mark],
    }


def _checked(out: Path) -> str:
    """Return the digest of the site in *out*, once it is known to be fit for readers."""
    record = results.read_site(out / "site.json")
    if record.drafts:
        raise PipelineError("out/site: has drafts in it, which readers must not see; run `make build`")
    if seal.digest(out / "site") != record.digest:
        raise PipelineError("out/site: is not what out/site.json tells of, it was changed; run `make build`")
    return record.digest


def _site(tree: Path) -> Iterator[File]:
    for part, target in _SITE.items():
        source = tree / part
        if source.is_file():
            yield File(target, source.read_bytes())
        for folder, _, names in os.walk(source):
            inside = Path(folder).relative_to(source).as_posix()
            for name in names:
                yield File(f"{target}/{inside}/{name}".replace("/./", "/"), Path(folder, name).read_bytes())


def _configuration(project: Path, *, login: bool) -> Iterator[File]:
    """Yield the files of NGINX; without *login* nothing of members, gate and API is in the image."""
    root = project / NGINX
    sources = sorted(path for path in root.rglob("*") if path.is_file())
    if root / "nginx.conf" not in sources:
        raise SourceError([Fault(f"{NGINX}/nginx.conf", 0, "no such file", "bring it back from Git")])
    for path in sources:
        name = path.relative_to(root).as_posix()
        if login or not name.startswith("login/"):
            yield File(f"etc/nginx/{name}", path.read_bytes())
    yield File("srv/version/version.json", json.dumps(_UNKNOWN).encode() + b"\n")


def _settings(site: SiteConfig, foundation: oci.Image) -> dict[str, object]:
    """Return how the image runs. No label tells version or commit: a rebuild would be another image."""
    labels = {
        "org.opencontainers.image.base.digest": foundation.digest,
        "org.opencontainers.image.description": site.tagline,
        "org.opencontainers.image.licenses": "AGPL-3.0-or-later",
        "org.opencontainers.image.title": f"{site.name} web",
        "org.opencontainers.image.url": site.url,
    }
    return {**foundation.config["config"], "Labels": labels}


def _records(packed: Layer) -> Iterator[File]:
    """Yield the files of the base, unpacked when somebody asks for the first."""
    yield from unpack(packed.data)


def _platform(image: oci.Image) -> dict[str, str]:
    return {name: str(image.config[name]) for name in ("architecture", "os")}


def _result(image: oci.Image, foundation: oci.Image, digest: str) -> ImageResult:
    return ImageResult(
        name="web",
        digest=image.digest,
        arch=_platform(image)["architecture"],
        base=foundation.digest,
        site=digest,
        size=image.size,
        layers=tuple(_layer(one) for one in image.layers),
    )


def _layer(one: Layer) -> LayerResult:
    return LayerResult(one.name, one.digest, one.diff_id, one.size)


def _write(file: Path, data: bytes) -> None:
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_bytes(data)
    os.replace(fresh, file)
