"""Read the documents of content/, check them against each other, and assign their URLs.

Reads the files below content/. No writes, no network, no clock: the caller
passes the time that decides which posts are due.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from pipelines.core.config import SiteConfig
from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content import front_matter, metadata, scan
from pipelines.site.content.metadata import Metadata
from pipelines.site.content.read_policy import CONTENT, EXTRA, project_policy
from pipelines.tools.git_history import History

KIND_OF_FOLDER = {"posts": "post", "pages": "page", "members": "page"}
# Never published: licences and notes.
IGNORED_NAMES = ("LICENSE", "LICENSE.md", "README.md")
_UNSUPPORTED_SUFFIXES = frozenset([".markdown", ".mkd", ".mdown", ".rst", ".adoc", ".org", ".textile"])
# Names below / that NGINX, the API or the build use.
RESERVED_NAMES = frozenset(
    ["members", "account", "accounts", "admin", "assets", "_allauth", "_gate", "livez", "readyz"]
)
# URLs of the list pages that the build writes.
_LIST_URL = re.compile(r"/(posts/(page/\d.*)?|(tags|categories|series|archive)/.*)")


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
    url: str  # site-absolute, with a trailing slash
    modified: datetime | None  # from the front matter or from Git; None without either
    mark: str  # "", "draft", "scheduled" or "members"

    @property
    def save_as(self) -> str:
        """Return the output path of the page."""
        return self.url[1:] + "index.html"


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in content/, sorted by path."""

    documents: tuple[Document, ...]  # that this build publishes
    left_out: tuple[str, ...]  # "path: reason", for each document that it does not publish
    hidden: Mapping[str, str]  # path of an unpublished document -> reason
    files: frozenset[str]  # every other file, relative to the project
    broken: frozenset[str]  # documents that have faults
    faults: tuple[Fault, ...]  # of all documents


@dataclass(frozen=True, slots=True)
class UrlPatterns:
    """Pelican's URL settings: site-relative, with ``{slug}``, ``{lang}``, ``{date}``."""

    article: str
    article_lang: str
    page: str
    page_lang: str
    slug_from: str  # "basename" or "title", Pelican's SLUGIFY_SOURCE


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
    for path in paths:
        try:
            if document := _read_document(project, path, config, urls, history, as_of):
                found.append(document)
            elif PurePosixPath(path).name not in IGNORED_NAMES or path.startswith(f"{EXTRA}/"):
                others.add(path)
        except SourceError as error:
            faults.extend(error.faults)
            broken.add(path)
    published, hidden = _select_published(found, config, drafts)
    faults.extend(_url_conflicts(published))
    left_out = tuple(f"{path}: {why}" for path, why in hidden.items())
    return Content(tuple(published), left_out, hidden, frozenset(others), frozenset(broken), tuple(faults))


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
    if pure.suffix.lower() in _UNSUPPORTED_SUFFIXES or (
        pure.suffix != ".md" and pure.suffix.lower() == ".md"
    ):
        fix = "write Markdown and name it .md, or move it out of content/"
        raise SourceError([Fault(path, 0, f"{pure.suffix} files are not supported", fix, "unread-file")])
    if pure.suffix != ".md" or pure.name in IGNORED_NAMES:
        return None
    if folder not in KIND_OF_FOLDER:
        fix = "move it below content/posts, content/pages or content/members"
        raise SourceError(
            [Fault(path, 0, "Markdown outside of posts, pages and members", fix, "misplaced-file")]
        )
    text = front_matter.read_text(project / path, path)
    source = front_matter.split_front_matter(text, path)
    meta = metadata.parse_metadata(
        source.entries, path, timezone=config.timezone, extra=config.metadata_extra
    )
    _check_keys_after_end(source, path, config)
    _check_folder(meta, path, folder)
    if folder == "posts" and meta.date is None:
        raise SourceError(
            [Fault(path, 1, "a post must have a date", "add a line `date: 2026-05-01`", "metadata")]
        )
    gated = folder == "members" or meta.access == "members"
    draft = Document(
        path=path,
        kind="page" if gated else KIND_OF_FOLDER[folder],
        gated=gated,
        meta=meta,
        body=source.body,
        body_line=source.body_line,
        digest=sha256_hex(text.encode()),
        slug=_document_slug(pure, meta, urls),
        lang=meta.lang or config.lang,
        url="",
        modified=_modified_date(path, meta, config, history),
        mark=_publication_mark(meta, gated, as_of),
    )
    return replace(draft, url=_document_url(draft, pure, config, urls))


