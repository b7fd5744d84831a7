"""Spread the work on pages over processes, and keep the results by digest.

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
from typing import Any, Protocol, TypeVar

from pipelines.errors import SourceError
from pipelines.site import convert, diagrams, finish, fragment
from pipelines.site.finish import Facts
from pipelines.site.fragment import Fragment, Inline, Labels
from pipelines.site.handover import path_of
from pipelines.site.links import Surroundings
from pipelines.site.memo import Memo, digest
from pipelines.site.sources import Document

T = TypeVar("T")
R = TypeVar("R")
# Below this, starting processes costs more than they bring.
_FEW = 24
_task: Any = None  # what a worker works on: inherited by fork, never sent


class _Counts(Protocol):
    def advance(self, pieces: int) -> None: ...


@dataclass(frozen=True)
class Converting:
    """What the conversion of every document needs."""

    project: Path
    around: Surroundings
    labels: Mapping[str, Labels]  # by language

    def __call__(self, document: Document) -> Fragment | SourceError:
        """Convert *document*; return its faults rather than raise them."""
        try:
            return self.fragment(document, self.converted(document))
        except SourceError as error:
            return error

    def converted(self, document: Document) -> convert.Converted:
        """Return the HTML before links are resolved: a function of the text alone."""
        summary = document.meta.summary
        return convert.convert(document.body, summary, document.path, document.body_line)

    def fragment(self, document: Document, converted: convert.Converted) -> Fragment:
        """Resolve and complete *converted*."""
        labels = self.labels[document.lang]
        return fragment.finish(document, converted, self.around, self._diagram(document), labels)

    def _diagram(self, document: Document) -> Inline:
        shown: Counter[Path] = Counter()

        def inline(path: str, source: str, line: int) -> str:
            if path:
                diagram = diagrams.from_file(self.project, self.project / path)
            else:
                diagram = _block(self.project, document, source, line)
            shown[diagram.svg] += 1
            return diagrams.inline(diagram, shown[diagram.svg])

        return inline


def _block(project: Path, document: Document, source: str, line: int) -> diagrams.Diagram:
    return diagrams.Diagram(source, document.path, line, diagrams.fence_svg(project, source))


def convert_all(
    task: Converting, documents: Sequence[Document], workers: int, memo: Memo, progress: _Counts
) -> list[Fragment | SourceError]:
    """Convert every document, in order.

    One process keeps the results by the digest of the text; several share the
    work instead.
    """
    if len(documents) > _FEW and workers > 1:
        return list(_spread(task, documents, workers, progress))
    done: list[Fragment | SourceError] = []
    for document in documents:
        try:
            key = (document.path, document.digest)
            made = memo.get("convert", key, partial(task.converted, document))
            done.append(task.fragment(document, made))
        except SourceError as error:
            done.append(error)
        progress.advance(1)
    return done


@dataclass(frozen=True)
class _Finishing:
    """Finish one rendered page: check it, minify it, write it into its tree."""

    raw: Path
    stage: Path

    def __call__(self, name: str) -> Facts | None:
        return write(self.stage, name, finished(self.read(name), name))

    def read(self, name: str) -> bytes:
        return (self.raw / name).read_bytes()


def finished(data: bytes, name: str) -> tuple[bytes, Facts | None]:
    """Return the bytes to serve, and the facts of a page (None for a feed)."""
    if not name.endswith(".html"):
        return data, None
    html = data.decode()
    return finish.minify(html).encode(), finish.inspect(html)


def write(stage: Path, name: str, done: tuple[bytes, Facts | None]) -> Facts | None:
    """Write a finished page into the public or the gated tree."""
    target = stage / ("gated" if name.startswith("members/") else "public") / name
    _folder(target.parent)
    target.write_bytes(done[0])
    return done[1]


@lru_cache(maxsize=4096)
def _folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def finish_pages(
    raw: Path, stage: Path, names: Sequence[str], workers: int, memo: Memo, progress: _Counts
) -> dict[str, Facts]:
    """Finish the files *names* of *raw*; return the facts of the pages by URL path."""
    task = _Finishing(raw, stage)
    if len(names) > _FEW and workers > 1:
        facts = list(_spread(task, names, workers, progress))
    else:
        facts = []
        for name in names:
            data = task.read(name)
            done = memo.get("finish", (name, digest(data)), partial(finished, data, name))
            facts.append(write(stage, name, done))
            progress.advance(1)
    found = zip(names, facts, strict=True)
    return {path_of(name): fact for name, fact in found if fact is not None}


def _spread(task: Callable[[T], R], items: Sequence[T], workers: int, progress: _Counts) -> Iterator[R]:
    """Yield task(item) for each item, in order, from *workers* processes.

    The task reaches them by fork, so that nothing large is sent.
    """
    global _task
    _task = (task, items)
    size = max(1, min(16, len(items) // (workers * 4)))
    chunks = [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
    try:
        with ProcessPoolExecutor(workers, multiprocessing.get_context("fork")) as pool:
            for results in pool.map(_run, chunks):
                progress.advance(len(results))
                yield from results
    finally:
        _task = None


def _run(chunk: range) -> list[Any]:
    task, items = _task
    return [task(items[index]) for index in chunk]
