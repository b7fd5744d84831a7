"""The part of a Kubernetes API that the real kubectl requests to show one HelmRelease.

No cluster runs where the tests do. Paths and lists are those of Kubernetes'
"API Concepts"; the object is as Flux's "HelmRelease" documents it (helm-controller,
docs/spec/v2/helmreleases.md: "History", "Conditions", "Failed HelmRelease", "Last
Attempted Revision"), its messages as that page's examples have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

from tests.fakes.kubernetes_api import Object, serve_objects, write_kubeconfig

GROUP = "helm.toolkit.fluxcd.io"
_OBJECT = f"/apis/{GROUP}/v2/namespaces/site/helmreleases/site"
_LISTS: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": []},
    "/apis": {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": GROUP,
                "versions": [{"groupVersion": f"{GROUP}/v2", "version": "v2"}],
                "preferredVersion": {"groupVersion": f"{GROUP}/v2", "version": "v2"},
            }
        ],
    },
    f"/apis/{GROUP}/v2": {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{GROUP}/v2",
        "resources": [
            {
                "name": "helmreleases",
                "singularName": "helmrelease",
                "namespaced": True,
                "kind": "HelmRelease",
                "verbs": ["get", "list"],
                "shortNames": ["hr"],
            }
        ],
    },
}


def condition(kind: str, status: str, reason: str, message: str, time: str) -> dict[str, str]:
    """Return a condition as Kubernetes has them; *time* is RFC 3339."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time}


def snapshot(version: str, status: str = "deployed", time: str = "2026-11-23T12:00:00Z") -> dict[str, Any]:
    """Return an entry of a HelmRelease's history."""
    return {"chartName": "site", "chartVersion": version, "status": status, "name": "site",
            "namespace": "site", "firstDeployed": time, "lastDeployed": time, "version": 1}  # fmt: skip


def release(url: str, status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the HelmRelease of the environment with the front door *url*."""
    return {
        "apiVersion": f"{GROUP}/v2",
        "kind": "HelmRelease",
        "metadata": {"name": "site", "namespace": "site"},
        "spec": {"interval": "10m", "values": {"site": {"url": url}}, **spec},
        "status": status,
    }


def deployed(version: str, time: str = "2026-11-23T12:01:00Z") -> dict[str, Any]:
    """Return the status of a release whose rollout and tests ended well."""
    chart = f"release site/site.v4 with chart site@{version}"
    done, tested = f"Helm upgrade succeeded for {chart}", f"Helm test succeeded for {chart}: 3 test hooks"
    return {
        "lastAttemptedRevision": version,
        "history": [snapshot(version), snapshot("1.0.1", "superseded")],
        "conditions": [
            condition("Ready", "True", "TestSucceeded", tested, time),
            condition("Released", "True", "UpgradeSucceeded", done, time),
            condition("TestSuccess", "True", "TestSucceeded", tested, time),
        ],
    }


def rolled_back(version: str, old: str, *, stalled: bool = True) -> dict[str, Any]:
    """Return the status after *version* failed and *old* was brought back; *stalled* when for good."""
    time = "2026-11-23T12:06:00Z"
    failed = (
        f"Helm upgrade failed for release site/site.v5 with chart site@{version}: context deadline exceeded"
    )
    back = f"Helm rollback to previous release site/site.v4 with chart site@{old} succeeded"
    rows = [
        condition("Ready", "False", "RollbackSucceeded", back, time),
        condition("Released", "False", "UpgradeFailed", failed, time),
        condition("Remediated", "True", "RollbackSucceeded", back, time),
    ]
    if stalled:
        rows.append(
            condition("Stalled", "True", "RetriesExceeded", "Failed to upgrade after 3 attempt(s)", time)
        )
    else:
        rows.append(condition("Reconciling", "True", "ProgressingWithRetry", back, time))
    history = [snapshot(old), snapshot(version, "failed"), snapshot(old, "superseded")]
    return {"lastAttemptedRevision": version, "history": history, "conditions": rows}


def upgrading(version: str, old: str) -> dict[str, Any]:
    """Return the status while *version* is rolled out over *old*."""
    running = "Running 'upgrade' action with timeout of 5m0s"
    time = "2026-11-23T12:05:00Z"
    before = f"Helm upgrade succeeded for release site/site.v4 with chart site@{old}"
    return {
        "lastAttemptedRevision": version,
        "history": [snapshot(old)],
        "conditions": [
            condition("Reconciling", "True", "Progressing", running, time),
            condition("Ready", "Unknown", "Progressing", running, time),
            condition("Released", "True", "UpgradeSucceeded", before, "2026-11-23T11:00:00Z"),
        ],
    }


@dataclass
class Cluster:
    """The HelmRelease of the API, and its received requests."""

    port: int = 0
    release: dict[str, Any] | None = None  # None is 404
    hangs: bool = False  # no response until it ends
    requests: list[str] = field(default_factory=list)
    ended: Event = field(default_factory=Event, repr=False)

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here into *folder*."""
        return write_kubeconfig(folder, self.port)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run such an API on 127.0.0.1 until the block ends."""
    fake = Cluster()

    def respond(path: str, query: dict[str, list[str]]) -> tuple[int, Object]:
        fake.requests.append(path)
        if fake.hangs:
            fake.ended.wait()
        found = fake.release if path == _OBJECT else _LISTS.get(path)
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound",
                   "message": f'helmreleases.{GROUP} "site" not found', "code": 404}  # fmt: skip
        return (404, missing) if found is None else (200, found)

    with serve_objects(respond) as fake.port:
        try:
            yield fake
        finally:
            fake.ended.set()
