"""Who reaches whom: NetworkPolicies, tried from one pod to another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.cluster import figures, pods
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import HOST, Layout
from tests.cluster.node import PAUSE_IMAGE

pytestmark = pytest.mark.cluster

STRANGER = "stranger"  # a pod that no policy names
COLUMNS = ("web", "login", "database", "Patroni", "DNS", "API server", "object storage")
# From: what it may reach. The storage stands for everything outside of the cluster.
REACHES = {
    "web": "yes yes no no yes no yes",
    "login": "no no yes no yes no no",
    "database": "no no yes yes yes yes yes",
    "operator": "no no yes yes yes yes yes",
    "another pod in site": "no no yes no yes yes yes",
    "a pod in default": "no no no no yes yes yes",
}


def stranger(namespace: str) -> dict[str, Any]:
    """Return a pod that only waits."""
    security = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "pause", "image": PAUSE_IMAGE, "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": STRANGER, "namespace": namespace},
        "spec": {"containers": [container], "automountServiceAccountToken": False},
    }


def address(kubectl: Kubectl, namespace: str, selector: str, index: int = 0) -> str:
    """Return the address of a running pod, of several the one with *index*."""
    words = ("--selector", selector, "--field-selector", "status.phase=Running")
    return str(kubectl.items("-n", namespace, "pods", *words)[index]["status"]["podIP"])


def test_the_table_of_connections(there: Layout, kubectl: Kubectl) -> None:
    """docs/operator.md says what the policies allow; this is what they do."""
    # A pod reaches itself whatever the policies are: it tries another one of its kind.
    web = address(kubectl, "site", "app.kubernetes.io/component=web", 1)
    login = address(kubectl, "site", "app.kubernetes.io/component=api", 1)
    leader = address(kubectl, "database", "cluster-name=acid-site,spilo-role=master")
    dns = address(kubectl, "kube-system", "k8s-app=kube-dns")
    targets = [
        (web, 8080),
        (login, 8000),
        (leader, 5432),
        (leader, 8008),
        (dns, 53),
        (HOST, 6443),
        (HOST, 443),
    ]
    kubectl.apply(stranger("site"), stranger("default"))
    try:
        sources = {
            "web": address(kubectl, "site", "app.kubernetes.io/component=web"),
            "login": address(kubectl, "site", "app.kubernetes.io/component=api"),
            "database": address(kubectl, "database", "cluster-name=acid-site,spilo-role=replica"),
            "operator": address(kubectl, "postgres-operator", "app.kubernetes.io/name=postgres-operator"),
        }
        for name, namespace in (("another pod in site", "site"), ("a pod in default", "default")):
            kubectl("-n", namespace, "wait", "--for=condition=Ready", f"pod/{STRANGER}", "--timeout=120s")
            sources[name] = kubectl.get("-n", namespace, "pod", STRANGER)["status"]["podIP"]
        processes = pods.networks()
        with ThreadPoolExecutor() as pool:
            tried = {
                name: [pool.submit(pods.reaches, processes[source], *target) for target in targets]
                for name, source in sources.items()
            }
        found = {
            name: " ".join("yes" if one.result() else "no" for one in row) for name, row in tried.items()
        }
    finally:
        for namespace in ("site", "default"):
            kubectl("-n", namespace, "delete", "pod", STRANGER, "--ignore-not-found", "--now")
    rows = [(name, *line.split()) for name, line in found.items()]
    figures.write("Who reaches whom", f"Tried by TCP.\n\n{figures.table(('from', *COLUMNS), rows)}")
    assert found == REACHES
