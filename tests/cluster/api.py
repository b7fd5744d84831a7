"""Read objects of the API server often and cheaply: one connection, no process for each read."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException, HTTPSConnection
from typing import Any

from tests.cluster.layout import HOST, Layout

GROUPS = {
    "helmchart": "/apis/source.toolkit.fluxcd.io/v1/namespaces/site/helmcharts/site-site",
    "helmrelease": "/apis/helm.toolkit.fluxcd.io/v2/namespaces/site/helmreleases/site",
    "web": "/apis/apps/v1/namespaces/site/deployments/site-web",
    "api": "/apis/apps/v1/namespaces/site/deployments/site-api",
}


class Api:
    """A connection to the API server, as the administrator."""

    def __init__(self, there: Layout) -> None:
        self.context = ssl.create_default_context(cafile=str(there.pki / "ca.crt"))
        self.context.load_cert_chain(there.pki / "admin.crt", there.pki / "admin.key")
        self.connection: HTTPSConnection | None = None

    def get(self, path: str) -> dict[str, Any]:
        """Return the object at *path*, {} where there is none or the server does not respond."""
        try:
            self.connection = self.connection or HTTPSConnection(HOST, 6443, timeout=10, context=self.context)
            self.connection.request("GET", path)
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self.close()
            return {}
        return dict(json.loads(body)) if response.status == 200 else {}

    def close(self) -> None:
        """Close the connection."""
        if self.connection:
            self.connection.close()
        self.connection = None


def chart_version(chart: dict[str, Any]) -> str:
    """Return the version of the chart that source-controller has."""
    return str(chart.get("status", {}).get("artifact", {}).get("revision", ""))


def deployed_version(release: dict[str, Any]) -> str:
    """Return the version that Helm has deployed and that passed its test, "" without one."""
    history = release.get("status", {}).get("history") or []
    newest = history[0] if history else {}
    tested = all(hook.get("phase") == "Succeeded" for hook in (newest.get("testHooks") or {}).values())
    return str(newest["chartVersion"]) if newest.get("status") == "deployed" and tested else ""


def is_rolled_out(deployment: dict[str, Any]) -> bool:
    """Return whether all pods are of the newest specification, and ready."""
    status, wanted = deployment.get("status", {}), deployment.get("spec", {}).get("replicas")
    seen = status.get("observedGeneration") == deployment.get("metadata", {}).get("generation")
    counts = [status.get(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    return wanted is not None and seen and counts == [wanted] * 3
