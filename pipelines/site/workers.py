"""Convert and finish pages in a worker pool, with a cache by digest.

Reads rendered pages, writes finished ones. No network.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pipelines.core.errors import Fault, SourceError
from pipelines.core.progress import Progress
from pipelines.site.cache import Cache, cache_key
from pipelines.site.content.documents import Document
from pipelines.site.diagrams import render
from pipelines.site.html import inspect, postprocess
from pipelines.site.html.inspect import PageFacts
from pipelines.site.html.labels import Labels
from pipelines.site.html.links import LinkContext
from pipelines.site.html.postprocess import DiagramRenderer, Fragment
from pipelines.site.markdown.converted import Converted
from pipelines.site.markdown.converter import convert_markdown
from pipelines.site.pelican.build_context import output_path

T = TypeVar("T")
R = TypeVar("R")
# With fewer items, starting processes costs more than it saves.
_PARALLEL_FROM = 24
_task: Any = None  # (task, items) of the worker processes, inherited by fork


class Body(NamedTuple):
    """The converted body of one document."""

    fragment: Fragment | None  # None: the text exceeds a limit
    findings: tuple[Fault, ...]


@dataclass(frozen=True)
class ConvertTask:
    """Convert one document; the fields are the same for all documents."""

    project: Path
    context: LinkContext
    unpublished: LinkContext  # of the documents that this build does not publish
    labels: Mapping[str, Labels]  # by language
    dialect: str  # of pages that name none

    def __call__(self, document: Document) -> Body:
        """Return the body of *document*, and the findings in it."""
        return self.body(document, partial(self.converted, document))

    def body(self, document: Document, converted: Callable[[], Converted]) -> Body:
        """Return the body of *document*, and the findings in it."""
        try:
            return Body(*self.fragment(document, converted()))
        except SourceError as error:
            return Body(None, error.faults)

    def converted(self, document: Document) -> Converted:
        """Return the HTML before postprocessing: a function of the text, its dialect and its language."""
        return convert_markdown(
            document.body,
            document.meta.summary,
            document.path,
            document.body_line,
            dialect=document.meta.dialect or self.dialect,
            lang=document.lang,
        )

    def fragment(self, document: Document, converted: Converted) -> tuple[Fragment, tuple[Fault, ...]]:
        """Return *converted* after postprocessing, and the findings in it."""
        context = self.unpublished if document.path in self.unpublished.hidden else self.context
        labels = self.labels[document.lang]
        return postprocess.postprocess(document, converted, context, self._diagram(document), labels)

    def _diagram(self, document: Document) -> DiagramRenderer:
        shown: Counter[Path] = Counter()

        def inline(path: str, source: str, line: int) -> str:
            if path:
                diagram = render.diagram_of_file(self.project, self.project / path)
            else:
                diagram = _fence_diagram(self.project, document, source, line)
            shown[diagram.svg] += 1
            return render.inline_diagram(diagram, shown[diagram.svg])

        return inline


def _fence_diagram(project: Path, document: Document, source: str, line: int) -> render.Diagram:
    return render.Diagram(source, document.path, line, render.fence_svg(project, source))


def convert_documents(
    task: ConvertTask, documents: Sequence[Document], workers: int, cache: Cache, progress: Progress
) -> list[Body]:
    """Return the body of each document, in order.

    A single process caches its results by the digest of the text; several
    processes do not use the cache.
    """
    if len(documents) > _PARALLEL_FROM and workers > 1:
        return list(_map_parallel(task, documents, workers, progress))
    done: list[Body] = []
    for document in documents:
        key = (document.path, document.digest, document.lang, document.meta.dialect or task.dialect)
        convert = partial(task.converted, document)
        done.append(task.body(document, partial(cache.get_or_compute, "convert", key, convert)))
        progress.advance(1)
    return done


@dataclass(frozen=True)
class _FinishTask:
    """Finish one rendered page: inspect it, minify it, write it."""

    raw: Path
    stage: Path
    image_hosts: tuple[str, ...]

    def __call__(self, name: str) -> PageFacts | None:
        return write_page(self.stage, name, finish_page(self.read(name), name, self.image_hosts))

    def read(self, name: str) -> bytes:
        return (self.raw / name).read_bytes()


def finish_page(data: bytes, name: str, image_hosts: Sequence[str]) -> tuple[bytes, PageFacts | None]:
    """Return the bytes to publish, and the facts of a page (None for a feed)."""
    if not name.endswith(".html"):
        return data, None
    html = data.decode()
    return inspect.minify_page(html).encode(), inspect.inspect_page(html, frozenset(image_hosts))


def write_page(stage: Path, name: str, done: tuple[bytes, PageFacts | None]) -> PageFacts | None:
    """Write a finished page into the public or the gated tree; return its facts."""
    target = stage / ("gated" if name.startswith("members/") else "public") / name
    _make_directory(target.parent)
    target.write_bytes(done[0])
    return done[1]


@lru_cache(maxsize=4096)
def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def finish_pages(
    raw: Path,
    stage: Path,
    names: Sequence[str],
    image_hosts: tuple[str, ...],
    workers: int,
    cache: Cache,
    progress: Progress,
) -> dict[str, PageFacts]:
    """Finish the files *names* of *raw*; return the facts of the pages by URL path."""
    task = _FinishTask(raw, stage, image_hosts)
    if len(names) > _PARALLEL_FROM and workers > 1:
        facts = list(_map_parallel(task, names, workers, progress))
    else:
        facts = []
        for name in names:
            data = task.read(name)
            key = (name, cache_key(data), image_hosts)
            done = cache.get_or_compute("finish", key, partial(finish_page, data, name, image_hosts))
            facts.append(write_page(stage, name, done))
            progress.advance(1)
    found = zip(names, facts, strict=True)
    return {output_path(name): fact for name, fact in found if fact is not None}


def _map_parallel(
    task: Callable[[T], R], items: Sequence[T], workers: int, progress: Progress
) -> Iterator[R]:
    """Yield task(item) for each item, in order, computed by *workers* processes.

    They inherit task and items by fork: nothing large is pickled.
    """
    global _task
    _task = (task, items)
    size = max(1, min(16, len(items) // (workers * 4)))
    chunks = [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
            for results in pool.map(_run_chunk, chunks):
                progress.advance(len(results))
                yield from results
    finally:
        _task = None


def _run_chunk(chunk: range) -> list[Any]:
    task, items = _task
    return [task(items[index]) for index in chunk]
