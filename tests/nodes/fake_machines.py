"""Machines that answer as Debian with kubeadm and kubectl does, as far as a join asks: no SSH, no cluster.

Outputs are those of kubeadm 1.35 and its API server; `make nodes-e2e` runs the same tasks for real.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from nodes import host
from nodes.host import Output
from nodes.tasks.kubernetes import static_pods
from nodes.tasks.kubernetes.api import ADMIN, CA, CONTROL_PLANE, KUBELET

ETCD = f"{static_pods.MANIFESTS}/etcd.yaml"
TOKEN = "abcdef.0123456789abcdef"
CERTIFICATE_KEY = "0123456789abcdef" * 4
VERSION = "1.35.4"


@dataclass
class Cluster:
    """The state that all machines see: the nodes of the API server."""

    addresses: dict[str, str]  # address on the mesh by name of the node, as kubelet takes it
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: str = VERSION
    pods: list[dict[str, Any]] = field(default_factory=list)  # of the node that is drained

    def add(self, name: str) -> None:
        """Add a node, as kubelet registers it."""
        self.nodes[name] = {
            "metadata": {"name": name, "resourceVersion": "1", "labels": {}, "annotations": {}},
            "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": self.addresses[name]}],
                "conditions": [{"type": "Ready", "status": "True"}],
                "nodeInfo": {"kubeletVersion": f"v{VERSION}"},
            },
        }

    def api_servers(self) -> list[dict[str, Any]]:
        """Return the pods of the API servers."""
        container = {"image": f"registry.k8s.io/kube-apiserver:v{VERSION}"}
        planes = [name for name, one in self.nodes.items() if CONTROL_PLANE in one["metadata"]["labels"]]
        return [{"spec": {"nodeName": name, "containers": [container]}} for name in planes]


@dataclass
class FakeMachine:
    """A transport with files of its own."""

    name: str
    cluster: Cluster
    files: dict[str, str] = field(default_factory=dict)
    fails: str = ""  # the subcommand of kubeadm that fails, or "restart": that of static pods
    has_server: bool = True  # its API server answers
    starting: int = 0  # requests that its API server forbids: it has not read the roles yet
    conflicts: int = 0  # patches that are refused: kubelet has changed the node in between
    commands: list[tuple[str, ...]] = field(default_factory=list)
    uploads: list[str] = field(default_factory=list)
    modes: dict[str, str] = field(default_factory=dict)  # of the files that were uploaded
    renewed: bool = False  # its certificates are new

    def run(self, argv: tuple[str, ...], timeout: float, *, sudo: bool) -> Output:
        """Answer one command."""
        assert timeout > 0
        if argv[0] == "mktemp":
            return Output(0, "/tmp/upload\n", "")
        if argv[0] != "env":  # removes the uploads
            return Output(0, "", "")
        return self._answer(argv[2:])

    def _answer(self, words: tuple[str, ...]) -> Output:
        self.commands.append(words)
        return getattr(self, f"_{words[0].replace('-', '_')}", self._succeed)(words)

    def upload(self, data: bytes, path: str) -> None:
        """Keep what is uploaded."""
        self.uploads.append(data.decode())

    def download(self, path: str) -> bytes:
        """Return nothing: a join downloads nothing."""
        raise AssertionError(path)

    def close(self) -> None:
        """Close nothing."""

    def add_control_plane(self) -> None:
        """Have what the join of a control plane leaves."""
        self.files |= {ADMIN: "", KUBELET: "", CA: "authority\n", ETCD: ""}
        self.cluster.nodes[self.name]["metadata"]["labels"][CONTROL_PLANE] = ""

    def _succeed(self, words: tuple[str, ...]) -> Output:
        return Output(0, "", "")

    def _test(self, words: tuple[str, ...]) -> Output:
        return Output(0 if words[2] in self.files else 1, "", "")

    def _cat(self, words: tuple[str, ...]) -> Output:
        return Output(0, self.files[words[1]], "")

    def _rm(self, words: tuple[str, ...]) -> Output:
        for path in words[3:]:
            self.files.pop(path, None)
        return Output(0, "", "")

    def _sh(self, words: tuple[str, ...]) -> Output:
        script, path = words[2], words[4] if len(words) > 4 else ""
        if script == f"ls {static_pods.AWAY}/*.yaml":
            return Output(2, "", "")
        if script == host._MARK:
            self.files[path] = ""
            return self._answer(words[5:])
        if script == host._SETTLE:
            output = self._answer(words[5:])
            if output.status == 0:
                del self.files[path]
            return output
        if script == static_pods._WHILE_STOPPED and self.fails == "restart":
            return Output(1, "", "port 2379 is still in use after 120 s")
        if script == host._INSTALL:
            assert words[6:8] == ("root", "root")
            self.files[path], self.modes[path] = self.uploads[-1], words[8]
            return Output(0, "", "")
        if path in self.files and script in (host._CONTENT, host._DIGEST):
            text = self.files[path]
            mode = self.modes.get(path, "644")
            shown = hashlib.sha256(text.encode()).hexdigest() if script == host._DIGEST else text
            return Output(0, f"{mode} root root\n{shown}", "")
        return Output(0, "", "")

    def _dpkg_query(self, words: tuple[str, ...]) -> Output:
        if "${Version}" in words[3]:
            return Output(0, "".join(f"{one} {VERSION}-1.1 installed\n" for one in words[4:]), "")
        return Output(0, "".join(f"{one} installed\n" for one in words[4:]), "")

    def _date(self, words: tuple[str, ...]) -> Output:
        return Output(0, "1767225600\n", "")  # 2026-01-01

    def _systemctl(self, words: tuple[str, ...]) -> Output:
        return Output(0, "enabled\n", "")

    def _kubeadm(self, words: tuple[str, ...]) -> Output:
        if words[1] == self.fails:
            return Output(1, "", f"error execution phase {words[1]}")
        if words[1:3] == ("token", "create"):
            return Output(0, f"{TOKEN}\n", "")
        if words[1:4] == ("init", "phase", "upload-certs"):
            return Output(0, f"[upload-certs] Using certificate key:\n{CERTIFICATE_KEY}\n", "")
        if words[1] == "join":
            self.files[KUBELET] = ""
            self.cluster.add(self.name)
            if any("controlPlane:" in one for one in self.uploads):
                self.add_control_plane()
        if words[1] == "reset":
            self.files = {path: text for path, text in self.files.items() if "/kubernetes/" not in path}
        if words[1:3] == ("certs", "check-expiration"):
            end = "2027-01-01T00:00:00Z" if self.renewed else "2026-01-02T00:00:00Z"
            return Output(0, json.dumps({"certificates": [{"name": "apiserver", "expirationDate": end}]}), "")
        if words[1:3] == ("certs", "renew"):
            self.renewed = True
        return Output(0, "", "")

    def _kubectl(self, words: tuple[str, ...]) -> Output:
        server, (verb, *rest) = words[3], words[6:]
        assert server == f"--server=https://{self.cluster.addresses[self.name]}:6443"
        if not self.has_server:
            return Output(1, "", f"The connection to the server {server} was refused")
        if self.starting and "--raw=/readyz" not in rest:
            self.starting -= 1
            text = 'Error from server (Forbidden): nodes is forbidden: User "kubernetes-admin" cannot list'
            return Output(1, "", text)
        if verb == "patch" and self.conflicts:
            self.conflicts -= 1
            return Output(1, "", 'Error from server (Conflict): nodes "n": the object has been modified')
        if verb == "patch":
            return self._patch_node(rest)
        if verb == "drain":
            self.cluster.pods.clear()
        if (verb, *rest[:1]) == ("delete", "node"):
            del self.cluster.nodes[rest[1]]
        if "component=kube-apiserver" in rest:
            return Output(0, json.dumps({"items": self.cluster.api_servers()}), "")
        if rest[:1] == ["pods"]:
            return Output(0, json.dumps({"items": self.cluster.pods}), "")
        if rest[:1] == ["nodes"]:
            return Output(0, json.dumps({"items": list(self.cluster.nodes.values())}), "")
        if "kubeadm-config" in rest:
            text = f"apiVersion: kubeadm.k8s.io/v1beta4\nkubernetesVersion: v{self.cluster.version}\n"
            return Output(0, json.dumps({"data": {"ClusterConfiguration": text}}), "")
        return Output(0, "", "")

    def _patch_node(self, words: list[str]) -> Output:
        self._patch(self.cluster.nodes[words[1]], json.loads(words[-1]))
        return Output(0, "", "")

    def _patch(self, value: dict[str, Any], patch: dict[str, Any]) -> None:
        """Apply a merge patch (RFC 7386)."""
        for key, new in patch.items():
            if isinstance(new, dict):
                self._patch(value.setdefault(key, {}), new)
            elif new is None:
                value.pop(key, None)
            else:
                value[key] = new


def control_plane(name: str, cluster: Cluster) -> FakeMachine:
    """Return a machine with the cluster's first control plane."""
    cluster.add(name)
    machine = FakeMachine(name, cluster)
    machine.add_control_plane()
    return machine
