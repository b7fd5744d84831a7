"""`kubernetes.init`: the first control plane.

Network: the control planes. Writes on the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.host import Host, HostError
from nodes.inventory import Inventory
from nodes.overlay import Overlay
from nodes.render.kubeadm import INIT, api_port, cgroup_driver, init_file
from nodes.runs import Session, read_all
from nodes.tasks.containerd import is_configured
from nodes.tasks.kubernetes.api import ADMIN, KUBELET, Api, exists
from nodes.tasks.kubernetes.network import apply_network
from nodes.tasks.kubernetes.packages import PROGRAMS, ensure_programs
from nodes.tasks.kubernetes.settings import apply_settings
from nodes.tasks.system import ensure_enabled, write_file
from pipelines.core.errors import PipelineError

KUBEADM = 600.0  # seconds: it pulls images
VALIDATE = ("kubeadm", "config", "validate", "--config")


@dataclass(frozen=True, slots=True)
class Setup:
    """What the tasks of the cluster need besides the machines."""

    session: Session
    overlay: Overlay  # of nodes/kubeadm.yaml
    key: str  # of the archive of packages

    @property
    def inventory(self) -> Inventory:
        """The inventory."""
        return self.session.inventory


def init(host: Host, setup: Setup) -> None:
    """Make a cluster of one control plane, unless the machine has one that answers. Never reset it."""
    inventory = setup.inventory
    api = Api(host, api_port(inventory))
    if exists(host, ADMIN):
        if fault := api.fault():
            text = f"has {ADMIN}, and its API server does not answer ({fault})"
            host.fail(
                text, "read `journalctl -u kubelet` there; a cluster is never made anew over an old one"
            )
    elif exists(host, KUBELET):
        host.fail(f"has {KUBELET}: it belongs to a cluster already", "use kubernetes.join")
    else:
        _refuse_second_cluster(host, setup)
        _init(host, setup)
        if host.dry_run:
            return
    apply_network(host, inventory, api)
    apply_settings(host, api, api.members()[host.node.name])


def _init(host: Host, setup: Setup) -> None:
    prepare(host, setup)
    write_file(host, init_file(setup.inventory, host.node, setup.overlay), VALIDATE)
    # --skip-token-print: the token of this command is not used, and expires after a minute.
    host.change("kubeadm init", "kubeadm", "init", "--config", INIT, "--skip-token-print", timeout=KUBEADM)


def prepare(host: Host, setup: Setup) -> None:
    """Install the programs on a machine that containerd.apply has prepared."""
    if not is_configured(host, setup.inventory, cgroup_driver(setup.overlay)):
        host.fail("containerd is not that of nodes.toml", "run containerd.apply first")
    ensure_programs(host, setup.inventory, setup.key, *PROGRAMS)
    ensure_enabled(host, "kubelet.service")


def _refuse_second_cluster(host: Host, setup: Setup) -> None:
    """Ask the other control planes: one that has a cluster is joined, never doubled."""
    others = [one for one in setup.inventory.with_role("control-plane") if one.name != host.node.name]
    for name, found in read_all(setup.session, others, lambda one: exists(one, ADMIN)).items():
        if isinstance(found, PipelineError):
            raise HostError(f"{found}; whether it has a cluster must be known before kubernetes.init")
        if found:
            host.fail(f"{name} has a cluster", "use kubernetes.join")
