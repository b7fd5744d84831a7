"""A read-only Kubernetes API with the objects of a test, for the real kubectl.

No cluster runs where the tests do. Paths and lists are those of Kubernetes' "API
Concepts"; a kind that no object has is unknown, as before its CRD is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.kubernetes_api import Object, serve_objects, write_kubeconfig

BUILT_IN = {  # group and version -> resource -> (kind, whether it is in a namespace)
    "v1": {
        "namespaces": ("Namespace", False), "nodes": ("Node", False), "pods": ("Pod", True),
        "secrets": ("Secret", True), "services": ("Service", True),
    },
    "apiextensions.k8s.io/v1": {"customresourcedefinitions": ("CustomResourceDefinition", False)},
    "apiregistration.k8s.io/v1": {"apiservices": ("APIService", False)},
    "apps/v1": {"daemonsets": ("DaemonSet", True), "deployments": ("Deployment", True)},
    "networking.k8s.io/v1": {"ingressclasses": ("IngressClass", False)},
    "storage.k8s.io/v1": {"storageclasses": ("StorageClass", False)},
}  # fmt: skip
GATEWAYS = {"gateway.networking.k8s.io/v1": {"gateways": ("Gateway", True)}}  # a CRD
Kinds = dict[str, dict[str, tuple[str, bool]]]


@dataclass
class ClusterObjects:
    """The objects, and the paths that were requested."""

    objects: list[Object]
    version: str = "v1.35.4"
    kinds: Kinds = field(default_factory=lambda: dict(BUILT_IN))
    forbidden: str = ""  # a resource that this user may not read
    port: int = 0
    requests: list[str] = field(default_factory=list)

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here into *folder*."""
        return write_kubeconfig(folder, self.port)

    def respond(self, path: str, query: dict[str, list[str]]) -> tuple[int, Object]:
        """Return status and body of a GET."""
        if path == "/version":
            major, minor = self.version.removeprefix("v").split(".")[:2]
            return 200, {"major": major, "minor": minor, "gitVersion": self.version}
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        if path == "/apis":
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
                {"name": name.partition("/")[0], "versions": [one], "preferredVersion": one}
                for name in self.kinds if "/" in name
                for one in [{"groupVersion": name, "version": name.partition("/")[2]}]
            ]}  # fmt: skip
        rest = path.removeprefix("/apis/").removeprefix("/api/")
        version = next((name for name in self.kinds if rest == name or rest.startswith(f"{name}/")), "")
        if not version:
            return _failure(404, "NotFound", "the server could not find the requested resource")
        parts = rest.removeprefix(version).strip("/").split("/")
        if parts == [""]:
            return 200, self._resources(version)
        namespace = parts[1] if parts[0] == "namespaces" and len(parts) > 2 else ""
        resource, _, name = "/".join(parts[2:] if namespace else parts).partition("/")
        if resource == self.forbidden:
            message = f'{resource} is forbidden: User "u" cannot list resource "{resource}"'
            return _failure(403, "Forbidden", message)
        kind, _ = self.kinds[version][resource]
        wanted = [pair.split("=", 1) for pair in query.get("labelSelector", [""])[0].split(",") if pair]
        rows = [
            one
            for one in self.objects
            if one["kind"] == kind
            and namespace in ("", one["metadata"].get("namespace"))
            and all(one["metadata"].get("labels", {}).get(key) == value for key, value in wanted)
        ]
        if not name:
            return 200, {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": rows}
        found = [one for one in rows if one["metadata"]["name"] == name]
        group = version.rpartition("/")[0]
        text = f'{resource}{f".{group}" if group else ""} "{name}" not found'
        return (200, found[0]) if found else _failure(404, "NotFound", text)

    def _resources(self, version: str) -> Object:
        rows = [
            {"name": name, "singularName": kind.lower(), "namespaced": inside, "kind": kind,
             "verbs": ["get", "list"]}
            for name, (kind, inside) in self.kinds[version].items()
        ]  # fmt: skip
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": rows}


def _failure(code: int, reason: str, message: str) -> tuple[int, Object]:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
                  "message": message, "code": code}  # fmt: skip


def one(version: str, kind: str, name: str, namespace: str = "", **more: Any) -> Object:
    """Return an object; *more* are its fields besides the metadata, and `labels` and `annotations` of it."""
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    metadata |= {key: more.pop(key) for key in ("labels", "annotations") if key in more}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **more}


def having(condition: str, status: str = "True") -> Object:
    """Return a status with one condition."""
    return {"conditions": [{"type": condition, "status": status}]}


@contextmanager
def cluster_objects(objects: Sequence[Object]) -> Iterator[ClusterObjects]:
    """Serve *objects* on 127.0.0.1 until the block ends."""
    fake = ClusterObjects(list(objects))

    def respond(path: str, query: dict[str, list[str]]) -> tuple[int, Object]:
        fake.requests.append(path)
        return fake.respond(path, query)

    with serve_objects(respond) as fake.port:
        yield fake
