"""The cgroups of the nodes: made before a kubelet starts, removed after the last process of a cluster.

Reads and writes /sys/fs/cgroup, of version 1 or 2. No network.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = (
    "cpuset",
    "cpu",
    "io",
    "memory",
    "hugetlb",
    "pids",
)  # a kubelet requires them


def hierarchies(root: Path = ROOT) -> list[Path]:
    """Return the root of each hierarchy: one of version 2, or one for each controller of version 1.

    A machine with version 1 may have version 2 beside it, without controllers; runc uses both.
    """
    if (root / "cgroup.controllers").exists():
        return [root]
    found = [one for one in sorted(root.iterdir()) if one.is_dir() and not one.is_symlink()]
    return [one for one in found if (one / "cgroup.procs").exists()]


def create(name: str, root: Path = ROOT) -> None:
    """Make the cgroup *name* ("cluster/node1") in each hierarchy."""
    for hierarchy in hierarchies(root):
        directory = hierarchy
        for part in name.split("/"):
            parent, directory = directory, directory / part
            if (parent / "cgroup.subtree_control").exists():
                _enable_controllers(parent)
            directory.mkdir(exist_ok=True)
            # Empty in a new cgroup of version 1, which then takes no process.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if hierarchy.name == "cpuset":
                    (directory / setting).write_text((parent / setting).read_text())


def members(name: str, root: Path = ROOT) -> set[int]:
    """Return the processes in the cgroup *name* and below it."""
    found: set[int] = set()
    for hierarchy in hierarchies(root):
        for file in (hierarchy / name).rglob("cgroup.procs"):
            with suppress(OSError):  # it has been removed
                found |= {int(line) for line in file.read_text().split()}
    return found - {0}  # of another process namespace


def _enable_controllers(parent: Path) -> None:
    available = (parent / "cgroup.controllers").read_text().split()
    for controller in _CONTROLLERS:
        if controller in available:
            with suppress(OSError):  # one that a process of this cgroup uses
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(name: str, root: Path = ROOT, timeout: float = 10.0) -> list[Path]:
    """Remove the cgroup *name* and those below it; return what is left after *timeout* seconds."""
    end = time.monotonic() + timeout
    while True:
        left = []
        for hierarchy in hierarchies(root):
            there = hierarchy / name
            if there.is_dir():
                directories = [one for one in there.rglob("*") if one.is_dir()]
                for directory in (*sorted(directories, reverse=True), there):
                    with suppress(OSError):  # its last process is ending
                        directory.rmdir()
                left += [there] if there.exists() else []
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)
