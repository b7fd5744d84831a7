"""Make image layers: tar archives whose bytes depend on names, modes and contents only.

No reads, no writes, no network. An archive is a sorted USTAR with user and
group 0 and mtimes derived from the content. A name that does not fit USTAR gets
a pax header, which holds the name only.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipelines.core import digests
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import Fault, SourceError
from pipelines.tools import gzip

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
_BLOCK, _RECORD = 512, 10240  # bytes, of tar


@dataclass(frozen=True, slots=True)
class File:
    """An entry of a layer: a file, a directory, or a link to *link*."""

    path: str  # from the root of the image, without a slash at either end
    data: bytes = b""
    mode: int = 0o644
    link: str = ""
    folder: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an image."""

    name: str  # for people: "pages"
    digest: str  # "sha256:…" of the compressed bytes
    diff_id: str  # "sha256:…" of the archive
    data: bytes  # compressed

    @property
    def size(self) -> int:
        """Return the size of its compressed bytes."""
        return len(self.data)


def make_layer(name: str, files: Iterable[File], level: int = 6) -> Layer:
    """Return *files* and their parent directories as a layer, compressed with *level* (1 to 12).

    Raises SourceError for names of whiteouts.
    """
    archive = pack_files(files)
    data = gzip.gzip_bytes(archive, level)
    return Layer(name, sha256_digest(data), sha256_digest(archive), data)


def pack_files(files: Iterable[File]) -> bytes:
    """Return *files* and their parent directories as a tar archive."""
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
    """Return the entries of a tar *archive*, compressed or not, without times and owners.

    Modes are normalized, so that the umask does not matter: files 0644, or 0755 if
    executable; directories 0755, or 1777 if writable by all.
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
                fault = Fault(path, 0, "is not a file, directory or link", "remove it from the base")
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
    """Refuse whiteouts, which delete a file of a lower layer (OCI image-spec, layer.md)."""
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
    except ValueError:  # too long for USTAR
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
