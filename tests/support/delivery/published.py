"""Requests for what was published, for tests of `publish`."""

from __future__ import annotations

import json
import ssl
from functools import cache
from pathlib import Path

import httpx

from pipelines.core.results import PublishResult, TargetResult
from pipelines.tools import signing
from tests.support.delivery.targets import Publisher
from tests.support.registry import LOGIN

KEYS = ["assets/icon.0a1b2c3d.svg", "assets/login.99887766.js", "assets/site.3fa9c1d0.css"]


VERSION = "1.0.4-rc"


def registry_get(publisher: Publisher, path: str, *, login: bool = True) -> httpx.Response:
    """Request *path* from the registry itself, past the proxy."""
    registry = publisher.services.registry
    accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
    url = f"https://{registry.host}/v2/{publisher.name}/{path}"
    with httpx.Client(verify=_tls_context(registry.authority), trust_env=False) as client:
        return client.get(url, auth=LOGIN if login else None, headers=accept)


def oci_environment() -> dict[str, str]:
    """Return the additional variables for charts in the registry: its login and a signing key."""
    key = {"SITE_SIGNING_KEY": signing.generate_key().pem().decode()}
    return {"SITE_CHARTS_USER": LOGIN[0], "SITE_CHARTS_PASSWORD": LOGIN[1], **key}


@cache
def _tls_context(authority: Path) -> ssl.SSLContext:
    """Return a client context that trusts the CA file *authority*."""
    return ssl.create_default_context(cafile=str(authority))


def digests(publisher: Publisher, name: str) -> list[str]:
    """Return the digests of an image's blobs, configuration first; each must exist in the registry."""
    manifest = registry_get(publisher, f"{name}/manifests/{VERSION}").json()
    found = [row["digest"] for row in (manifest["config"], *manifest["layers"])]
    assert [registry_get(publisher, f"{name}/blobs/{one}").status_code for one in found] == [200] * len(found)
    return found


def targets(run: PublishResult) -> dict[str, TargetResult]:
    """Return the targets by name."""
    return {one.name: one for one in run.targets}


def read_result(publisher: Publisher) -> PublishResult:
    """Return out/publish.json."""
    data = json.loads((publisher.project / "out/publish.json").read_text())
    data["targets"] = tuple(TargetResult(**{**one, "sent": tuple(one["sent"])}) for one in data["targets"])
    return PublishResult(**{**data, "warnings": tuple(data["warnings"])})
