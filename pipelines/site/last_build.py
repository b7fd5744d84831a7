"""Keep what the last build knew of the whole site, for one that follows changed texts only.

It has the inputs, what documents may link to, what the rest of the site shows of each
document, the pages that read its text, and the files. A build with other texts takes
from it what those do not change (changed_texts.py).

Reads and writes the store. No network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from pipelines.core.config import SiteConfig
from pipelines.core.results import SiteResult
from pipelines.site.html.links import ImageFacts, LinkContext
from pipelines.site.html.postprocess import reading_minutes
from pipelines.site.inputs import Inputs
from pipelines.site.output.tree import FileFacts
from pipelines.site.pelican.build_context import Page
from pipelines.site.pelican.views import Relations
from pipelines.site.reads import Read, digest_text
from pipelines.site.store import Store

_KIND = "last"  # of the records: one for each directory that a build writes


class Reader(msgspec.Struct, frozen=True, array_like=True):
    """A page or feed that reads the text of a document."""

    name: str  # of the output file
    home: str  # path of the document that it shows, relative to content/; "" for others


class LastBuild(msgspec.Struct, frozen=True, array_like=True):
    """The last build; paths of documents are relative to content/, where it is not said otherwise."""

    inputs: Mapping[str, str]  # mode and digest of each file, relative to the project
    rest: str  # digest of all other inputs
    urls: Mapping[str, str]  # of published documents, relative to the project
    hidden: Mapping[str, str]  # why others are not published, likewise
    files: frozenset[str]  # of content/ that are no documents, likewise
    images: Mapping[str, ImageFacts]  # of content/, likewise
    broken: frozenset[str]  # documents with faults, likewise
    damaged: frozenset[str]  # images with faults, likewise
    faulty: frozenset[str]  # what has a finding, even one that is off, likewise
    unpublished: tuple[str, ...]  # documents whose texts are checked, likewise
    outlines: Mapping[str, bytes]  # digest of what the rest of the site shows of a document
    relations: Mapping[str, Relations]
    readers: Mapping[str, tuple[Reader, ...]]  # pages and feeds, by the document whose text they read
    records: Mapping[str, int]  # checksums of the stored pages and feeds, by name
    other_urls: frozenset[str]  # URL paths of what is not a page
    tree: Mapping[str, FileFacts]  # SHA-256 and size of each file of the site
    result: SiteResult

    def changed_texts(self, inputs: Inputs) -> list[str] | None:
        """Return the published documents whose texts changed, relative to the project.

        None where anything else has changed.
        """
        if inputs.rest != self.rest or inputs.files.keys() != self.inputs.keys():
            return None
        changed = [path for path, held in inputs.files.items() if held != self.inputs[path]]
        return changed if self.faulty.isdisjoint(changed) and self.urls.keys() >= set(changed) else None

    def links(self, config: SiteConfig) -> LinkContext:
        """Return what documents may link to."""
        return LinkContext(
            urls=self.urls,
            hidden=self.hidden,
            files=self.files,
            images=self.images,
            broken=self.broken,
            damaged=self.damaged,
            scripts=frozenset(config.scripts),
            image_hosts=frozenset(config.image_hosts),
            frame_hosts=frozenset(config.frame_hosts),
        )


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(LastBuild)


def read_last_build(store: Store, name: str) -> LastBuild | None:
    """Return the last build into the directory *name*; None without one."""
    data = store.records(_KIND, [name]).get(name)
    try:
        return _DECODER.decode(data) if data is not None else None
    except msgspec.MsgspecError:
        return None


def save_last_build(store: Store, name: str, last: LastBuild) -> None:
    """Store *last*, the build into the directory *name*."""
    store.save(_KIND, {name: _ENCODER.encode(last)}, {})


def outline(page: Page) -> bytes:
    """Return the digest of all that the rest of a site shows of *page*, or that a check of others reads."""
    document, fragment = page.document, page.fragment
    meta = document.meta
    return digest_text(
        repr((
            *(document.kind, document.gated, document.slug, document.lang, document.url, document.modified),
            *(document.mark, meta, meta.lines, meta.faults, page.cover, sorted(page.files)),
            *(fragment.summary, fragment.description, reading_minutes(fragment)),
        ))
    )  # fmt: skip


def readers(reads: Mapping[str, Iterable[Read]], homes: Mapping[str, str]) -> dict[str, tuple[Reader, ...]]:
    """Return the pages and feeds that read the text of each document.

    *reads* are those of each page and feed, by name, and *homes* the documents that they show.
    """
    found: dict[str, list[Reader]] = {}
    for name, home in homes.items():
        reader = Reader(name, home)
        for read in reads[name]:
            if read[0] == "item" and len(read) == 2:
                found.setdefault(read[1], []).append(reader)
    return {path: tuple(those) for path, those in found.items()}
