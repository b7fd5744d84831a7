"""Decide which nodes an upgrade of Kubernetes takes, in which order, and what forbids it.

Pure functions. Source: kubernetes.io, "Version Skew Policy", and "Upgrading kubeadm clusters".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_OLDEST = 3  # minor versions that kubelet may be behind the API server


@dataclass(frozen=True, slots=True)
class Running:
    """What a node of the cluster runs."""

    name: str
    kubelet: str  # "1.35.4"
    api_server: str = ""  # "" for a worker
    is_ready: bool = True
    is_interrupted: bool = False  # an earlier upgrade drained it, and did not bring it back

    def is_at(self, target: str) -> bool:
        """Return whether nothing is left to do on it for *target*."""
        return not self.is_interrupted and self.kubelet == target and self.api_server in ("", target)


def numbers(version: str) -> tuple[int, ...]:
    """Return "1.35.4" as (1, 35, 4); a "v" in front and what follows "-" or "+" are left out."""
    plain = version.removeprefix("v").partition("-")[0].partition("+")[0]
    return tuple(int(one) for one in plain.split("."))


def minor_of(version: str) -> str:
    """Return "1.35" of "1.35.4"."""
    return ".".join(str(one) for one in numbers(version)[:2])


def upgrade_order(target: str, nodes: Sequence[Running]) -> tuple[str, ...]:
    """Return the names of the nodes that need *target*: control planes, then workers, each by name."""
    left = [one for one in nodes if not one.is_at(target)]
    return tuple(one.name for one in sorted(left, key=lambda one: (not one.api_server, one.name)))


def upgrade_faults(target: str, nodes: Sequence[Running], chosen: Sequence[str]) -> tuple[str, ...]:
    """Return what forbids to upgrade the nodes *chosen* of all *nodes* to *target*."""
    planes = [one for one in nodes if one.api_server]
    faults: list[str] = []
    for one in nodes:
        for program, version in (("API server", one.api_server), ("kubelet", one.kubelet)):
            if version and numbers(version) > numbers(target):
                faults.append(f"{one.name}: its {program} is {version}, newer than {target}; never downgrade")
    if faults:
        return tuple(faults)
    minor = numbers(target)[1]
    for one in planes:
        found = numbers(one.api_server)[1]
        if minor - found > 1:
            fix = f"upgrade to 1.{found + 1} first: one minor version at a time"
            faults.append(f"{one.name}: its API server is {one.api_server}; {fix}")
        if not one.is_ready and any(other.name in chosen for other in planes if other is not one):
            faults.append(f"{one.name}: is not ready; repair it first, since etcd needs it during an upgrade")
    for one in nodes:
        if minor - numbers(one.kubelet)[1] > _OLDEST:
            fix = f"upgrade it to 1.{minor - _OLDEST} or newer before the control planes"
            faults.append(f"{one.name}: its kubelet is {one.kubelet}; {fix}")
    old = sorted(one.name for one in planes if one.api_server != target and one.name not in chosen)
    if old and any(one.name in chosen for one in nodes if not one.api_server):
        faults.append(f"{', '.join(old)}: control planes come before workers; add them to --hosts")
    return tuple(faults)
