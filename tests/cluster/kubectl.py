"""kubectl, as the administrator of a cluster, from inside the namespaces."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster import processes
from tests.cluster.layout import Layout


class Kubectl:
    """Runs kubectl of the checkout's environment."""

    def __init__(self, there: Layout) -> None:
        self.there = there

    def __call__(self, *words: str, text: str = "", timeout: float = 300) -> str:
        """Run kubectl with *words*, and *text* on its stdin; return its stdout.

        Raise RuntimeError when it fails.
        """
        return processes.run(self.there, ["kubectl", *words], text=text, timeout=timeout)

    def get(self, *words: str) -> Any:
        """Return what `kubectl get` finds, parsed."""
        return json.loads(self("get", "-o", "json", *words))

    def items(self, *words: str) -> list[Any]:
        """Return the objects of a list."""
        return list(self.get(*words)["items"])

    def patch(self, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]) -> None:
        """Change an object ("kind/name") by a JSON patch, as a person does by `kubectl edit`."""
        self("-n", namespace, "patch", name, "--type=json", "--patch", json.dumps(operations))

    def apply(self, *objects: Mapping[str, Any] | str) -> None:
        """Apply manifests, each a mapping or YAML."""
        documents = [one if isinstance(one, str) else json.dumps(one) for one in objects]
        self("apply", "--server-side", "--force-conflicts", "-f", "-", text="\n---\n".join(documents))


def condition(found: Mapping[str, Any], kind: str) -> str:
    """Return the status of a condition of an object: "True", "False", "Unknown", or "" without one."""
    rows: Sequence[Mapping[str, Any]] = found.get("status", {}).get("conditions", [])
    return next((str(row["status"]) for row in rows if row["type"] == kind), "")


def is_ready(found: Mapping[str, Any]) -> bool:
    """Return whether an object of Flux is ready, and has seen its newest specification."""
    seen = found.get("status", {}).get("observedGeneration") == found["metadata"].get("generation")
    return seen and condition(found, "Ready") == "True"
