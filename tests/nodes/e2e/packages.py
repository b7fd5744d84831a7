"""An archive of Debian packages as pkgs.k8s.io has it: kubeadm, kubelet, kubectl and kubernetes-cni, signed.

Starts dpkg-deb and gpg. Writes the directory that it is given. No network. The programs themselves are in
/opt/kubernetes of the machines, and the packages have links to them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

OPT = "opt/kubernetes"
_CNI = ("bridge", "host-local", "loopback", "portmap", "ptp")
_KUBELET = """[Unit]
Description=kubelet
After=network-online.target containerd.service
Wants=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=2

[Install]
WantedBy=multi-user.target
"""
# kubeadm reads the path, and kubelet gets what kubeadm writes.
_DROP_IN = r"""[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \
--kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS \
  $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
"""


def write_archive(out: Path, versions: tuple[str, ...]) -> str:
    """Write *out*/v1.35/deb and the like, signed by a new key; return its public part."""
    home = out / "gnupg"
    home.mkdir(parents=True, mode=0o700)
    environ = os.environ | {"GNUPGHOME": str(home)}

    def gpg(*argv: str) -> str:
        command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *argv]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environ).stdout

    gpg("--quick-generate-key", "packages of the tests", "ed25519", "sign", "never")
    for version in versions:
        directory = out / f"v{version.rpartition('.')[0]}" / "deb"
        directory.mkdir(parents=True)
        _write_packages(directory, version, out / "staging")
        gpg("--clearsign", "--output", str(directory / "InRelease"), str(directory / "Release"))
    return gpg("--armor", "--export")


def _write_packages(directory: Path, version: str, staging: Path) -> None:
    unit, drop_in = "usr/lib/systemd/system/kubelet.service", "kubelet.service.d/10-kubeadm.conf"
    links = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), f"/{OPT}/{version}/program")
    cni = {f"opt/cni/bin/{name}": f"/usr/lib/cni/{name}" for name in _CNI}
    stanzas = [
        _package(directory, staging / version, name, number, depends, files, linked)
        for name, number, depends, files, linked in (
            ("kubelet", f"{version}-1.1", "kubernetes-cni", {unit: _KUBELET}, _bin(links, "kubelet")),
            ("kubectl", f"{version}-1.1", "", {}, _bin(links, "kubectl")),
            (
                "kubeadm",
                f"{version}-1.1",
                "kubelet",
                {f"usr/lib/systemd/system/{drop_in}": _DROP_IN},
                _bin(links, "kubeadm"),
            ),
            ("kubernetes-cni", "1.6.0-1.1", "containernetworking-plugins", {}, cni),
        )
    ]
    text = "\n".join(stanzas)
    (directory / "Packages").write_text(text)
    digest, size = hashlib.sha256(text.encode()).hexdigest(), len(text.encode())
    date = formatdate(usegmt=True).replace("GMT", "UTC")
    release = f"Origin: tests\nSuite: /\nDate: {date}\nSHA256:\n {digest} {size} Packages\n"
    (directory / "Release").write_text(release)


def _bin(links: Mapping[str, str], name: str) -> dict[str, str]:
    return {f"usr/bin/{name}": links[name]}


def _package(
    directory: Path,
    staging: Path,
    name: str,
    version: str,
    depends: str,
    files: Mapping[str, str],
    links: Mapping[str, str],
) -> str:
    """Build a package with *files* by their texts, and *links* by their targets; return its stanza."""
    root = staging / name
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    for path, target in links.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).symlink_to(target)
    control = (
        f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: tests <tests@lab.example>\n"
    )
    control += f"Depends: {depends}\n" if depends else ""
    control += "Description: links to a program of the tests\n"
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(control)
    file = directory / f"{name}_{version}_amd64.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", root, file], check=True, stdout=-3)
    data = file.read_bytes()
    return f"{control}Filename: {file.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