def _check_extra_name(path: str) -> None:
    name = path.split("/")[2]
    if name.lower() in RESERVED_NAMES:  # NGINX matches /members/ in any letter case
        fix = f"rename {EXTRA}/{name}"
        raise SourceError(
            [Fault(path, 0, f"the URLs below /{name}/ are reserved for the server", fix, "address")]
        )


def _check_keys_after_end(source: front_matter.SourceText, path: str, config: SiteConfig) -> None:
    """Refuse keys after the end of the front matter: `access: members` has no effect there."""
    known = metadata.KEYS | set(config.metadata_extra)
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
    for key in ("tags", "category", "series"):
        if folder != "posts" and getattr(meta, key):
            fix = "move the file to content/posts, or remove the line"
            faults.append(
                Fault(path, meta.line(key), f"{key} on a page: only posts are listed", fix, "metadata")
            )
    if faults:
        raise SourceError(faults)


def _document_slug(path: PurePosixPath, meta: Metadata, urls: UrlPatterns) -> str:
    is_index = path.stem == "index" and len(path.parts) > 3  # posts/a/index.md is the page a
    stem = path.parent.name if is_index else path.stem
    slug = meta.slug or metadata.slugify(meta.title if urls.slug_from == "title" else stem)
    if wrong := metadata.slug_fault(slug):
        raise SourceError([Fault(str(path), 1, f"its name {wrong[0]}", "add a line `slug: …`", "metadata")])
    return slug


def _document_url(document: Document, path: PurePosixPath, config: SiteConfig, urls: UrlPatterns) -> str:
    index = path.name == "index.md" and len(path.parts) == 3 and document.slug == "index"
    if document.gated:
        return "/members/" if index else f"/members/{document.slug}/"
    if document.kind == "page" and index:
        return "/" if document.lang == config.lang else f"/{document.lang}/"
    translated = document.lang != config.lang
    if document.kind == "post":
        pattern = urls.article_lang if translated else urls.article
    else:
        pattern = urls.page_lang if translated else urls.page
    values = {"slug": document.slug, "lang": document.lang, "date": document.meta.date}
    url = "/" + pattern.format(**values)
    reserved = url.split("/")[1].lower() in RESERVED_NAMES
    if reserved or _LIST_URL.fullmatch(url):
        what = f"the URL {url} is reserved for {'the server' if reserved else 'a list of posts'}"
        line = document.meta.line("slug")
        raise SourceError(
            [Fault(str(path), line, what, "give the page another name, as in `slug: …`", "address")]
        )
    return url


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


def _url_conflicts(documents: Iterable[Document]) -> Iterator[Fault]:
    """Yield a fault for each URL or alias that two documents claim.

    Letter case is ignored: an NGINX ``map`` finds /About by /about, and a page
    and an alias that differ in case only would redirect to each other.
    """
    owner: dict[str, Document] = {}
    documents = list(documents)
    for document in documents:
        if first := owner.get(document.url.lower()):
            line = document.meta.line("slug")
            what = f"has the URL {document.url}, as {first.path} has"
            yield Fault(document.path, line, what, "give one of them another slug", "address")
        owner.setdefault(document.url.lower(), document)
    for document in documents:
        for alias in document.meta.aliases:
            line = document.meta.line("aliases")
            key = alias.rstrip("/").lower() + "/"
            if document.gated and not alias.startswith("/members/"):
                what = f"alias {alias} of a members' page is public"
                yield Fault(document.path, line, what, "put it below /members/", "alias")
            elif alias.split("/")[1].lower() in RESERVED_NAMES - {"members"}:
                yield Fault(
                    document.path, line, f"alias {alias} is reserved for the server", "remove it", "address"
                )
            if first := owner.get(key):
                what = f"alias {alias} is claimed by {first.path}"
                yield Fault(document.path, line, what, "remove one of the two", "alias")
            owner.setdefault(key, document)
