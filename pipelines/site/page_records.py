"""Store rendered pages and feeds, each with what it has read.

Many pages read the same inputs: settings, templates, strings. A *frame* has those once,
with their digests, and names the inputs that each page has for itself.

Reads and writes the store. No network.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress

import msgspec

from pipelines.site.html.inspect import PageFacts
from pipelines.site.pelican.jobs import Job, PageJob
from pipelines.site.reads import SIZE, Read, digest_parts
from pipelines.site.store import Store

PAGES, FRAMES = "page", "frame"  # kinds of records
_BATCH = 256  # pages that are stored at once
# Inputs that are the same for all pages; the others are those of one page.
_SHARED = frozenset({"settings", "template", "site", "strings", "asset", "svg", "as-of"})

StoredFiles = tuple[tuple[str, bytes, int], ...]  # suffix, SHA-256, size


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """What many pages read alike: shared inputs with their digests, and which own inputs."""

    shared: tuple[tuple[Read, bytes], ...]
    own: tuple[Read, ...]


class Record(msgspec.Struct, frozen=True, array_like=True):
    """A stored page or feed."""

    frame: bytes  # key of the frame
    own: bytes  # the digests of the own inputs, one after the other
    facts: PageFacts | None  # None of a feed
    files: StoredFiles
    why: str  # it was rendered

    def own_digest(self, index: int) -> bytes:
        """Return the digest of the own input at *index* of the frame."""
        return self.own[index * SIZE : (index + 1) * SIZE]


_ENCODER = msgspec.msgpack.Encoder()
DECODER = msgspec.msgpack.Decoder(Record)
FRAME_DECODER = msgspec.msgpack.Decoder(Frame)


class Batch:
    """Rendered pages on their way to the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records: dict[str, bytes] = {}
        self._frames: dict[str, bytes] = {}
        self._blobs: dict[bytes, bytes] = {}
        self.frames: set[str] = set()  # of all that were added
        self.checksums: dict[str, int] = {}  # of all records, by name

    def add(
        self,
        job: Job,
        reads: Mapping[Read, bytes],
        facts: PageFacts | None,
        files: StoredFiles,
        blobs: Mapping[bytes, bytes],
        why: str,
    ) -> None:
        """Add the rendered *job*; *why* it was."""
        home = home_of(job)
        shared = tuple((read, digest) for read, digest in reads.items() if _is_shared(read, job))
        own = tuple(_relative(read, home) for read in reads if not _is_shared(read, job))
        frame = _ENCODER.encode(Frame(shared, own))
        key = digest_parts([frame])
        if key.hex() not in self.frames:
            self.frames.add(key.hex())
            self._frames[key.hex()] = frame
        digests = b"".join(digest for read, digest in reads.items() if not _is_shared(read, job))
        record = _ENCODER.encode(Record(key, digests, facts, files, why))
        self._records[job.name] = record
        self.checksums[job.name] = zlib.crc32(record)
        self._blobs.update(blobs)
        if len(self._records) >= _BATCH:
            self.save()

    def save(self) -> None:
        """Store what was added."""
        self._store.save(FRAMES, self._frames, {})
        self._store.save(PAGES, self._records, self._blobs)
        self._records, self._frames, self._blobs = {}, {}, {}


def stored_blobs(store: Store, names: Collection[str] | None = None) -> Iterator[bytes]:
    """Yield the digests of the blobs that stored pages name: all, or those in *names*."""
    for data in store.records(PAGES, names).values():
        with suppress(msgspec.MsgspecError):
            yield from (sha256 for _, sha256, _ in DECODER.decode(data).files)


def home_of(job: Job) -> str:
    """Return the path of the post or page that *job* shows; "" for others."""
    item = job.values.get("article") or job.values.get("page") if isinstance(job, PageJob) else None
    return str(getattr(item, "relative_source_path", "") or "") if item else ""


def absolute_read(read: Read, home: str) -> Read:
    """Return the *read* of a frame for the page of the item *home*."""
    return (read[0], home, *read[2:]) if read[:2] == ("item", "") else read


def _is_shared(read: Read, job: Job) -> bool:
    if read[0] == "variable":
        return not (isinstance(job, PageJob) and read[1] in job.values)
    return read[0] in _SHARED


def _relative(read: Read, home: str) -> Read:
    return (read[0], "", *read[2:]) if home and read[0] == "item" and read[1] == home else read
