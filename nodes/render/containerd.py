"""Render containerd, the kernel's settings that pods need, and the mirrors of image registries.

Reads nodes/templates. No writes, no network. Sources: containerd 1.7, docs/cri/config.md and docs/hosts.md;
kubernetes.io, "Container Runtimes".
"""

from __future__ import annotations

from collections.abc import Mapping

from nodes.inventory import Inventory
from nodes.render.files import ConfigFile, render
from nodes.tables import Registry

CONFIG = "/etc/containerd/config.toml"
CERTIFICATES = "/etc/containerd/certs.d"
# Of kubeadm 1.34 and 1.35: each pod has one container of it.
PAUSE = "pause:3.10.1"
# Registries whose API has another host than the names of their images.
_SERVERS = {"docker.io": "registry-1.docker.io"}


def kernel_files() -> tuple[ConfigFile, ...]:
    """Return the modules and settings of the kernel."""
    return (
        ConfigFile("/etc/modules-load.d/50-nodes.conf", render("containerd/modules")),
        ConfigFile("/etc/sysctl.d/90-nodes.conf", render("containerd/sysctl"), then="sysctl"),
    )


def containerd_file(inventory: Inventory, *, cgroup_driver: str) -> ConfigFile:
    """Return the configuration of containerd, in version 2 of its format, which Debian 13 has."""
    text = render(
        "containerd/config.toml",
        pause=f"{inventory.cluster.image_repository}/{PAUSE}",
        restrict_oom_score_adj=inventory.containerd.restrict_oom_score_adj,
        systemd_cgroup=cgroup_driver == "systemd",
    )
    return ConfigFile(CONFIG, text, then="containerd")


def registry_files(inventory: Inventory, authorities: Mapping[str, str]) -> tuple[ConfigFile, ...]:
    """Return the hosts and authorities of each registry. containerd reads them at each pull.

    *authorities* has the text of each file that `ca` names.
    """
    found: list[ConfigFile] = []
    for one in inventory.registries:
        directory = registry_directory(one)
        server = f"https://{_SERVERS.get(one.host, one.host)}"
        ca = f"{directory}/ca.crt" if one.ca else ""
        if ca:
            found.append(ConfigFile(ca, authorities[one.ca]))
        text = render("containerd/hosts.toml", server=server, hosts=one.mirrors or (server,), ca=ca)
        found.append(ConfigFile(f"{directory}/hosts.toml", text))
    return tuple(found)


def registry_directory(registry: Registry) -> str:
    """Return the directory that containerd looks up for the registry."""
    return f"{CERTIFICATES}/{registry.host}"
