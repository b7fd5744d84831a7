"""Read the objects of a cluster, by kubectl.

Starts kubectl, which reads the kubeconfig and requests the cluster. No writes.
The values of Secrets are never read.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import Any

from pipelines.core.errors import ToolError
from pipelines.tools.kubectl import run_kubectl

FLUX = "flux-system"  # namespace of Flux
_KEYS = '{{range $key, $value := .data}}{{$key}}{{"\\n"}}{{end}}'  # the names only

Object = dict[str, Any]


class Cluster:
    """A cluster, read only; use from many threads. Every method raises ToolError with kubectl's message."""

    def __init__(self, kubeconfig: str, timeout: float) -> None:
        """Take a value of KUBECONFIG, and the seconds for each request."""
        self._kubeconfig, self._timeout = kubeconfig, timeout

    @cached_property
    def version(self) -> str:
        """The version of the API server: "v1.35.4"."""
        return str(self._json("version", "-o", "json")["serverVersion"]["gitVersion"])

    def objects(self, resource: str, namespace: str = "", selector: str = "") -> list[Object]:
        """Return the objects of *resource*, "daemonsets.apps"; without a *namespace* those of all.

        Returns none where the cluster does not know *resource*.
        """
        where = ("--namespace", namespace) if namespace else ("--all-namespaces",)
        chosen = ("--selector", selector) if selector else ()
        found = self._json("get", resource, *where, *chosen, "-o", "json")
        return list(found.get("items", ()))

    def find(self, resource: str, name: str, namespace: str = "") -> Object | None:
        """Return one object, or None where it, or its kind, does not exist."""
        return self._json("get", resource, name, *_in(namespace), "--ignore-not-found", "-o", "json") or None

    def secret_keys(self, name: str, namespace: str) -> set[str]:
        """Return the keys of a Secret; none where it does not exist."""
        output = self._run("get", "secrets", name, *_in(namespace), "--ignore-not-found",
                           "-o", f"go-template={_KEYS}")  # fmt: skip
        return set(output.decode().split())

    @cached_property
    def has_flux(self) -> bool:
        """Whether `flux bootstrap` has run."""
        return self.find("deployments.apps", "kustomize-controller", FLUX) is not None

    def _json(self, *argv: str) -> Object:
        try:
            found = json.loads(self._run(*argv) or b"{}")
            if not isinstance(found, dict):
                raise TypeError
            return found
        except (ValueError, TypeError):
            raise ToolError(f"kubectl {argv[0]}: its output is not JSON") from None

    def _run(self, *argv: str) -> bytes:
        try:
            return run_kubectl(argv, self._kubeconfig, self._timeout)
        except ToolError as error:
            if "the server doesn't have a resource type" in str(error):
                return b""
            raise


def _in(namespace: str) -> tuple[str, ...]:
    return ("--namespace", namespace) if namespace else ()


def is_true(one: Object, condition: str) -> bool:
    """Return whether the status of *one* has *condition* with the status True."""
    rows = one.get("status", {}).get("conditions") or ()
    return any(row.get("type") == condition and row.get("status") == "True" for row in rows)
