"""The images of one version of Kubernetes, as an archive for `ctr images import`. No network.

All images have the same layer: programs that their name selects, linked under each name. So an archive
has each program once.
"""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = "registry.lab.example/k8s"
WEB = f"{REPOSITORY}/web:1"
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler")
_TOOLS = ("pause", "web")
_ETCD = ("etcd", "etcdctl", "etcdutl")
_OCI = "application/vnd.oci.image"
# kubeadm of each minor version asks for these; etcd is that of kubeadm.yaml.
_OTHERS = {
    "1.34": {"etcd": "etcd:3.5.16-0", "pause": "pause:3.10.1", "coredns": "coredns:v1.12.1"},
    "1.35": {"etcd": "etcd:3.5.16-0", "pause": "pause:3.10.1", "coredns": "coredns:v1.13.1"},
}


def write_images(out: Path, version: str, programs: Mapping[str, Path], etcd: Path, root: Path) -> None:
    """Write the archive *out* of the images of Kubernetes *version*.

    *programs* are kubernetes, tools and coredns; *etcd* is the directory of etcd and its tools; *root* has
    nft for kube-proxy, and the libraries of both.
    """
    minor = version.rpartition(".")[0]
    names = {one: f"{REPOSITORY}/{one}:v{version}" for one in KUBERNETES}
    names |= {one: f"{REPOSITORY}/{tag}" for one, tag in _OTHERS[minor].items()}
    names["web"] = WEB
    layer = out.with_suffix(".layer")
    all_programs = {**programs, **{one: etcd / one for one in _ETCD}}
    links = dict.fromkeys(KUBERNETES, "kubernetes") | dict.fromkeys(_TOOLS, "tools")
    _write_layer(layer, all_programs, links, _program_with_libraries(root, "usr/sbin/nft"))
    with layer.open("rb") as opened:
        digest = f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"
    blobs: dict[str, bytes] = {}
    manifests = [
        _manifest(blobs, digest, layer.stat().st_size, program, name) for program, name in names.items()
    ]
    staging = out.with_suffix(".new")
    with tarfile.open(staging, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps({"schemaVersion": 2, "manifests": manifests}).encode())
        for name, data in blobs.items():
            _add(tar, f"blobs/sha256/{name.removeprefix('sha256:')}", data)
        tar.add(layer, f"blobs/sha256/{digest.removeprefix('sha256:')}")
    layer.unlink()
    staging.rename(out)


def _manifest(blobs: dict[str, bytes], layer: str, size: int, program: str, name: str) -> dict[str, Any]:
    """Add config and manifest of the image *name*, which runs *program*; return its entry in the index."""
    path = f"/usr/local/bin/{program}"
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": [path], "Env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin"], "User": "0:0"},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _put(blobs, f"{_OCI}.config.v1+json", config),
        "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", "digest": layer, "size": size}],
    }
    entry = _put(blobs, f"{_OCI}.manifest.v1+json", manifest)
    return entry | {"annotations": {"io.containerd.image.name": name}}


def _put(blobs: dict[str, bytes], kind: str, value: dict[str, Any]) -> dict[str, Any]:
    data = json.dumps(value).encode()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    blobs[digest] = data
    return {"mediaType": kind, "digest": digest, "size": len(data)}


def _write_layer(
    out: Path, programs: Mapping[str, Path], links: Mapping[str, str], files: Iterable[tuple[str, Path]]
) -> None:
    """Write a layer of *programs* in /usr/local/bin, *links* to them, and *files* by their paths."""
    with tarfile.open(out, "w") as tar:
        for directory in ("usr", "usr/local", "usr/local/bin", "tmp", "var", "var/lib"):
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(info)
        for name, file in programs.items():
            tar.add(file, f"usr/local/bin/{name}", filter=_executable)
        for name, target in links.items():
            info = tarfile.TarInfo(f"usr/local/bin/{name}")
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(info)
        info = tarfile.TarInfo("pause")  # where a sandbox of containerd may look for it
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, "usr/local/bin/pause", 0o777
        tar.addfile(info)
        for path, file in files:
            tar.add(file, path, filter=_executable)


def _executable(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode, info.uid, info.gid, info.uname, info.gname, info.mtime = 0o755, 0, 0, "", "", 0
    return info


def _program_with_libraries(root: Path, program: str) -> list[tuple[str, Path]]:
    """Return *program* and the libraries that it loads, by their paths in the image."""
    argv = ["chroot", str(root), "ldd", f"/{program}"]
    shown = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    libraries = sorted({word for word in shown.split() if word.startswith("/")})
    found = [(program, root / program)]
    for one in libraries:
        real = subprocess.run(
            ["chroot", str(root), "readlink", "-f", one], check=True, capture_output=True, text=True
        )
        found.append((one.strip("/"), root / real.stdout.strip().strip("/")))
    return found


def _add(tar: tarfile.TarFile, path: str, data: bytes) -> None:
    info = tarfile.TarInfo(path)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
