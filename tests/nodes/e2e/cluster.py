"""Machines on which kubeadm runs: what they need besides those of the lab.

Starts debootstrap, dpkg-deb, gpg. Writes out/nodes and the cache of tests/cluster. Needs root.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from tests.cluster import debian
from tests.cluster.layout import layout
from tests.nodes.e2e import images, packages, programs
from tests.nodes.lab.base import PACKAGES, base_directory, make_base
from tests.nodes.lab.machines import Machine

_PACKAGES = (
    *PACKAGES,
    *("containerd", "runc", "containernetworking-plugins", "conntrack", "ethtool", "iptables", "socat"),
)
_ETCD = ("etcd-server", "etcd-client")  # of Debian: building etcd takes minutes
# The directories cannot be an overlay on an overlay; kubelet reads kernel messages, and sets sysctls.
OPTIONS = (
    "--bind=/dev/kmsg",
    "--system-call-filter=@keyring bpf perf_event_open @mount",
    *(f"--bind={{directory}}/{name}:/var/lib/{name}" for name in ("containerd", "kubelet", "etcd")),
)
WRITABLE = "SYSTEMD_NSPAWN_API_VFS_WRITABLE"  # else /proc/sys is read-only inside
ARCHIVES = "opt/images"
# Version 1 of cgroups, as this machine may have, is read-only inside a container.
_CGROUPS = """for one in /sys/fs/cgroup/*; do
  [ ! -e "$one/cgroup.procs" ] || mount -o remount,bind,rw "$one" || true
done
"""
VERSIONS = tuple(programs.version_of(one) for one in (programs.OLD, programs.NEW))


def base() -> Path:
    """Return the root of all machines, as the lab's, with a container runtime."""
    return make_base(_PACKAGES)


def is_built() -> bool:
    """Return whether the root and the programs are there: `make nodes-e2e` makes them, for minutes."""
    return base_directory(_PACKAGES).exists() and not programs.missing()


def lower_directories() -> str:
    """Return the lower directories of the machines' overlay: programs and images, then the root."""
    return f"{_programs(base())}:{base()}"


def _programs(root: Path) -> Path:
    """Return a tree with /opt/kubernetes and /opt/images, made in the cache where it is missing."""
    store = layout().cache
    built = programs.built()
    etcd = debian.packages(store, _ETCD) / "usr" / "bin"
    digest = hashlib.sha256("".join(str(built[name]) for name in sorted(built)).encode())
    digest.update(Path(images.__file__).read_bytes())
    there = store / f"nodes-{digest.hexdigest()[:16]}"
    if there.exists():
        return there
    with tempfile.TemporaryDirectory(dir=store, prefix=".nodes-") as folder:
        new = Path(folder, "new")
        (new / ARCHIVES).mkdir(parents=True)
        new.chmod(0o755)
        for program, version in zip((programs.OLD, programs.NEW), VERSIONS, strict=True):
            target = new / packages.OPT / version / "program"
            target.parent.mkdir(parents=True)
            os.link(built[program.name], target)
            named = {
                "kubernetes": built[program.name],
                "tools": built[programs.TOOLS.name],
                "coredns": built[programs.COREDNS.name],
            }
            images.write_images(new / ARCHIVES / f"{version}.tar", version, named, etcd, root)
        new.rename(there)
    return there


def prepare_directories(directory: Path) -> None:
    """Make the directories that OPTIONS bind, before a machine with this directory starts."""
    for name in ("containerd", "kubelet", "etcd"):
        (directory / name).mkdir(parents=True, exist_ok=True)


def prepare_machine(machine: Machine) -> None:
    """Make cgroups writable, and let apt ask the archive of the tests alone."""
    machine.run("sh", "-c", _CGROUPS)
    machine.run("sh", "-c", ": > /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/debian.sources")
    # CoreDNS needs a name server to forward to; nothing answers there.
    machine.run("sh", "-c", "echo nameserver 172.31.0.1 > /etc/resolv.conf")


def import_images(machine: Machine) -> None:
    """Give containerd of a machine the images of both versions; they are pulled from nowhere."""
    for version in VERSIONS:
        machine.run("ctr", "--namespace=k8s.io", "images", "import", f"/{ARCHIVES}/{version}.tar")


def remove_directories(directory: Path) -> None:
    """Remove what a machine has left."""
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    print(lower_directories())
