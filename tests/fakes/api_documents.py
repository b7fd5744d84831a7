"""The discovery documents of a Kubernetes API server, and Helm's one protobuf message.

Paths and documents are those of "Kubernetes API Concepts"; the numbers of fields are those of generated.proto
in k8s.io/api/core/v1 and k8s.io/apimachinery/pkg/apis/meta/v1.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]

KINDS = {  # group and version -> resource -> kind
    "v1": {
        "configmaps": "ConfigMap", "persistentvolumeclaims": "PersistentVolumeClaim", "pods": "Pod",
        "secrets": "Secret", "serviceaccounts": "ServiceAccount", "services": "Service",
    },
    "apps/v1": {"deployments": "Deployment", "replicasets": "ReplicaSet"},
    "autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
    "batch/v1": {"cronjobs": "CronJob", "jobs": "Job"},
    "gateway.networking.k8s.io/v1": {"httproutes": "HTTPRoute"},
    "monitoring.coreos.com/v1": {"servicemonitors": "ServiceMonitor"},
    "networking.k8s.io/v1": {"ingresses": "Ingress", "networkpolicies": "NetworkPolicy"},
    "policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
}  # fmt: skip


def _openapi(path: str) -> Object:
    """Return the document that announces field validation (the parameter `fieldValidation`)."""
    group, _, version = path.partition("/")[2].rpartition("/")
    return {"openapi": "3.0.0", "paths": {
        f"/{path}/namespaces/{{namespace}}/{resource}/{{name}}": {"patch": {
            "parameters": [{"name": "fieldValidation", "in": "query"}],
            "x-kubernetes-group-version-kind": {"group": group, "version": version, "kind": kind},
        }}
        for resource, kind in KINDS[path.partition("/")[2]].items()
    }}  # fmt: skip


def discovery(path: str) -> Object | None:
    groups = [version.rpartition("/") for version in KINDS if "/" in version]
    if path == "/version":
        return {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
    if path == "/openapi/v3":
        names = [f"apis/{version}" if "/" in version else f"api/{version}" for version in KINDS]
        return {"paths": {name: {"serverRelativeURL": f"/openapi/v3/{name}"} for name in names}}
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3/"))
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        rows = [
            {"name": group, "versions": [entry], "preferredVersion": entry}
            for group, _, version in groups
            for entry in [{"groupVersion": f"{group}/{version}", "version": version}]
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": rows}
    version = path.removeprefix("/apis/").removeprefix("/api/")
    if version not in KINDS:
        return None
    resources = [
        {"name": name, "singularName": "", "namespaced": True, "kind": kind,
         "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"]}
        for name, kind in KINDS[version].items()
    ]  # fmt: skip
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


PROTOBUF = b"k8s\0"  # "Kubernetes Protobuf encoding" in the API Concepts: this, and a message Unknown


def _message(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each field of a protobuf message that holds bytes; skip numbers."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        length = varint()
        if key & 7 == 2:
            yield key >> 3, data[at : at + length]
            at += length


def secret(data: bytes) -> Object:
    """Return the Secret that Helm keeps a release in."""
    (raw,) = (content for number, content in _message(data[4:]) if number == 2)
    body: Object = {"apiVersion": "v1", "kind": "Secret", "metadata": {"labels": {}}, "data": {}}
    for number, content in _message(raw):
        if number == 1:
            for part, text in _message(content):
                if part == 1:
                    body["metadata"]["name"] = text.decode()
                elif part == 11:
                    body["metadata"]["labels"] |= _entry(text, bytes.decode)
        elif number == 2:
            body["data"] |= _entry(content, lambda value: b64encode(value).decode())
        elif number == 3:
            body["type"] = content.decode()
    return body


def _entry(data: bytes, value: Callable[[bytes], str]) -> dict[str, str]:
    parts = dict(_message(data))
    return {parts[1].decode(): value(parts.get(2, b""))}
