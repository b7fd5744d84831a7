"""Recognize findings that follow from other findings: only the cause is reported.

Reads the front matter of documents that have faults. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from msgspec import Struct

from pipelines.core.errors import Fault
from pipelines.site.content.slugs import slugify
from pipelines.site.html.inspect import Finding

# Lists that do not exist without the posts in them.
_LISTS = ("/tags/", "/categories/", "/series/", "/archive/", "/posts/")
_HEAD = 4096  # bytes that hold the slug and the aliases of a document
_SLUG = re.compile(r"^slug[ \t]*:[ \t]*['\"]?([^\s'\"]+)", re.MULTILINE | re.IGNORECASE)
_ALIAS = re.compile(r"(?<![^\s,\[\"'])(/[^\s,\]\"']*)")
# Findings of a text that is not, or not completely, on its page.
_INCOMPLETE = frozenset({"limit", "encoding", "dropped-markup"})


class MissingPages(Struct, frozen=True):
    """The pages that a built site lacks, or has in part, because of findings in their documents."""

    names: frozenset[str] = frozenset()  # the last segment of each URL
    urls: frozenset[str] = frozenset()  # aliases
    posts: bool = False  # a post is missing: lists may be missing, too
    incomplete: frozenset[str] = frozenset()  # paths of documents whose text is not complete

    def explains(self, path: str) -> bool:
        """Return whether the URL *path* may be that of a missing page."""
        if self.posts and path.startswith(_LISTS):
            return True
        return path in self.urls or path.rstrip("/").rpartition("/")[2] in self.names


def missing_pages(project: Path, broken: Iterable[str], findings: Iterable[Fault]) -> MissingPages:
    """Return what a site lacks without the documents *broken*, and with *findings* in the others."""
    names: set[str] = set()
    urls: set[str] = set()
    documents = [PurePosixPath(path) for path in broken if path.endswith(".md")]
    for path in documents:
        names |= {path.stem, slugify(path.stem), path.parent.name if path.stem == "index" else path.stem}
        if not (project / path).is_file():  # a pipe would block
            continue
        try:
            with (project / path).open("rb") as stream:
                head = stream.read(_HEAD).decode(errors="replace")
        except OSError:
            continue
        names.update(_SLUG.findall(head))
        urls.update(_ALIAS.findall(head))
    posts = any(path.parts[1:2] == ("posts",) for path in documents)
    incomplete = frozenset(finding.path for finding in findings if finding.check in _INCOMPLETE)
    return MissingPages(frozenset(names), frozenset(urls), posts, incomplete)


class Reported:
    """The findings of the documents; those of their rendered pages are compared with them."""

    def __init__(self, findings: Iterable[Fault] = ()) -> None:
        findings = list(findings)
        self._subjects = {(one.check, _subject(one.check, one.text)) for one in findings}
        self._texts: dict[str, list[str]] = {}
        for one in findings:
            self._texts.setdefault(one.path, []).append(one.text)
        self._lines = {(one.path, one.line, one.check) for one in findings}

    def has(self, finding: Finding) -> bool:
        """Return whether *finding* of a page shows what is reported for a document."""
        return (finding.check, _subject(finding.check, finding.text)) in self._subjects

    def has_text(self, path: str, start: str) -> bool:
        """Return whether a finding in the file *path* begins with *start*."""
        return any(text.startswith(start) for text in self._texts.get(path, ()))

    def has_line(self, fault: Fault) -> bool:
        """Return whether the check of *fault* has found something in its line already."""
        return (fault.path, fault.line, fault.check) in self._lines


def _subject(check: str, text: str) -> str:
    """Return the part of *text* that the same finding has on other pages, such as lists."""
    return text.partition(": ")[0] if check == "unparsed-markup" else text
