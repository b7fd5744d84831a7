"""Read the documents of content/, check them against each other, and assign their URLs.

Reads the files below content/. No writes, no network, no clock: the caller
passes the time that decides which posts are due.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from pipelines.core.config import SiteConfig
from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault
from pipelines.site.cache import Cache
from pipelines.site.content import addresses, scan
from pipelines.site.content.addresses import RESERVED_NAMES, UrlPatterns
from pipelines.site.content.document import Document, read_document
from pipelines.site.content.parsed_document import ParsedDocument
from pipelines.site.content.read_policy import CONTENT, EXTRA, MARKDOWN_SUFFIXES, project_policy
from pipelines.tools.git_history import History

KIND_OF_FOLDER = {"posts": "post", "pages": "page", "members": "page"}
# Never published: licences and notes.
_IGNORED_STEMS = ("license", "readme")
# Formats of other generators, among posts and pages: they become no page.
_UNREAD_SUFFIXES = frozenset(
    [".rst", ".adoc", ".asciidoc", ".org", ".textile", ".mdx", ".qmd", ".rmd", ".ipynb", ".html", ".htm"]
)


class Content(Struct, frozen=True):
    """Everything in content/, sorted by path."""

    documents: tuple[Document, ...]  # that this build publishes
    left_out: tuple[str, ...]  # "path: reason", for each document that it does not publish
    hidden: Mapping[str, str]  # path of an unpublished document -> reason
    unpublished: tuple[Document, ...]  # those that are hidden
    invalid: tuple[Document, ...]  # no pages are built from them: their texts are checked
    lenient: frozenset[str]  # documents whose findings are warnings: drafts, members' pages without a login
    files: frozenset[str]  # every other file, relative to the project
    broken: frozenset[str]  # documents that have faults, and are not hidden
    faults: tuple[Fault, ...]  # of all documents

    @property
    def all_documents(self) -> tuple[Document, ...]:
        """Return the documents whose texts are checked."""
        return (*self.documents, *self.unpublished, *self.invalid)


def read_documents(
    project: Path,
    config: SiteConfig,
    urls: UrlPatterns,
    history: History | None,
    *,
    as_of: int,
    drafts: bool,
    cache: Cache | None = None,
) -> Content:
    """Read every document below *project*/content.

    *as_of* is in seconds since 1970: posts dated later are not due. *drafts*
    includes drafts and posts that are not due. *cache* has the front matter of texts
    that earlier builds have read. Raises nothing: the faults are
    part of the result, so that the build can add those of later phases.
    """
    cache, settings = cache or Cache(), sha256_hex(repr((config, urls)).encode())

    def cached(inputs: tuple[str, str, str], parse: Callable[[], ParsedDocument]) -> ParsedDocument:
        return cache.get_or_compute("document", (*inputs, settings), parse, ParsedDocument)

    paths, faults = scan.scan_files(CONTENT, project_policy(project, history.index if history else None))
    found: list[Document] = []
    others: set[str] = set()
    broken = {fault.path for fault in faults}
    hidden: dict[str, str] = {}
    invalid: list[Document] = []
    draft_paths: set[str] = set()
    for path in paths:
        if wrong := _place_fault(path):
            faults.append(wrong)
            if config.checks.severity(wrong.check, path) == "error":
                broken.add(path)
            else:
                hidden[path] = "not read"
        elif not is_document(path):
            if not is_note(path) or path.startswith(f"{EXTRA}/"):
                others.add(path)
        else:
            kind = KIND_OF_FOLDER[path.split("/")[1]]
            one = read_document(project, path, config, urls, history, kind=kind, as_of=as_of, cached=cached)
            faults.extend(one.faults)
            if one.is_draft:
                draft_paths.add(path)
            if one.document and one.is_valid:
                found.append(one.document)
                continue
            if one.document:
                invalid.append(one.document)
            why = _hidden_reason(one.document, config, drafts) if one.document else ""
            if why or (one.is_draft and not drafts):
                hidden[path] = why or "draft"
            else:
                broken.add(path)
    reasons = {one.path: _hidden_reason(one, config, drafts) for one in found}
    published = tuple(one for one in found if not reasons[one.path])
    unpublished = tuple(one for one in found if reasons[one.path])
    hidden |= {path: why for path, why in reasons.items() if why}
    closed = {one.path for one in (*found, *invalid) if one.gated and not config.login}
    scheduled = (one for one in unpublished if one.mark == "scheduled" and one.path not in closed)
    faults.extend(addresses.address_conflicts((*published, *scheduled), config))
    return Content(
        documents=published,
        left_out=tuple(f"{path}: {why}" for path, why in sorted(hidden.items())),
        hidden=hidden,
        unpublished=unpublished,
        invalid=tuple(invalid),
        lenient=frozenset(draft_paths | closed),
        files=frozenset(others),
        broken=frozenset(broken),
        faults=tuple(faults),
    )


def is_document(path: str) -> bool:
    """Return whether a page is built from *path*, or would be in another directory."""
    _, suffix = _stem_and_suffix(path)
    return suffix in MARKDOWN_SUFFIXES and not is_note(path) and not path.startswith(f"{EXTRA}/")


def is_note(path: str) -> bool:
    """Return whether *path* is a licence or a note for authors, which is never published."""
    stem, suffix = _stem_and_suffix(path)
    return stem in _IGNORED_STEMS and suffix in ("", ".txt", *MARKDOWN_SUFFIXES)


def _stem_and_suffix(path: str) -> tuple[str, str]:
    """Return stem and suffix of a name, in lower case: texts take a tenth of the time of PurePosixPath."""
    return posixpath.splitext(posixpath.basename(path).lower())


def unread_files(files: Iterable[str], used: frozenset[str]) -> list[Fault]:
    """Return a warning for each of *files* that an author may take for a page.

    Those that a page links to (*used*) are attachments.
    """
    return [
        Fault(
            path,
            0,
            f"{PurePosixPath(path).suffix} files are not read: no page is built from it",
            "write it as Markdown, link to it, or move it to content/extra",
            "unread-file",
            "warning",
        )
        for path in sorted(files)
        if path not in used and is_unread(path)
    ]


def is_unread(path: str) -> bool:
    """Return whether *path* is among posts and pages, in a format of other generators."""
    pure = PurePosixPath(path)
    folder = pure.parts[1] if len(pure.parts) > 2 else ""
    return pure.suffix.lower() in _UNREAD_SUFFIXES and folder in KIND_OF_FOLDER


def _place_fault(path: str) -> Fault | None:
    """Return the fault of a file that must not be in its directory, or None."""
    parts = path.split("/")
    folder = parts[1] if len(parts) > 2 else ""
    if folder == "extra":
        if parts[2].lower() not in RESERVED_NAMES:  # NGINX matches /members/ in any letter case
            return None
        what, fix = f"the URLs below /{parts[2]}/ are reserved for the server", f"rename {EXTRA}/{parts[2]}"
        return Fault(path, 0, what, fix, "address")
    if folder.lower() in RESERVED_NAMES and folder != "members":
        what, fix = f"the URLs below /{folder}/ are reserved for the server", f"rename {CONTENT}/{folder}"
        return Fault(path, 0, what, fix, "address")
    if is_document(path) and folder not in KIND_OF_FOLDER:
        fix = "move it below content/posts, content/pages or content/members"
        return Fault(path, 0, "Markdown outside of posts, pages and members", fix, "misplaced-file")
    return None


def _hidden_reason(document: Document, config: SiteConfig, drafts: bool) -> str:
    """Return why this build does not publish *document*; "" if it does."""
    if document.gated and not config.login:
        return "for members, and login = false in site.toml"
    if drafts or document.mark not in ("draft", "scheduled"):
        return ""
    if document.mark == "draft" or not document.meta.date:
        return "draft"
    return f"due {document.meta.date.isoformat(sep=' ')}"
