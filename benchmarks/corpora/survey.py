"""Build the pages of a mounted corpus, and count what its author would be shown.

A finding that is the mount's is kept out of the count of errors by one of the
rules of ``FOREIGN``, and counted there. Reads a project. No network.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks import structure
from benchmarks.corpora.mount import CONTENT, Mounted
from benchmarks.corpora.repositories import Corpus
from pipelines.core.config import load_config
from pipelines.core.errors import Fault, SourceError
from pipelines.site.build import BuildOptions, build
from pipelines.site.markdown.converter import convert_markdown

_AS_OF = 4_000_000_000  # 2096: every post is due
# Why a link that is broken in the mount is not broken in its repository.
FOREIGN = {
    "in the repository": "the repository has the target: outside of the mounted folder, as a directory, or"
    " under the name that the mount changed (README.md)",
    "generated": "the repository's .gitignore names the target: a program makes it",
    "of the old site": "an address of the generator that it was written for: from the root of its host"
    " (/2019/…), the .html of a mounted .md, Zola's @/a.md, or out of the mounted folder to another .html",
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
    elsewhere: Counter[str] = field(default_factory=Counter)  # findings in other files, by check
    others: list[Fault] = field(default_factory=list)
    foreign: Counter[str] = field(default_factory=Counter)  # findings kept out, by rule
    spared: set[str] = field(default_factory=set)  # paths with errors that are kept out
    differing: dict[str, structure.Difference] = field(default_factory=dict)  # first difference, by path
    deviations: Counter[str] = field(default_factory=Counter)  # documents, by deviation by design

    @property
    def wrong(self) -> set[str]:
        """Return the documents that are accepted although their structure differs."""
        return self.differing.keys() - self.with_errors


def survey(corpus: Corpus, project: Path, mounted: list[Mounted]) -> Survey:
    """Build the mounted *corpus*, and compare each document with the reference."""
    found = Survey(corpus, len(mounted))
    by_path = {one.path: one for one in mounted}
    for fault in _build(project):
        one = by_path.get(fault.path)
        if one is None:  # of an image, or of a file that is not read
            found.elsewhere[f"{fault.severity} {fault.check}"] += 1
            found.others.append(fault)
        elif rule := foreign(fault, corpus):
            found.foreign[rule] += 1
            if fault.severity == "error":
                found.spared.add(one.source)
        else:
            found.findings.append(fault)
            if fault.severity == "error":
                found.with_errors.add(one.source)
    for one in mounted:
        _compare(found, one)
    return found


def _build(project: Path) -> Sequence[Fault]:
    """Return all findings of a build with the default severities; raise SystemExit for a broken mount."""
    options = BuildOptions(as_of=_AS_OF, workers=os.cpu_count() or 1)
    try:
        return build(project, project / "out" / "site", load_config(project), options).findings
    except SourceError as error:
        if outside := [fault for fault in error.faults if fault.check == "project"]:
            raise SystemExit(f"error: the mount is no site: {outside[0]}") from None
        return error.faults


def _compare(found: Survey, one: Mounted) -> None:
    converted = convert_markdown(one.body, "", one.path, 1, dialect="commonmark")
    if converted.refused:
        return
    compared = structure.compare(one.body, converted.html)
    found.deviations.update(compared.deviations.keys())
    if compared.differences:
        found.differing[one.source] = compared.differences[0]


def foreign(fault: Fault, corpus: Corpus) -> str:
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
    if "@/" in target and f"{corpus.folder}/{target.partition('@/')[2]}" in (corpus.paths or ()):
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
