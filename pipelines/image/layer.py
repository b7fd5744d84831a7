"""Layers of images: archives whose bytes depend on names and contents alone.

No reads, no writes, no network. An archive is a sorted USTAR with user and
group 0, the modes that it is given and times made of the content; a name that
does not fit USTAR gets a pax header, which holds nothing but the name.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipelines.core import digests
from pipelines.core.errors import Fault, SourceError
from pipelines.tools import gzip

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
_BLOCK, _RECORD = 512, 10240  # bytes, of tar


@dataclass(frozen=True, slots=True)
class File:
    """One thing in a layer: a file, a folder, or a link to *link*."""

    path: str  # from the root of the image, without a slash at either end
    data: bytes = b""
    mode: int = 0o644
    link: str = ""
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as it lies in an image."""

    name: str  # what it holds, for people: "pages"
    digest: str  # "sha256:…" of the compressed bytes
    diff_id: str  # "sha256:…" of the archive
    data: bytes  # compressed

    @property
    def size(self) -> int:
        """Return how many bytes are transferred for it."""
        return len(self.data)


def make_layer(name: str, files: Iterable[File], level: int = 6) -> Layer:
    """Return *files*, and the folders above them, as a layer compressed with *level* (1 to 12).

    Raises SourceError for names that mean something else in an image.
    """
    archive = pack_files(files)
    data = gzip.gzip_bytes(archive, level)
    return Layer(name, sha256(data), sha256(archive), data)


def sha256(data: bytes) -> str:
    """Return the digest of *data* as OCI writes it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def pack_files(files: Iterable[File]) -> bytes:
    """Return *files*, and the folders above them, as a tar archive."""
    every = _with_parents(files)
    _refuse_whiteouts(every)
    parts: list[bytes] = []
    for path in sorted(every, key=str.encode):
        parts.append(_tar_header(every[path]))
        data = every[path].data
        parts += [data, bytes(-len(data) % _BLOCK)]
    parts.append(bytes(2 * _BLOCK))
    size = sum(map(len, parts))
    return b"".join([*parts, bytes(-size % _RECORD)])


def unpack_files(archive: bytes) -> list[File]:
    """Return what is in a tar *archive*, compressed or not; times and owners are let go.

    Files become 0644 or, where anyone may run them, 0755; folders 0755, or 1777
    where everyone may write: another umask makes no other archive.
    """
    found: list[File] = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for info in tar:
            path = str(PurePosixPath("/", info.name)).lstrip("/")
            if not path:
                continue
            if info.isdir():
                found.append(File(path, mode=0o1777 if info.mode & 0o002 else 0o755, folder=True))
            elif info.issym():
                found.append(File(path, link=info.linkname, mode=0o777))
            elif info.isreg():
                stream = tar.extractfile(info)
                data = stream.read() if stream else b""
                found.append(File(path, data, 0o755 if info.mode & 0o111 else 0o644))
            else:
                fault = Fault(path, 0, "is no file, folder or link", "leave it out of the base")
                raise SourceError([fault])
    return found


def _with_parents(files: Iterable[File]) -> dict[str, File]:
    every = {file.path: file for file in files}
    for path in list(every):
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                every.setdefault(str(parent), File(str(parent), mode=0o755, folder=True))
    return every


def _refuse_whiteouts(every: dict[str, File]) -> None:
    """Refuse names that a runtime takes for the removal of another file (OCI image-spec, layer.md)."""
    faults = [
        Fault(path, 0, "has a name that deletes a file of a lower layer", "do not begin it with .wh.")
        for path in every
        if PurePosixPath(path).name.startswith(".wh.")
    ]
    if faults:
        raise SourceError(faults)


def _tar_header(file: File) -> bytes:
    info = tarfile.TarInfo(file.path)
    info.mode, info.size = file.mode, len(file.data)
    info.mtime = digests.mtime(hashlib.sha256(file.data).digest()) if file.data else digests.EPOCH
    if file.folder:
        info.type, info.mtime = tarfile.DIRTYPE, digests.EPOCH
    elif file.link:
        info.type, info.linkname, info.mtime = tarfile.SYMTYPE, file.link, digests.EPOCH
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError:  # too long for it
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
