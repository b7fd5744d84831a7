"""Render, inspect, minify, compress and write the planned pages, several at once.

A page whose reads have not changed since an earlier build is not rendered: its files
are those of the last site, or taken from the store.

Reads the store of earlier builds and the last site. Writes pages and feeds below the
staging directory, and the store. No network.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePath
from time import perf_counter
from typing import NamedTuple

import brotli
import msgspec
from msgspec import Struct, field

from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import Progress
from pipelines.site.build_report import BuildReport, Work, describe_read
from pipelines.site.cache import Cache
from pipelines.site.html import inspect
from pipelines.site.html.inspect import PageFacts
from pipelines.site.output.compression import compress_page
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.tree import FileFacts, tree_path, write_normalized
from pipelines.site.page_records import (
    DECODER,
    FRAME_DECODER,
    FRAMES,
    PAGES,
    Batch,
    Frame,
    Record,
    StoredFiles,
    absolute_read,
    home_of,
)
from pipelines.site.pelican.jobs import Job, Plan
from pipelines.site.pelican.render import captured_log, template_fault
from pipelines.site.pool import map_items
from pipelines.site.reads import Opaque, Read, Recorder
from pipelines.site.store import Store


class Rendered(NamedTuple):
    """What a worker process returns."""

    facts: PageFacts | None
    files: StoredFiles
    blobs: dict[bytes, bytes]
    recorder: tuple[dict[Read, bytes], str]  # reads, and the one that cannot be stored
    error: Fault | str | None = None  # of a template, or a message of Pelican
    seconds: float = 0.0


class RenderedSite(Struct):
    """The rendered pages and feeds."""

    facts: dict[str, PageFacts] = field(default_factory=dict)  # of pages by name
    assets: set[str] = field(default_factory=set)  # of the theme, that they use
    checksums: dict[str, int] = field(default_factory=dict)  # of the stored records, by name


class RenderTask(Struct, frozen=True, dict=True):
    """Render one job and write its files; the fields are the same for all jobs."""

    plan: Plan
    raw: Path  # of files that are written already
    stage: Path
    project: Path
    overrides: Sequence[str]  # directories of templates beside theme/templates
    image_hosts: frozenset[str]
    compress: bool
    stored: bool  # the result is for the store

    def __call__(self, job: Job | str) -> Rendered:
        """Render, inspect, minify, compress and write *job*, or the file of that name in *raw*."""
        start = perf_counter()
        return self.run(job)._replace(seconds=perf_counter() - start)

    def run(self, job: Job | str) -> Rendered:
        """Do the same, without the time."""
        if isinstance(job, str):
            return self.finish(job, (self.raw / job).read_bytes(), Recorder(_no_digest, {}, "written"))
        try:
            with captured_log() as messages:
                text, recorder = self.plan.run(job)
        except PipelineError:
            raise
        except Exception as error:
            fault = template_fault(error, self.project, self.overrides)
            if fault is None:
                raise
            return Rendered(None, (), {}, ({}, "failed"), fault)
        if messages:
            return Rendered(None, (), {}, ({}, "failed"), "\n".join(messages))
        return self.finish(job.name, text.encode(), recorder)

    def finish(self, name: str, data: bytes, recorder: Recorder) -> Rendered:
        """Write the files of *name*, whose text is *data*."""
        facts = None
        if name.endswith(".html"):
            html = data.decode()
            facts = inspect.inspect_page(html, self.image_hosts)
            data = inspect.minify_page(html).encode()
        variants = compress_page(data, PurePath(name)) if self.compress else {}
        target = self.stage / tree_path(name)
        _make_directory(target.parent)
        files, blobs = [], {}
        for suffix, content in {"": data, **variants}.items():
            sha256 = hashlib.sha256(content).digest()
            write_normalized(f"{target}{suffix}", content, sha256)
            files.append((suffix, sha256, len(content)))
            if self.stored and (suffix or ".br" not in variants):  # the text is in its variant
                blobs[sha256] = content
        return Rendered(facts, tuple(files), blobs, (recorder.reads, recorder.opaque))


def _no_digest(_read: Read) -> bytes:
    raise Opaque("not rendered here")


@lru_cache(maxsize=4096)
def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def render_site(
    task: RenderTask,
    written: Sequence[str],
    tree: StagedTree,
    workers: int,
    cache: Cache,
    progress: Progress,
    report: BuildReport,
) -> RenderedSite:
    """Write every job of the plan, and the files *written* in task.raw; return what is known of them.

    *tree* gets the files. Raises SourceError for the first fault of a
    template, in Pelican's order, and PipelineError for messages of Pelican.
    """
    site, plan, store = RenderedSite(), task.plan, cache.store
    reuse = _Reuse(task, tree, store, report) if task.stored else None
    todo: list[tuple[Job | str, str]] = [(name, "a plugin wrote it") for name in written]
    for planned in plan.jobs.values():
        if why := reuse.reuse(planned, site) if reuse else "other plugins take part":
            todo.append((planned, why))
    tree.prepare(f"{tree_path(_name(job))}{suffix}" for job, _ in todo for suffix in ("", ".gz", ".br"))
    progress.advance(len(plan.jobs) + len(written) - len(todo))
    cache.count("render", len(todo))
    batch = Batch(store)
    jobs = [job for job, _ in todo]
    for (job, why), done in zip(todo, map_items(task, jobs, workers, progress), strict=True):
        if isinstance(done.error, Fault):
            raise SourceError([done.error])
        if done.error:
            raise PipelineError(done.error)
        name = _name(job)
        _note(site, tree, name, done.facts, done.files, done.recorder[0])
        report.rendered[name] = Work(why, True, done.seconds)
        report.reads[name] = tuple(done.recorder[0])
        if not isinstance(job, str) and task.stored and not done.recorder[1]:
            batch.add(job, done.recorder[0], done.facts, done.files, done.blobs, why)
    batch.save()
    site.checksums |= batch.checksums
    if reuse:
        store.keep(PAGES, plan.jobs)
        store.keep(FRAMES, reuse.frames_in_use | batch.frames)
    site.facts = dict(sorted(site.facts.items()))
    return site


def _name(job: Job | str) -> str:
    return job if isinstance(job, str) else job.name


def _note(
    site: RenderedSite,
    tree: StagedTree,
    name: str,
    facts: PageFacts | None,
    files: Sequence[tuple[str, bytes, int]],
    reads: Iterable[Read],
) -> None:
    if facts is not None:
        site.facts[name] = facts
    path = tree_path(name)
    for suffix, sha256, size in files:
        tree.add(path + suffix, FileFacts(sha256, size))
    site.assets.update(read[1] for read in reads if read[0] == "asset")


class _Reuse:
    """The stored pages, and which of them still are what rendering would give."""

    def __init__(self, task: RenderTask, tree: StagedTree, store: Store, report: BuildReport) -> None:
        self._task, self._tree, self._store, self._report = task, tree, store, report
        self.frames_in_use: set[str] = set()
        self._records = store.records(PAGES)
        self._frames: dict[bytes, tuple[Frame | None, str]] = {}
        self._known = store.records(FRAMES)

    def reuse(self, job: Job, site: RenderedSite) -> str:
        """Write the stored files of *job* and note them in *site*, or return why it must be rendered."""
        data = self._records.get(job.name)
        if data is None:
            return "it is new"
        try:
            record = DECODER.decode(data)
            frame, why = self._frame(record.frame)
        except msgspec.MsgspecError:
            return "its record is damaged"
        if frame is None or why:
            return why
        home = home_of(job)
        for index, read in enumerate(frame.own):
            absolute = absolute_read(read, home)
            try:
                digest = self._task.plan.digest_of(job, absolute)
            except Opaque as error:
                return f"{describe_read(absolute)} is a {error}"
            if digest != record.own_digest(index):
                return f"{describe_read(absolute)} changed"
        if not self._write(job.name, record):
            return "its files are lost"
        shared = [read for read, _ in frame.shared]
        _note(site, self._tree, job.name, record.facts, record.files, shared)
        self.frames_in_use.add(record.frame.hex())
        site.checksums[job.name] = zlib.crc32(data)
        self._report.rendered[job.name] = Work(record.why, False)
        own = (absolute_read(read, home) for read in frame.own)
        self._report.reads[job.name] = (*shared, *own)
        return ""

    def _frame(self, key: bytes) -> tuple[Frame | None, str]:
        """Return the frame *key*, and which of its inputs changed."""
        if key not in self._frames:
            data = self._known.get(key.hex())
            frame = FRAME_DECODER.decode(data) if data else None
            self._frames[key] = (frame, self._changed(frame) if frame else "its record is damaged")
        return self._frames[key]

    def _changed(self, frame: Frame) -> str:
        for read, digest in frame.shared:
            if self._task.plan.shared_digest(read) != digest:
                return f"{describe_read(read)} changed"
        return ""

    def _write(self, name: str, record: Record) -> bool:
        """Keep or link the files of *name*, or write them from the store."""
        path = tree_path(name)
        for suffix, sha256, size in record.files:
            if self._tree.keep(path + suffix, FileFacts(sha256, size)):
                continue
            data = self._stored(sha256, record)
            if data is None:
                for one, _, _ in record.files:  # it is rendered again
                    self._tree.discard(path + one)
                return False
            write_normalized(f"{self._tree.root}/{path}{suffix}", data, sha256)
        return True

    def _stored(self, sha256: bytes, record: Record) -> bytes | None:
        """Return the bytes with the digest *sha256* from the store: as they are, or compressed."""
        data = self._store.blob(sha256)
        if data is None and (small := [one for suffix, one, _ in record.files if suffix == ".br"]):
            packed = self._store.blob(small[0])
            try:
                data = brotli.decompress(packed) if packed else None
            except brotli.error:
                return None
        return data if data is not None and hashlib.sha256(data).digest() == sha256 else None
