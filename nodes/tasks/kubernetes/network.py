"""The network of pods on a machine.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.network import CALICO, PTP, calico_file, ptp_file
from nodes.tasks.kubernetes.api import Api
from nodes.tasks.system import write_file

_CRD = "installations.operator.tigera.io"


def apply_network(host: Host, inventory: Inventory, api: Api) -> None:
    """Write the configuration of the plugin; note what Calico still needs."""
    if inventory.cluster.network_plugin == "ptp":
        write_file(host, ptp_file(inventory, host.node))
        return
    host.remove(PTP)
    if not host.node.is_control_plane:
        return
    write_file(host, calico_file(inventory))
    if not host.dry_run and api.fault() == "" and not api.has("crd", _CRD):
        note = "install the operator of Calico, then kubectl apply -f"
        host.notes.append(f"nodes stay NotReady without a network: {note} {CALICO}")
