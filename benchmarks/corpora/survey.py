"""Build the pages of a mounted corpus, and count what its author would be shown.

A finding that is the mount's is kept out of the count of errors by one of the
rules of ``FOREIGN``, and counted there. Reads a project. No network.
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks import structure
from benchmarks.corpora.mount import CONTENT, Mounted
from benchmarks.corpora.repositories import Corpus
from pipelines.core.checks import Severities
from pipelines.core.errors import Fault, SourceError
from pipelines.site import workers
from pipelines.site.cache import Cache
from pipelines.site.content.documents import Document
from pipelines.site.content.metadata import Metadata
from pipelines.site.html.links import ImageFacts, LinkContext
from pipelines.site.html.postprocess import Labels
from pipelines.site.images.content_images import read_content_images

# Why a link that is broken in the mount is not broken in its repository.
FOREIGN = {
    "in the repository": "the repository has the target: outside of the mounted folder, as a directory, or"
    " under the name that the mount changed (README.md)",
    "generated": "the repository's .gitignore names the target: a program makes it",
    "of the old site": "a URL of the generator that it was written for: from the root of its host (/2019/…),"
    " the .html of a mounted .md, or out of the mounted folder to another .html",
    "not in the corpus": "a corpus of documents alone has no assets and no other folders",
}
_TARGET = re.compile(r"(?:links to|shows) (\S+?)(?:,|$)")


@dataclass(slots=True)
class Survey:
    """What the build says of one corpus."""

    corpus: Corpus
    documents: int = 0
    with_errors: set[str] = field(default_factory=set)  # paths of the corpus
    findings: list[Fault] = field(default_factory=list)  # of the bodies
    foreign: Counter[str] = field(default_factory=Counter)  # findings kept out, by rule
    differing: dict[str, structure.Difference] = field(default_factory=dict)  # first difference, by path
    deviations: Counter[str] = field(default_factory=Counter)  # documents, by deviation by design

    @property
    def wrong(self) -> set[str]:
        """Return the documents that are accepted although their structure differs."""
        return self.differing.keys() - self.with_errors


def survey(corpus: Corpus, project: Path, mounted: list[Mounted]) -> Survey:
    """Return what converting and checking each document of the mounted *corpus* finds."""
    documents = [_document(one) for one in mounted]
    names = {one.path for one in mounted}
    files = frozenset(f"{CONTENT}/{path}" for path in corpus.files) - names
    context = LinkContext(
        urls={document.path: document.url for document in documents},
        hidden={},
        files=files,
        images=_image_facts(project, files),
    )
    task = workers.ConvertTask(project, context, context, {"en": Labels()}, "commonmark")
    found = Survey(corpus, len(mounted))
    for one, document in zip(mounted, documents, strict=True):
        _survey_document(found, task, one, document)
    return found


def _survey_document(found: Survey, task: workers.ConvertTask, one: Mounted, document: Document) -> None:
    for fault in Severities().apply(_faults(task, document)):
        if rule := foreign(fault, one, found.corpus):
            found.foreign[rule] += 1
            continue
        found.findings.append(fault)
        if fault.severity == "error":
            found.with_errors.add(one.source)
    try:
        compared = structure.compare(one.body, task.converted(document).html)
    except SourceError:
        return
    found.deviations.update(compared.deviations.keys())
    if compared.differences:
        found.differing[one.source] = compared.differences[0]


def _faults(task: workers.ConvertTask, document: Document) -> list[Fault]:
    body = task(document)
    if body.fragment is None:
        return list(body.findings)
    ids = {name for name, _ in body.fragment.ids}
    missing = [
        (url, line)
        for url, line in body.fragment.lines
        if url.startswith("#") and unquote(url[1:]) not in ids | {""}
    ]
    what = "links to {}, which is not a section of this page"
    fix = "fix the fragment"
    faults = [Fault(document.path, line, what.format(url), fix, "broken-link") for url, line in missing]
    return [*body.findings, *faults]


def foreign(fault: Fault, one: Mounted, corpus: Corpus) -> str:
    """Return the rule of FOREIGN that *fault* falls under, or ""."""
    if fault.check not in ("broken-link", "broken-image"):
        return ""
    found = _TARGET.search(fault.text)
    if found is None:
        return ""
    target = unquote(urlsplit(found[1]).path)
    if not target:  # a fragment
        return ""
    if target.startswith("/"):
        return "of the old site"
    below = posixpath.relpath(target, CONTENT)  # as written, from the mounted folder
    path = posixpath.normpath(posixpath.join(corpus.folder, below))
    if corpus.paths is None:
        return "not in the corpus"
    if path in corpus.paths or path == ".":
        return "in the repository"
    if path in corpus.generated:
        return "generated"
    page = path.removesuffix("/index.html").removesuffix(".html")
    if path.endswith(".html") and (below.startswith("../") or {page, f"{page}.md"} & corpus.paths):
        return "of the old site"
    return ""


def _document(one: Mounted) -> Document:
    below = one.path.removeprefix(f"{CONTENT}/").removesuffix(".md").removesuffix("index").strip("/")
    return Document(
        path=one.path,
        kind="page",
        gated=False,
        meta=Metadata(title=one.title),
        body=one.body,
        body_line=one.body_line,
        digest="",
        slug="",
        lang="en",
        url=f"/{below}/" if below else "/",
        modified=None,
        mark="",
    )


def _image_facts(project: Path, files: frozenset[str]) -> dict[str, ImageFacts]:
    """Return the facts of the images that can be read; a broken one is no fault of a body."""
    facts: dict[str, ImageFacts] = {}
    for path in files:
        try:
            facts |= read_content_images(project, [path], Cache()).facts
        except SourceError:
            facts[path] = ImageFacts(path.rpartition("/")[2], 1, 1)
    return facts
