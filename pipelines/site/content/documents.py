"""Read the documents of content/, check them against each other, and assign their URLs.

Reads the files below content/. No writes, no network, no clock: the caller
passes the time that decides which posts are due.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from pipelines.core.config import SiteConfig
from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content import addresses, front_matter, hints, metadata, scan
from pipelines.site.content.addresses import RESERVED_NAMES, UrlPatterns
from pipelines.site.content.front_matter import MetadataEntry, SourceText
from pipelines.site.content.heading import leading_heading
from pipelines.site.content.metadata import Metadata
from pipelines.site.content.read_policy import CONTENT, EXTRA, MARKDOWN_SUFFIXES, project_policy
from pipelines.tools.git_history import History

KIND_OF_FOLDER = {"posts": "post", "pages": "page", "members": "page"}
# Never published: licences and notes.
_IGNORED_STEMS = ("license", "readme")
# Formats of other generators, among posts and pages: they become no page.
_UNREAD_SUFFIXES = frozenset(
    [".rst", ".adoc", ".asciidoc", ".org", ".textile", ".mdx", ".qmd", ".rmd", ".ipynb", ".html", ".htm"]
)


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file that becomes one page."""

    path: str  # relative to the project: "content/posts/a.md"
    kind: str  # "post" or "page"
    gated: bool  # members only
    meta: Metadata
    body: str  # Markdown
    body_line: int  # the line of the file on which the body starts
    digest: str  # SHA-256 of the text, hex
    slug: str
    lang: str
    url: str  # site-absolute; it ends with a slash or with .html
    modified: datetime | None  # from the front matter or from Git; None without either
    mark: str  # "", "draft", "scheduled" or "members"

    @property
    def save_as(self) -> str:
        """Return the output path of the page."""
        return self.url[1:] + ("index.html" if self.url.endswith("/") else "")


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in content/, sorted by path."""

    documents: tuple[Document, ...]  # that this build publishes
    left_out: tuple[str, ...]  # "path: reason", for each document that it does not publish
    hidden: Mapping[str, str]  # path of an unpublished document -> reason
    unpublished: tuple[Document, ...]  # those that are hidden
    files: frozenset[str]  # every other file, relative to the project
    broken: frozenset[str]  # documents that have faults
    faults: tuple[Fault, ...]  # of all documents


def read_documents(
    project: Path,
    config: SiteConfig,
    urls: UrlPatterns,
    history: History | None,
    *,
    as_of: int,
    drafts: bool,
) -> Content:
    """Read every document below *project*/content.

    *as_of* is in seconds since 1970: posts dated later are not due. *drafts*
    includes drafts and posts that are not due. Raises nothing: the faults are
    part of the result, so that the build can add those of later phases.
    """
    paths, faults = scan.scan_files(CONTENT, project_policy(project, history.index if history else None))
    found: list[Document] = []
    others: set[str] = set()
    broken = {fault.path for fault in faults}
    unread: dict[str, str] = {}  # path -> reason, of files with warnings only
    for path in paths:
        try:
            if document := _read_document(project, path, config, urls, history, as_of):
                found.append(document)
                faults.extend(document.meta.faults)
            elif not is_note(path) or path.startswith(f"{EXTRA}/"):
                others.add(path)
        except SourceError as error:
            faults.extend(error.faults)
            if any(config.checks.severity(fault.check, path) == "error" for fault in error.faults):
                broken.add(path)
            else:
                unread[path] = "not read"
    published, hidden = _select_published(found, config, drafts)
    unpublished = tuple(one for one in found if one.path in hidden)
    hidden |= unread
    faults.extend(addresses.address_conflicts(published, config))
    left_out = tuple(f"{path}: {why}" for path, why in sorted(hidden.items()))
    files, broken_paths = frozenset(others), frozenset(broken)
    return Content(tuple(published), left_out, hidden, unpublished, files, broken_paths, tuple(faults))


def _read_document(
    project: Path,
    path: str,
    config: SiteConfig,
    urls: UrlPatterns,
    history: History | None,
    as_of: int,
) -> Document | None:
    pure = PurePosixPath(path)
    folder = pure.parts[1] if len(pure.parts) > 2 else ""
    if folder == "extra":
        _check_extra_name(path)
        return None
    if folder.lower() in RESERVED_NAMES and folder != "members":
        fix = f"rename {CONTENT}/{folder}"
        raise SourceError(
            [Fault(path, 0, f"the URLs below /{folder}/ are reserved for the server", fix, "address")]
        )
    if pure.suffix.lower() not in MARKDOWN_SUFFIXES or is_note(path):
        return None
    if folder not in KIND_OF_FOLDER:
        fix = "move it below content/posts, content/pages or content/members"
        raise SourceError(
            [Fault(path, 0, "Markdown outside of posts, pages and members", fix, "misplaced-file")]
        )
    text = front_matter.read_text(project / path, path)
    source = front_matter.split_front_matter(text, path)
    if len(source.entries) == 1 and source.body and not text.lstrip().startswith(("---", "+++")):
        known = metadata.KEYS | dict(config.metadata_extra).keys()
        if hints.is_prose(source.entries[0].key, known):  # "Rustdoc: a sentence" is a paragraph
            source = SourceText((), text, 1)
    _check_keys_after_end(source, path, config)
    heading = leading_heading(source.body)
    implied = [MetadataEntry("title", heading.text, source.body_line + heading.first)] if heading else []
    if not implied and not source.entries and source.body.strip():
        implied.append(MetadataEntry("title", addresses.title_of_name(pure), 1))
    if day := addresses.date_of_name(pure):
        implied.append(MetadataEntry("date", day, 1))
    meta = metadata.parse_metadata(
        source.entries, path, timezone=config.timezone, extra=config.metadata_extra, implied=implied
    )
    gives_title = heading and (heading.level == 1 or all(one.key != "title" for one in source.entries))
    is_title = heading and gives_title and heading.text.casefold() == meta.title.casefold()
    body = heading.removed_from(source.body) if heading and is_title else source.body
    _check_folder(meta, path, folder)
    if folder == "posts" and meta.date is None:
        fix = "add a line `date: 2026-05-01`, or begin the file name with 2026-05-01-"
        raise SourceError([Fault(path, 1, "a post must have a date", fix, "metadata")])
    gated = folder == "members" or meta.access == "members"
    kind = "page" if gated else KIND_OF_FOLDER[folder]
    slug = addresses.document_slug(pure, meta, urls)
    return Document(
        path=path,
        kind=kind,
        gated=gated,
        meta=meta,
        body=body,
        body_line=source.body_line,
        digest=sha256_hex(text.encode()),
        slug=slug,
        lang=meta.lang or config.lang,
        url=addresses.document_url(pure, meta, slug, config, urls, kind=kind, gated=gated),
        modified=_modified_date(path, meta, config, history),
        mark=_publication_mark(meta, gated, as_of),
    )


def is_note(path: str) -> bool:
    """Return whether *path* is a licence or a note for authors, which is never published."""
    pure = PurePosixPath(path)
    return pure.stem.lower() in _IGNORED_STEMS and pure.suffix.lower() in ("", ".txt", *MARKDOWN_SUFFIXES)


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


def _check_extra_name(path: str) -> None:
    name = path.split("/")[2]
    if name.lower() in RESERVED_NAMES:  # NGINX matches /members/ in any letter case
        fix = f"rename {EXTRA}/{name}"
        raise SourceError(
            [Fault(path, 0, f"the URLs below /{name}/ are reserved for the server", fix, "address")]
        )


def _check_keys_after_end(source: front_matter.SourceText, path: str, config: SiteConfig) -> None:
    """Refuse keys after the end of the front matter: `access: members` has no effect there."""
    known = metadata.KEYS | dict(config.metadata_extra).keys()
    first = source.body.lstrip("\n").split("\n\n")[0].split("\n")
    late_key = re.match(r"(?:---[ \t]*\n+)?((?:status|access)[ \t]*:.*)", "\n".join(first), re.IGNORECASE)
    values = ("draft", "published", "members", "public")
    if late_key and late_key[1].partition(":")[2].strip().lower() in values:
        first = [late_key[1]]
    if all(line.partition(":")[1] and line.partition(":")[0].strip().lower() in known for line in first):
        line = source.body_line + len(source.body) - len(source.body.lstrip("\n"))
        fix = "move it up, without a blank line between; if it is text, begin it with another word"
        raise SourceError(
            [Fault(path, line, f"{first[0][:40]!r} comes after the front matter", fix, "metadata")]
        )


def _check_folder(meta: Metadata, path: str, folder: str) -> None:
    """Refuse metadata that has no effect in the directory of the page."""
    faults = []
    if folder != "members" and "members" in PurePosixPath(path).parts[2:-1] and meta.access != "members":
        fix = "move the file to content/members, write `access: members`, or rename the directory"
        faults.append(Fault(path, 0, "a directory members protects pages only in content/", fix, "metadata"))
    if folder == "members" and meta.access == "public":
        fix = "move the file out of content/members, or remove the line"
        faults.append(Fault(path, meta.line("access"), "access: public in content/members", fix, "metadata"))
    for key, why in (("series", "only posts have parts"), ("id", "only posts are in feeds")):
        if folder != "posts" and getattr(meta, key):
            fix = "move the file to content/posts, or remove the line"
            faults.append(Fault(path, meta.line(key), f"{key} on a page: {why}", fix, "metadata"))
    if faults:
        raise SourceError(faults)


def _modified_date(path: str, meta: Metadata, config: SiteConfig, history: History | None) -> datetime | None:
    if meta.modified:
        return meta.modified
    change = history.changes.get(path) if history else None
    if change is None:
        return None
    if change.is_cut:
        fix = "fetch the whole history (`git fetch --unshallow`, GIT_DEPTH: 0 in GitLab CI)"
        what = "its date of change is unknown: the clone is shallow"
        raise SourceError([Fault(path, 0, what, fix + ", or write `modified: …`", "metadata")])
    if meta.date and change.is_added:  # committed once: the date of that commit is not a change
        return None
    moment = datetime.fromtimestamp(change.time, UTC).astimezone(ZoneInfo(config.timezone))
    return max(moment, meta.date) if meta.date else moment


def _publication_mark(meta: Metadata, gated: bool, as_of: int) -> str:
    if meta.status == "draft":
        return "draft"
    if meta.date and meta.date.timestamp() > as_of:
        return "scheduled"
    return "members" if gated else ""


def _select_published(
    found: Iterable[Document], config: SiteConfig, drafts: bool
) -> tuple[list[Document], dict[str, str]]:
    shown: list[Document] = []
    hidden: dict[str, str] = {}
    for document in found:
        if document.gated and not config.login:
            hidden[document.path] = "for members, and login = false in site.toml"
        elif document.mark == "draft" and not drafts:
            hidden[document.path] = "draft"
        elif document.mark == "scheduled" and not drafts and document.meta.date:
            hidden[document.path] = f"due {document.meta.date.isoformat(sep=' ')}"
        else:
            shown.append(document)
    return shown, hidden
