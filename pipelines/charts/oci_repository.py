"""Read and write charts in a registry, as `helm push` does, but with the same bytes each time.

Network: the registry. No reads, no writes here.

Helm's documents ("Use OCI-based registries") define the artifact: a tag is a
version. The time that helm adds to it is left out.
"""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import yaml

from pipelines.charts.safe_yaml import load_yaml
from pipelines.core.credentials import Login, Signer
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError, ToolError
from pipelines.core.results import ChartResult
from pipelines.tools.cosign import sign_manifest
from pipelines.tools.http import HttpClient
from pipelines.tools.registry import MANIFEST, Manifest, Registry

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


class OciRepository:
    """The charts at *location*, "host/path" of a registry; see ``ChartRepository``.

    *variables* names what a user sets to log in. *actions* is the scope of the
    token, as in ``Registry``. *signer* signs what is put.
    """

    indexed = False

    def __init__(
        self,
        client: HttpClient,
        location: str,
        login: Login | None,
        variables: str,
        *,
        signer: Signer | None = None,
        actions: str = "pull",
    ) -> None:
        self.location = location
        self._registry = Registry(client, location, login, variables, actions)
        self._signer = signer

    def versions(self) -> list[str]:
        """Return all tags."""
        return self._registry.tags()

    def fetch(self, version: str) -> bytes:
        """Return the archive of *version*; raise ToolError where the tag is missing or not a chart."""
        layers = _content_digests(self._registry.manifest(version))
        if len(layers) != 1:
            raise ToolError(f"{self.location}: {version} is not a chart")
        return self._registry.blob(layers[0])

    def contains(self, chart: ChartResult) -> bool:
        """Return whether *chart* is published; raise PipelineError for other bytes under its version."""
        found = self._registry.manifest(chart.version)
        if found is None:
            return False
        layers = _content_digests(found)
        if layers != [chart.digest]:
            there = layers[0][:19] if layers else "no chart"
            raise PipelineError(
                f"{self.location}:{chart.version}: is {there} there and {chart.digest[:19]} here, and a"
                " version is never changed; commit, which makes a new one"
            )
        return True

    def put(self, chart: ChartResult, data: bytes) -> bool:
        """Put *chart*, whose archive is *data*; return False when it is published already.

        Signs the manifest by its digest before the tag is written: Flux follows
        tags, and refuses a chart without a signature. A published chart that lacks
        the signature of this key gets it.
        """
        registry = self._registry
        if self.contains(chart):
            if self._signer and (found := registry.manifest(chart.version)):
                sign_manifest(registry, found.digest, self._signer)
            return False
        metadata = _chart_yaml(data, chart)
        config = _json(metadata)
        manifest = _json({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": sha256_digest(config), "size": len(config)},
            "layers": [{"mediaType": CONTENT, "digest": chart.digest, "size": len(data)}],
            "annotations": {
                "org.opencontainers.image.title": chart.name,
                "org.opencontainers.image.version": chart.version,
                "org.opencontainers.image.description": str(metadata.get("description", "")),
            },
        })  # fmt: skip
        for digest, blob in ((sha256_digest(config), config), (chart.digest, data)):
            if not registry.has(digest):
                registry.upload(digest, blob)
        if self._signer:
            registry.put_manifest(sha256_digest(manifest), manifest)
            sign_manifest(registry, sha256_digest(manifest), self._signer)
        if not registry.put_manifest(chart.version, manifest) and not self.contains(chart):
            raise ToolError(
                f"{self.location}: does not take the chart; fix repository under [chart] in site.toml"
            )
        if not self.contains(chart):  # two publish at once: read which one the tag names
            raise ToolError(f"{self.location}: does not show the chart that it took; run it again")
        return True

    def wait_for(self, chart: ChartResult, seconds: float) -> None:
        """Return at once: a tag is visible as soon as it is put."""


def _content_digests(manifest: Manifest | None) -> list[str]:
    """Return the digests of the chart layers in *manifest*; an artifact of another kind has none."""
    try:
        layers = json.loads(manifest.data)["layers"] if manifest else []
        return [str(layer["digest"]) for layer in layers if layer["mediaType"] == CONTENT]
    except (ValueError, KeyError, TypeError):
        return []


def _chart_yaml(data: bytes, chart: ChartResult) -> dict[str, Any]:
    """Return Chart.yaml in the archive *data*; raise PipelineError where it is not of *chart*."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            file = tar.extractfile(f"{chart.name}/Chart.yaml")
            metadata = load_yaml(file.read()) if file else None
    except (tarfile.TarError, KeyError, yaml.YAMLError, EOFError, OSError):
        metadata = None
    expected = (chart.name, chart.version)
    if not isinstance(metadata, dict) or (metadata.get("name"), metadata.get("version")) != expected:
        raise PipelineError(f"out/charts: {chart.name} {chart.version} is not a chart; run `make chart`")
    return metadata


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
