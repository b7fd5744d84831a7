"""Convert documents to HTML, several at once, and keep the results for the next build.

Reads committed diagrams and the store of earlier builds. Writes that store. No network.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from pipelines.core.errors import Fault, SourceError
from pipelines.core.files import read_regular
from pipelines.core.progress import Progress
from pipelines.site.build_report import BuildReport, Work
from pipelines.site.cache import Cache
from pipelines.site.content.document import Document
from pipelines.site.diagrams import render
from pipelines.site.html import postprocess
from pipelines.site.html.labels import Labels
from pipelines.site.html.links import LinkContext
from pipelines.site.html.postprocess import DiagramRenderer, Fragment, FragmentFacts
from pipelines.site.markdown.converter import convert_markdown, load_dialect
from pipelines.site.pool import map_items
from pipelines.site.reads import SIZE, digest_parts, digest_value
from pipelines.site.store import Store, blob_digest

_KIND = "body"  # of the records
_BATCH = 256  # bodies that are stored at once


class Body(NamedTuple):
    """The converted body of one document."""

    facts: FragmentFacts
    html: Callable[[], str]
    findings: tuple[Fault, ...]
    digest: bytes  # of facts and HTML


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """A stored body: what it was made of, and what it is."""

    text: bytes  # digest of the document
    inputs: bytes  # digest of the document and of the settings
    found: list[tuple[str, str, bytes]]  # (field of the context, key, digest of what it found there)
    facts: FragmentFacts
    findings: tuple[Fault, ...]
    html: bytes  # digest of the blob
    why: str  # it was converted


class _Converted(NamedTuple):
    """What a worker process returns."""

    fragment: Fragment
    findings: tuple[Fault, ...]
    found: list[tuple[str, str, bytes]] | None  # None: it depends on more than single files
    seconds: float


_FACTS = FragmentFacts.__struct_fields__
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Record)


class ConvertTask(Struct, frozen=True, dict=True):
    """Convert one document; the fields are the same for all documents."""

    project: Path
    context: LinkContext
    unpublished: LinkContext  # of the documents that this build does not publish
    labels: Mapping[str, Labels]  # by language
    dialect: str  # of pages that name none

    def __call__(self, document: Document) -> _Converted:
        """Return the body of *document*, the findings in it, and what it found in the context."""
        start = perf_counter()
        notes = _Notes(self.context_of(document), self.project)
        try:
            converted = convert_markdown(
                document.body,
                document.meta.summary,
                document.path,
                document.body_line,
                dialect=document.meta.dialect or self.dialect,
                lang=document.lang,
            )
            labels, diagram = self.labels[document.lang], self._diagram(document, notes)
            done = postprocess.postprocess(document, converted, notes.context, diagram, labels)
        except SourceError as error:  # the text exceeds a limit
            done = Fragment(), error.faults
        found = notes.found if notes.single else None
        return _Converted(*done, found, perf_counter() - start)

    def context_of(self, document: Document) -> LinkContext:
        """Return what *document* may link to."""
        return self.unpublished if document.path in self.unpublished.hidden else self.context

    def inputs(self, document: Document) -> bytes:
        """Return the digest of everything that the body of *document* is made of but the files it names."""
        own = (
            *(document.digest, document.path, document.lang, document.url, document.kind, document.mark),
            *(document.gated, document.meta.dialect or self.dialect),
            # Which part of the text is the body: [metadata] decides whether a first line is a key.
            *(document.body_line, len(document.body), document.meta.summary),
        )
        return digest_parts((repr(own), self._shared_inputs[document.lang]))

    @cached_property
    def _shared_inputs(self) -> Mapping[str, bytes]:
        """The digests of what all documents of a language share."""
        hosts = (self.context.scripts, self.context.image_hosts, self.context.frame_hosts)
        return {lang: digest_value((labels, *hosts)) for lang, labels in self.labels.items()}

    def _diagram(self, document: Document, notes: _Notes) -> DiagramRenderer:
        shown: Counter[Path] = Counter()

        def inline(path: str, source: str, line: int) -> str:
            if path:
                notes.note("file", path)
                diagram = render.diagram_of_file(self.project, self.project / path)
            else:
                diagram = _fence_diagram(self.project, document, source, line)
            notes.note("file", diagram.svg.relative_to(self.project).as_posix())
            shown[diagram.svg] += 1
            return render.inline_diagram(diagram, shown[diagram.svg])

        return inline


def _fence_diagram(project: Path, document: Document, source: str, line: int) -> render.Diagram:
    return render.Diagram(source, document.path, line, render.fence_svg(project, source))


def convert_documents(
    task: ConvertTask,
    documents: Sequence[Document],
    workers: int,
    cache: Cache,
    progress: Progress,
    report: BuildReport,
    *,
    part: bool = False,
) -> list[Body]:
    """Return the body of each document, in order; those that are stored are not converted again.

    The others that are stored are dropped, unless *documents* are only a *part* of the site.
    """
    store = cache.store
    stored = store.records(_KIND, [document.path for document in documents] if part else None)
    bodies: dict[str, Body] = {}
    todo: list[Document] = []
    reasons: list[str] = []
    for document in documents:
        body, why = _stored_body(stored.get(document.path), task, document, store)
        if body is not None:
            bodies[document.path] = body
            report.converted.setdefault(document.path, Work(why, False))  # this build may have stored it
        else:
            todo.append(document)
            reasons.append(why)
    progress.advance(len(documents) - len(todo))
    cache.count("convert", len(todo))
    records: dict[str, bytes] = {}
    blobs: dict[bytes, bytes] = {}
    for dialect in {document.meta.dialect or task.dialect for document in todo}:
        load_dialect(dialect)  # once, before there are worker processes
    results = map_items(task, todo, workers, progress)
    for document, why, done in zip(todo, reasons, results, strict=True):
        html = done.fragment.html
        facts = _without_html(done.fragment)
        data = html.encode("utf-8", "surrogatepass")
        key = blob_digest(data)
        bodies[document.path] = Body(facts, partial(str, html), done.findings, _digest(facts, key))
        report.converted[document.path] = Work(why, True, done.seconds)
        if done.found is not None:
            text, inputs = document.digest.encode(), task.inputs(document)
            record = _Record(text, inputs, done.found, facts, done.findings, key, why)
            records[document.path] = _ENCODER.encode(record)
            blobs[key] = zlib.compress(data, 1)
        if len(records) >= _BATCH:
            store.save(_KIND, records, blobs)
            records, blobs = {}, {}
    store.save(_KIND, records, blobs)
    if not part:
        store.keep(_KIND, [document.path for document in documents])
    return [bodies[document.path] for document in documents]


def _stored_body(
    data: bytes | None, task: ConvertTask, document: Document, store: Store
) -> tuple[Body | None, str]:
    """Return the stored body of *document* and why it was converted, if a conversion would give the same.

    Else None, and why it must be converted.
    """
    if data is None:
        return None, "it is new"
    try:
        record = _DECODER.decode(data)
    except msgspec.MsgspecError:
        return None, "its record is damaged"
    if record.inputs != task.inputs(document):
        same = record.text == document.digest.encode()
        return None, "its address or a setting changed" if same else "its text changed"
    notes = _Notes(task.context_of(document), task.project)
    for field, key, digest in record.found:
        if notes.digest(field, key) != digest:
            return None, f"{key} {_CHANGES.get(field, 'changed')}"

    def html() -> str:
        found = _stored_html(record.html, store)
        return task(document).fragment.html if found is None else found

    return Body(record.facts, html, record.findings, _digest(record.facts, record.html)), record.why


def _stored_html(digest: bytes, store: Store) -> str | None:
    """Return the stored text with the digest *digest*; None if it is lost or damaged."""
    packed = store.blob(digest)
    try:
        data = zlib.decompress(packed) if packed is not None else None
    except zlib.error:
        return None
    return data.decode("utf-8", "surrogatepass") if data is not None and blob_digest(data) == digest else None


# What has changed in a field of the context.
_CHANGES = {
    "urls": "has another address, or is published or removed",
    "hidden": "is published or hidden",
    "files": "was added or removed",
    "broken": "has an error, or none any more",
    "damaged": "is damaged, or not any more",
}


def stored_blobs(store: Store, paths: Collection[str] | None = None) -> Iterator[bytes]:
    """Yield the digests of the blobs that stored bodies name: all, or those of the documents *paths*."""
    for data in store.records(_KIND, paths).values():
        with suppress(msgspec.MsgspecError):
            yield _DECODER.decode(data).html


def _without_html(fragment: Fragment) -> FragmentFacts:
    return FragmentFacts(**{name: getattr(fragment, name) for name in _FACTS})


def _digest(facts: FragmentFacts, html: bytes) -> bytes:
    return digest_parts([html, _ENCODER.encode(facts)])


class _Notes:
    """What one conversion finds in its context: the lookups of single files."""

    def __init__(self, context: LinkContext, project: Path) -> None:
        self._given, self._project = context, project
        self._seen: dict[tuple[str, str], bytes] = {}
        self.single = True
        self.context = replace(
            context,
            urls=_NotedMap("urls", context.urls, self),
            hidden=_NotedMap("hidden", context.hidden, self),
            images=_NotedMap("images", context.images, self),
            files=_NotedSet("files", context.files, self),
            broken=_NotedSet("broken", context.broken, self),
            damaged=_NotedSet("damaged", context.damaged, self),
        )

    @property
    def found(self) -> list[tuple[str, str, bytes]]:
        """Each lookup with the digest of its result, in order."""
        return [(field, key, digest) for (field, key), digest in self._seen.items()]

    def note(self, field: str, key: str) -> None:
        """Record the lookup of *key*."""
        if (field, key) not in self._seen:
            self._seen[(field, key)] = self.digest(field, key)

    def digest(self, field: str, key: str) -> bytes:
        """Return the digest of what *key* gives in *field* of the context now."""
        if field == "file":
            try:
                return blob_digest(read_regular(self._project / key))[:SIZE]
            except OSError:
                return b""
        known = getattr(self._given, field)
        if isinstance(known, Mapping):
            return digest_value(known[key]) if key in known else b""
        return b"1" if key in known else b""


class _NotedMap(Mapping[str, Any]):
    """A mapping that notes each lookup."""

    def __init__(self, name: str, values: Mapping[str, Any], notes: _Notes) -> None:
        self._name, self._values, self._notes = name, values, notes

    def __getitem__(self, key: str) -> Any:
        self._notes.note(self._name, key)
        return self._values[key]

    def __contains__(self, key: object) -> bool:
        self._notes.note(self._name, str(key))
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of *key*, or *default*."""
        self._notes.note(self._name, key)
        return self._values.get(key, default)

    def __iter__(self) -> Iterator[str]:
        self._notes.single = False
        return iter(self._values)

    def __len__(self) -> int:
        self._notes.single = False
        return len(self._values)


class _NotedSet(AbstractSet[str]):
    """A set that notes each lookup."""

    def __init__(self, name: str, values: AbstractSet[str], notes: _Notes) -> None:
        self._name, self._values, self._notes = name, values, notes

    def __contains__(self, key: object) -> bool:
        self._notes.note(self._name, str(key))
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        self._notes.single = False
        return iter(self._values)

    def __len__(self) -> int:
        self._notes.single = False
        return len(self._values)
