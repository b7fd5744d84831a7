"""Find the pages and feeds of the last build that read a text, and what Pelican must plan for them.

Reads the store. No writes, no network.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from pipelines.site import page_records
from pipelines.site.content.read_policy import CONTENT
from pipelines.site.last_build import LastBuild, Reader
from pipelines.site.page_records import DECODER, FRAME_DECODER, FRAMES, PAGES, Frame, Record
from pipelines.site.reads import Read
from pipelines.site.store import Store

MOST_TEXTS, _MOST_PAGES = 200, 50  # with more, a build of the whole site takes little longer


class WholeSite(Exception):
    """The whole site must be built: what is stored is not enough, or too much has changed."""


class StoredPage(Struct, frozen=True):
    """A page or feed of the last build."""

    name: str
    record: Record
    reads: Mapping[Read, bytes]

    @property
    def items(self) -> set[str]:
        """The documents that it reads, relative to content/."""
        return {read[1] for read in self.reads if read[0] == "item"}


def stored_pages(last: LastBuild, store: Store, texts: set[Read]) -> list[StoredPage]:
    """Return the pages and feeds that read one of *texts*; raise WholeSite if they are many or damaged."""
    readers = {one.name: one for _, path in texts for one in last.readers.get(path, ())}
    if len(readers) > _MOST_PAGES:
        raise WholeSite
    records = {name: read_record(last, store, name) for name in readers}
    frames = store.records(FRAMES, {record.frame.hex() for record in records.values()})
    found = []
    for name, record in records.items():
        try:
            frame = FRAME_DECODER.decode(frames.get(record.frame.hex(), b""))
        except msgspec.MsgspecError:
            raise WholeSite from None
        found.append(StoredPage(name, record, _reads(readers[name], record, frame)))
    return [one for one in found if not texts.isdisjoint(one.reads)]


def _reads(reader: Reader, record: Record, frame: Frame) -> dict[Read, bytes]:
    own = (page_records.absolute_read(read, reader.home) for read in frame.own)
    return {**dict(frame.shared), **{read: record.own_digest(index) for index, read in enumerate(own)}}


def read_record(last: LastBuild, store: Store, name: str) -> Record:
    """Return the record of *name* that the last build has stored or used; raise WholeSite for another one."""
    data = store.records(PAGES, [name]).get(name)
    if data is None or zlib.crc32(data) != last.records.get(name):
        raise WholeSite
    try:
        return DECODER.decode(data)
    except msgspec.MsgspecError:
        raise WholeSite from None


def needed_documents(last: LastBuild, stored: Iterable[StoredPage]) -> set[str]:
    """Return the documents whose posts Pelican needs for *stored*, relative to the project.

    Raises WholeSite if they are many.
    """
    found = set()
    for one in stored:
        found |= one.items
        for read in one.reads:
            if read[0] == "item" and len(read) > 2 and (relations := last.relations.get(read[1])):
                found.update(relations.related, relations.others)
    paths = {f"{CONTENT}/{path}" for path in found} & last.urls.keys()
    if len(paths) > MOST_TEXTS:
        raise WholeSite
    return paths
