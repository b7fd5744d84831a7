"""Put a chart into a registry, as `helm push` would, but the same bytes each time.

Network: the registry. No reads, no writes here.

Helm's documents ("Use OCI-based registries") say what such an artifact is made
of; the time that helm writes into it is left out.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import yaml

from pipelines.core.credentials import Signer
from pipelines.core.errors import PipelineError, ToolError
from pipelines.core.results import ChartResult
from pipelines.tools.cosign import sign_manifest
from pipelines.tools.registry import MANIFEST, Registry, digest_of

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


def is_published_chart(registry: Registry, chart: ChartResult) -> bool:
    """Return whether *chart* is there; raise PipelineError when its version has other bytes there."""
    found = registry.manifest(chart.version)
    if found is None:
        return False
    try:
        layers = [row["digest"] for row in json.loads(found.data)["layers"] if row["mediaType"] == CONTENT]
    except (ValueError, KeyError, TypeError):
        layers = []
    if layers != [chart.digest]:
        there = layers[0][:19] if layers else "no chart"
        raise PipelineError(
            f"{registry.place}:{chart.version}: is {there} there and {chart.digest[:19]} here, and a version"
            " is never changed; commit, which makes a new one"
        )
    return True


def put_chart(registry: Registry, chart: ChartResult, data: bytes, signer: Signer | None) -> bool:
    """Put *chart*, whose archive is *data*; return False when the same was there already.

    With *signer* it is signed by its digest before the tag is written: Flux follows
    tags, and takes no chart without a signature. One that is there and lacks the
    signature of this key is signed too.
    """
    if is_published_chart(registry, chart):
        if signer and (found := registry.manifest(chart.version)):
            sign_manifest(registry, found.digest, signer)
        return False
    about = _about(data, chart)
    config = _json(about)
    manifest = _json({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": [{"mediaType": CONTENT, "digest": chart.digest, "size": len(data)}],
        "annotations": {
            "org.opencontainers.image.title": chart.name,
            "org.opencontainers.image.version": chart.version,
            "org.opencontainers.image.description": str(about.get("description", "")),
        },
    })  # fmt: skip
    for digest, blob in ((digest_of(config), config), (chart.digest, data)):
        if not registry.has(digest):
            registry.upload(digest, blob)
    if signer:
        registry.put_manifest(digest_of(manifest), manifest)
        sign_manifest(registry, digest_of(manifest), signer)
    if not registry.put_manifest(chart.version, manifest) and not is_published_chart(registry, chart):
        raise ToolError(
            f"{registry.place}: does not take the chart; mend repository under [chart] in site.toml"
        )
    if not is_published_chart(registry, chart):  # two at once: whose tag is there now?
        raise ToolError(f"{registry.place}: does not show the chart that it took; run it again")
    return True


def _about(data: bytes, chart: ChartResult) -> dict[str, Any]:
    """Return Chart.yaml of the archive *data*."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            file = tar.extractfile(f"{chart.name}/Chart.yaml")
            about = yaml.safe_load(file.read()) if file else None
    except (tarfile.TarError, KeyError, yaml.YAMLError, EOFError, OSError):
        about = None
    if not isinstance(about, dict) or (about.get("name"), about.get("version")) != (
        chart.name,
        chart.version,
    ):
        raise PipelineError(f"out/charts: {chart.name} {chart.version} is no chart; run `make chart`")
    return about


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
