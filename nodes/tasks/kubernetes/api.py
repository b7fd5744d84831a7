"""The API server of the cluster, asked on a control plane by kubectl.

Network: the control planes.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from nodes.host import CommandError, Host, HostError
from nodes.inventory import Inventory
from nodes.render.kubeadm import api_port
from nodes.runs import Session
from nodes.tables import Node
from pipelines.core.errors import PipelineError

ADMIN = "/etc/kubernetes/admin.conf"
KUBELET = "/etc/kubernetes/kubelet.conf"
CA = "/etc/kubernetes/pki/ca.crt"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"  # label
_REQUEST = "20s"
_LONGER = 30.0  # seconds that a command may take beyond its own limit
# An API server that has just started and has not read its roles, one that is about to start, and etcd without
# a leader. None of these requests was carried out.
_TRANSIENT = re.compile(
    r'forbidden: User "kubernetes-admin"|The connection to the server \S+ was refused|etcdserver: .*leader'
)
_STARTS = 60.0  # seconds that a request is repeated
_PAUSE = 2.0
Json = Mapping[str, Any]
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Member:
    """A node, as the API server has it."""

    name: str
    kubelet: str  # "1.35.4"
    address: str  # InternalIP
    is_ready: bool
    is_schedulable: bool
    value: Json  # the whole object

    @property
    def annotations(self) -> Mapping[str, str]:
        """Its annotations."""
        return self.value["metadata"].get("annotations") or {}


def member_of(value: Json) -> Member:
    """Return the node in *value*, an object of the kind Node."""
    status = value["status"]
    addresses = {one["type"]: one["address"] for one in status.get("addresses", ())}
    ready = {one["type"]: one["status"] for one in status.get("conditions", ())}.get("Ready")
    return Member(
        value["metadata"]["name"],
        status["nodeInfo"]["kubeletVersion"].removeprefix("v"),
        addresses.get("InternalIP", ""),
        ready == "True",
        not value["spec"].get("unschedulable", False),
        value,
    )


class NoServerError(HostError):
    """No control plane has an API server that answers."""


class Api:
    """The API server of one control plane, at its own address: admin.conf has the endpoint of the cluster.

    kubeadm puts the address, its advertiseAddress, into the certificate of the server.
    """

    def __init__(self, host: Host, port: int) -> None:
        self.host = host
        self._kubectl = (
            "kubectl",
            "--kubeconfig",
            ADMIN,
            f"--server=https://{host.node.mesh}:{port}",
            "--cache-dir=/run/nodes/kubectl",  # else ~/.kube, which a dry run must not write
            f"--request-timeout={_REQUEST}",
        )

    def fault(self) -> str:
        """Return why it does not answer, "" where it does."""
        output = self.host.read(*self._kubectl, "get", "--raw=/readyz", check=False)
        lines = (output.stderr.strip() or output.stdout.strip() or "no answer").splitlines()
        return "" if output.status == 0 else lines[-1]

    def get(self, *argv: str) -> Any:
        """Return what `kubectl get` gives as JSON."""
        output = _retried(lambda: self.host.read(*self._kubectl, "get", *argv, "-o", "json"))
        return json.loads(output.stdout)

    def has(self, *argv: str) -> bool:
        """Return whether `kubectl get` finds an object."""
        found = self.host.read(*self._kubectl, "get", *argv, "--ignore-not-found", "-o", "name", check=False)
        return found.status == 0 and bool(found.stdout.strip())

    def members(self) -> dict[str, Member]:
        """Return the nodes by name."""
        return {one.name: one for one in map(member_of, self.get("nodes")["items"])}

    def version(self) -> str:
        """Return the version of the cluster, as kubeadm keeps it."""
        config = self.get("configmap", "-n", "kube-system", "kubeadm-config")["data"]["ClusterConfiguration"]
        lines = [line.partition(": ") for line in config.splitlines()]
        (found,) = [value for key, _, value in lines if key == "kubernetesVersion"]
        return str(found).removeprefix("v")

    def api_servers(self) -> dict[str, str]:
        """Return the version of the API server on each control plane."""
        pods = self.get("pods", "-n", "kube-system", "-l", "component=kube-apiserver")["items"]
        images = {one["spec"]["nodeName"]: one["spec"]["containers"][0]["image"] for one in pods}
        return {name: image.rpartition(":")[2].removeprefix("v") for name, image in images.items()}

    def change(self, what: str, *argv: str, seconds: float = 0) -> str:
        """Make a change by kubectl, which may take *seconds*; return its output."""
        timeout = seconds + _LONGER if seconds else 0
        return _retried(lambda: self.host.change(what, *self._kubectl, *argv, timeout=timeout))

    def patch(self, what: str, name: str, patch: Json) -> None:
        """Change the node *name* by a merge patch (RFC 7386)."""
        self.change(what, "patch", "node", name, "--type=merge", "-p", json.dumps(patch))


def _retried(request: Callable[[], _Value]) -> _Value:
    """Return what *request* gives, repeated while an API server starts, as after an upgrade."""
    deadline = time.monotonic() + _STARTS
    while True:
        try:
            return request()
        except CommandError as error:
            if not _TRANSIENT.search(str(error)) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE)


def exists(host: Host, path: str) -> bool:
    """Return whether *path* is on the machine."""
    return host.read("test", "-e", path, check=False).status == 0


def first_plane(inventory: Inventory) -> Node:
    """Return the control plane that begins the cluster: that of the endpoint, else the first by name."""
    planes = inventory.with_role("control-plane")
    if not planes:
        raise HostError("nodes.toml: no node has the role control-plane; add it to one or three nodes")
    address = inventory.cluster.control_plane_endpoint.rpartition(":")[0]
    return next((one for one in planes if one.mesh == address), planes[0])


@contextmanager
def server_of(session: Session, host: Host | None = None, *, but: str = "") -> Iterator[Api]:
    """Yield the API server of the first control plane that answers, other than *but*; else NoServerError.

    What is changed there becomes a change of *host*.
    """
    reasons: list[str] = []
    for node in session.inventory.with_role("control-plane"):
        if node.name == but:
            continue
        try:
            server = session.connect(node)
        except PipelineError as error:
            reasons.append(str(error))
            continue
        with server:
            if not exists(server, ADMIN):
                reasons.append(f"{node.name}: has no {ADMIN}")
                continue
            api = Api(server, api_port(session.inventory))
            if fault := api.fault():
                reasons.append(f"{node.name}: {fault}")
                continue
            if host is not None:
                server.changes, server.notes = host.changes, host.notes
            yield api
            return
    where = ", or look at the machines" if any("away" in one for one in reasons) else ""
    raise NoServerError(f"no API server answers ({'; '.join(reasons)}); run kubernetes.init{where}")
