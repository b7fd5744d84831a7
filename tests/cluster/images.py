"""Write OCI images FROM scratch: of one program, or of a whole root with a program on top.

Writes OCI archives and layouts (github.com/opencontainers/image-spec, image-layout.md). No network.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TYPES = "application/vnd.oci.image"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Layer:
    """A compressed layer."""

    diff: str  # digest of the tar archive
    digest: str  # of the compressed one
    size: int  # bytes, compressed


def digest_of(data: bytes) -> str:
    """Return "sha256:" and the digest."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def pack_files(files: Mapping[str, Path]) -> tuple[Layer, bytes]:
    """Return a layer of *files*, by their paths in the image, all executable; and its bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, file in files.items():
            _add(tar, path.strip("/"), file.read_bytes(), 0o755)
    raw = buffer.getvalue()
    packed = gzip.compress(raw, 1, mtime=0)
    return Layer(digest_of(raw), digest_of(packed), len(packed)), packed


def pack_root(root: Path, out: Path) -> Layer:
    """Write *out*, a layer of the directory *root*, with owners and modes."""
    raw = out.with_suffix(".tar")
    argv = ["tar", "--sort=name", "--numeric-owner", "-C", str(root), "-cf", str(raw), "."]
    subprocess.run(argv, check=True)
    diff = _file_digest(raw)
    with out.open("wb") as file:
        subprocess.run(["gzip", "-1", "-n", "-c", str(raw)], stdout=file, check=True)
    raw.unlink()
    return Layer(diff, _file_digest(out), out.stat().st_size)


def _file_digest(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def documents(
    layers: Sequence[Layer], name: str, entrypoint: Sequence[str], user: str
) -> tuple[bytes, bytes, bytes]:
    """Return config, manifest and index of the image *name* ("host/name:tag")."""
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "User": user, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff for layer in layers]},
        }
    )
    gzipped = f"{_TYPES}.layer.v1.tar+gzip"
    manifest_type = f"{_TYPES}.manifest.v1+json"
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": _descriptor(f"{_TYPES}.config.v1+json", digest_of(config), len(config)),
            "layers": [_descriptor(gzipped, layer.digest, layer.size) for layer in layers],
        }
    )
    entry = _descriptor(manifest_type, digest_of(manifest), len(manifest))
    tag = name.rpartition(":")[2]
    entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
    return config, manifest, _json({"schemaVersion": 2, "manifests": [entry]})


def _descriptor(kind: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest, "size": size}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def write_archive(out: Path, name: str, path: str, program: Path, user: str = "65534:65534") -> None:
    """Write an OCI archive *out* of the image *name* that runs *program* as *path*."""
    layer, packed = pack_files({path: program})
    config, manifest, index = documents([layer], name, [path], user)
    with tarfile.open(out, "w") as tar:
        for where, data in _files(index, config, manifest, packed).items():
            _add(tar, where, data, 0o644)


def write_layout(
    out: Path, name: str, root: tuple[Layer, Path], files: Mapping[str, Path], entrypoint: Sequence[str]
) -> None:
    """Write an OCI layout *out* of the packed *root*, with *files* on top by their paths; it runs as root."""
    below, packed_root = root
    above, packed = pack_files(files)
    config, manifest, index = documents([below, above], name, entrypoint, "0:0")
    for where, data in _files(index, config, manifest, packed).items():
        (out / where).parent.mkdir(parents=True, exist_ok=True)
        (out / where).write_bytes(data)
    os.symlink(packed_root, out / _blob(below.digest))


def _files(index: bytes, *blobs: bytes) -> dict[str, bytes]:
    fixed = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index}
    return fixed | {_blob(digest_of(blob)): blob for blob in blobs}


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(tar: tarfile.TarFile, name: str, data: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), mode
    tar.addfile(member, io.BytesIO(data))
