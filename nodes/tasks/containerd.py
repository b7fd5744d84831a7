"""containerd and the kernel of a node of the cluster.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from collections.abc import Mapping

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.containerd import (
    CERTIFICATES,
    CONFIG,
    containerd_file,
    kernel_files,
    registry_directory,
    registry_files,
)
from nodes.render.files import HEADER
from nodes.tasks.system import ensure_packages, ensure_service, write_file, write_files

# containerd reads the new file, and fails where it cannot.
_CHECK = ("sh", "-c", 'containerd --config "$1" config dump >/dev/null', "sh")
# Lines of swap in /etc/fstab, commented out; fails where a device is still in use.
_SWAP_LINE = r"^[^#[:space:]][^[:space:]]*[[:space:]]+[^[:space:]]+[[:space:]]+swap([[:space:]]|$)"
_SWAP_OFF = f"swapoff -a && sed -i -E '/{_SWAP_LINE}/ s/^/# /' /etc/fstab"
_SWAP = f"tail -n +2 /proc/swaps; grep -sE '{_SWAP_LINE}' /etc/fstab || true"
# The files hosts.toml that begin as ours do.
_OURS = 'grep -slF -- "$1" "$2"/*/hosts.toml || true'


def apply(host: Host, inventory: Inventory, cgroup_driver: str, authorities: Mapping[str, str]) -> None:
    """Write the configuration, load it where it differs, and turn swap off: kubelet refuses it."""
    ensure_packages(host, "containerd", "conntrack", "ethtool", "iptables", "openssl", "socat")
    write_files(host, kernel_files())
    _load_modules(host)
    host.settle(
        "sysctl", "load the settings of the kernel", "sysctl", "--quiet", "--load=/etc/sysctl.d/90-nodes.conf"
    )
    if host.read("sh", "-c", _SWAP).stdout.strip():
        host.change("turn swap off", "sh", "-c", _SWAP_OFF)
    write_registries(host, inventory, authorities)
    write_file(host, containerd_file(inventory, cgroup_driver=cgroup_driver), _CHECK)
    ensure_service(host, "containerd.service")
    # Containers go on without containerd.
    host.settle("containerd", "restart containerd", "systemctl", "restart", "containerd.service")


def is_configured(host: Host, inventory: Inventory, cgroup_driver: str) -> bool:
    """Return whether `apply` has run with this configuration."""
    file = containerd_file(inventory, cgroup_driver=cgroup_driver)
    return not host.differs(CONFIG, file.text, mode=file.mode, owner=file.owner)


def write_registries(host: Host, inventory: Inventory, authorities: Mapping[str, str]) -> None:
    """Write the mirrors of each registry, and remove those of others. containerd needs no restart."""
    write_files(host, registry_files(inventory, authorities))
    wanted = {registry_directory(one) for one in inventory.registries}
    listed = host.read("sh", "-c", _OURS, "sh", HEADER, CERTIFICATES).stdout
    for directory in sorted({one.rpartition("/")[0] for one in listed.splitlines()} - wanted):
        host.change(f"remove {directory}", "rm", "-rf", "--", directory)


def _load_modules(host: Host) -> None:
    """Load overlay, unless the kernel has it."""
    if host.read("grep", "-qw", "overlay", "/proc/filesystems", check=False).status:
        host.change("load the module overlay", "modprobe", "overlay")
