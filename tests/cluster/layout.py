"""Where a cluster keeps its files, and the addresses and names in its network.

Reads two environment variables: SITE_CLUSTER_CACHE, what is built once, and SITE_CLUSTER_DIR, the files of
a running cluster. No network.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

NODES = (1, 2, 3)
HOST = "172.30.0.1"  # control plane, registry, Git, edge …: all that stands outside of the nodes
READERS = "172.30.0.2"  # readers are at another address than the edge, which the pods trust
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
API_SERVICE, DNS_SERVICE = "10.96.0.1", "10.96.0.10"
EDGE_PORT = 30080  # of every node

SITE, GIT, REGISTRY = "site.example.org", "git.example.org", "registry.example.org"
NEXUS, STORAGE, MAIL = "nexus.example.org", "s3.example.org", "mail.example.org"
GHCR, ZALANDO = "ghcr.io", "opensource.zalando.com"  # public servers, which stand-ins replace
NAMES = (SITE, GIT, REGISTRY, NEXUS, STORAGE, MAIL, GHCR, ZALANDO)


def address_of(name: str) -> str:
    """Return the address of a name. A connection of this machine comes from the address that it goes to."""
    return READERS if name == SITE else HOST


def node_name(number: int) -> str:
    """Return the name of a node, which is also that of its network namespace."""
    return f"node{number}"


def node_address(number: int) -> str:
    """Return the address of a node."""
    return f"172.30.0.1{number}"


def node_pods(number: int) -> str:
    """Return the network of the pods of a node."""
    return f"10.244.{number}.0/24"


@dataclass(frozen=True)
class Layout:
    """The directories of a cluster."""

    cache: Path  # survives: programs, packages, the image of the database
    base: Path  # of one cluster, removed when it ends

    @property
    def run(self) -> Path:
        """Data of the running programs."""
        return self.base / "run"

    @property
    def logs(self) -> Path:
        """Their output."""
        return self.base / "logs"

    @property
    def pki(self) -> Path:
        """Keys, certificates and kubeconfigs."""
        return self.base / "pki"

    @property
    def images(self) -> Path:
        """OCI archives that each node loads."""
        return self.base / "images"

    @property
    def bin(self) -> Path:
        """Links to the programs, on PATH."""
        return self.base / "bin"

    @property
    def site(self) -> Path:
        """The checkout of the site that the cluster runs."""
        return self.base / "site"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.pki / "admin.conf"

    @property
    def authority(self) -> Path:
        """The certificate of the authority of the edge."""
        return self.pki / "edge-ca.crt"

    @property
    def bundle(self) -> Path:
        """That authority, and the public ones."""
        return self.pki / "bundle.crt"

    @property
    def init(self) -> Path:
        """The process ID, on the machine, of the first process in the namespaces."""
        return self.base / "init.pid"

    @property
    def cgroup(self) -> str:
        """The name of its cgroup, in each hierarchy; another cluster has another."""
        return f"site-cluster-{hashlib.sha256(str(self.base).encode()).hexdigest()[:8]}"

    def node(self, number: int) -> Path:
        """Return the data of a node."""
        return self.run / node_name(number)

    def database_volume(self, number: int) -> Path:
        """Return the directory of a volume, which all nodes see."""
        return self.run / "volumes" / str(number)


def layout(environ: Mapping[str, str] = os.environ) -> Layout:
    """Return the directories that *environ* names, or the default ones."""
    caches = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME", "/root"), ".cache"))
    return Layout(
        cache=Path(environ.get("SITE_CLUSTER_CACHE") or Path(caches, "site-cluster")).resolve(),
        base=Path(environ.get("SITE_CLUSTER_DIR") or "/var/tmp/site-cluster").resolve(),
    )
