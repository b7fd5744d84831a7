"""Read one Markdown file of content/: its front matter, its URL, its text.

Reads that file. No writes, no network, no clock: the caller passes the time
that decides which posts are due.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from zoneinfo import ZoneInfo

from msgspec import Struct

from pipelines.core.config import SiteConfig
from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content import addresses, front_matter, hints, metadata
from pipelines.site.content.addresses import UrlPatterns
from pipelines.site.content.front_matter import InvalidFrontMatter, MetadataEntry, SourceText
from pipelines.site.content.heading import leading_heading
from pipelines.site.content.metadata import Metadata
from pipelines.site.content.parsed_document import ParsedDocument, pack_metadata, unpack_metadata
from pipelines.tools.git_history import History

# The URL is made of these.
_URL_KEYS = frozenset({"title", "date", "slug", "url", "lang", "category", "access"})
# The text means something else with other values of these.
_TEXT_KEYS = frozenset({"access", "dialect"})
_BLOCK = re.compile(
    r"\s*(---|\+\+\+)[ \t]*\n(?P<keys>.*?)^(?:---|\.\.\.|\+\+\+)[ \t]*$", re.DOTALL | re.MULTILINE
)
_DRAFT = re.compile(r"^status[ \t]*[:=][ \t]*['\"]?draft['\"]?[ \t]*$", re.IGNORECASE | re.MULTILINE)


class Document(Struct, frozen=True):
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
    url: str  # site-absolute; it ends with a slash or with .html; "" where it is not known for a fault
    modified: datetime | None  # from the front matter or from Git; None without either
    mark: str  # "", "draft", "scheduled" or "members"

    @property
    def save_as(self) -> str:
        """Return the output path of the page."""
        return self.url[1:] + ("index.html" if self.url.endswith("/") else "")


class Reading(Struct, frozen=True):
    """What a file gives: a document, and the faults of its front matter."""

    faults: tuple[Fault, ...]
    is_valid: bool  # the page can be built
    is_draft: bool
    document: Document | None  # the valid values, if those suffice to check the text


CachedParse = Callable[[tuple[str, str, str], Callable[[], ParsedDocument]], ParsedDocument]


def _parse_always(_inputs: tuple[str, str, str], parse: Callable[[], ParsedDocument]) -> ParsedDocument:
    return parse()


def read_document(
    project: Path,
    path: str,
    config: SiteConfig,
    urls: UrlPatterns,
    history: History | None,
    *,
    kind: str,
    as_of: int,
    cached: CachedParse = _parse_always,
) -> Reading:
    """Read the Markdown file *path*; *kind* is that of the pages in its directory.

    *cached* may return what an earlier call parsed of an equal text at that path.
    Raises nothing: all faults of the front matter are part of the result.
    """
    try:
        text = front_matter.read_text(project / path, path)
        digest = sha256_hex(text.encode())
        parsed = cached((path, digest, kind), lambda: _parse(text, path, config, urls, kind))
    except SourceError as error:
        return Reading(error.faults, False, _says_draft(project / path), None)
    meta, faults, changed = unpack_metadata(parsed.meta), [*parsed.faults], None
    if parsed.may_change:
        try:
            changed = _modified_date(path, meta, config, history)
        except SourceError as error:
            faults.extend(error.faults)
    document = Document(
        path=path,
        kind=parsed.kind,
        gated=parsed.gated,
        meta=meta,
        body=parsed.body(text),
        body_line=parsed.body_line,
        digest=digest,
        slug=parsed.slug,
        lang=meta.lang or config.lang,
        url=parsed.url,
        modified=changed,
        mark=_publication_mark(meta, parsed.gated, as_of),
    )
    is_draft = meta.status == "draft"
    found = document if parsed.is_readable else None
    return Reading((*faults, *meta.faults), not faults, is_draft, found)


def _parse(text: str, path: str, config: SiteConfig, urls: UrlPatterns, kind: str) -> ParsedDocument:
    """Parse the front matter of *text*; raise SourceError where it cannot be split from the body."""
    pure = PurePosixPath(path)
    faults: list[Fault] = []

    def attempt(step: Callable[[], str]) -> str:
        try:
            return step()
        except SourceError as error:
            faults.extend(error.faults)
            return ""

    source = _split(text, path, config, faults)
    cut_off = {fault.line for fault in faults}  # by YAML: what else is wrong with a value follows from that
    late = _late_keys(source, path, config)
    heading = leading_heading(source.body)
    implied = [MetadataEntry("title", heading.text, source.body_line + heading.first)] if heading else []
    if not implied and not source.entries and source.body.strip():
        implied.append(MetadataEntry("title", addresses.title_of_name(pure), 1))
    if day := addresses.date_of_name(pure):
        implied.append(MetadataEntry("date", day, 1))
    meta, invalid = metadata.check_metadata(
        source.entries, path, timezone=config.timezone, extra=config.metadata_extra, implied=implied
    )
    faults += [fault for fault in (*invalid, *late) if fault.line not in cut_off]
    wrong = {key for key, line in meta.lines if any(fault.line == line for fault in faults)}
    folder = pure.parts[1]
    faults += _folder_faults(meta, path, folder)
    if folder == "posts" and meta.date is None and "date" not in wrong:
        fix = "add a line `date: 2026-05-01`, or begin the file name with 2026-05-01-"
        faults.append(Fault(path, 1, "a post must have a date", fix, "metadata"))
    gated = folder == "members" or meta.access == "members"
    kind = "page" if gated else kind
    slug = url = ""
    if not wrong & _URL_KEYS and meta.title:
        slug = attempt(lambda: addresses.document_slug(pure, meta, urls))
    if slug and (kind == "page" or meta.date):
        url = attempt(lambda: addresses.document_url(pure, meta, slug, config, urls, kind=kind, gated=gated))
    gives_title = heading and (heading.level == 1 or all(one.key != "title" for one in source.entries))
    is_title = heading and gives_title and heading.text.casefold() == meta.title.casefold()
    assert text.endswith(source.body)  # so that it need not be stored
    return ParsedDocument(
        faults=tuple(faults),
        is_readable=not late and not wrong & _TEXT_KEYS,
        may_change="modified" not in wrong,
        meta=pack_metadata(meta),
        kind=kind,
        gated=gated,
        slug=slug,
        url=url,
        body_start=len(text) - len(source.body),
        body_line=source.body_line,
        heading=(heading.first, heading.last) if heading and is_title else None,
    )


def _split(text: str, path: str, config: SiteConfig, faults: list[Fault]) -> SourceText:
    """Split *text*; add the faults of single values to *faults*; raise SourceError for others."""
    try:
        source = front_matter.split_front_matter(text, path)
    except InvalidFrontMatter as error:
        faults.extend(error.faults)
        return error.source
    if len(source.entries) == 1 and source.body and not text.lstrip().startswith(("---", "+++")):
        known = metadata.KEYS | dict(config.metadata_extra).keys()
        if hints.is_prose(source.entries[0].key, known):  # "Rustdoc: a sentence" is a paragraph
            return SourceText((), text, 1)
    return source


def _says_draft(file: Path) -> bool:
    """Return whether front matter that cannot be read has a line that makes the page a draft."""
    try:
        head = file.read_bytes()[: front_matter.MAX_FRONT_MATTER].decode(errors="replace")
    except OSError:
        return False
    block = _BLOCK.match(head.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff"))
    return bool(block and _DRAFT.search(block["keys"]))


def _late_keys(source: SourceText, path: str, config: SiteConfig) -> list[Fault]:
    """Return the fault of keys after the end of the front matter: `access: members` has no effect there."""
    known = metadata.KEYS | dict(config.metadata_extra).keys()
    first = source.body.lstrip("\n").split("\n\n")[0].split("\n")
    late_key = re.match(r"(?:---[ \t]*\n+)?((?:status|access)[ \t]*:.*)", "\n".join(first), re.IGNORECASE)
    values = ("draft", "published", "members", "public")
    if late_key and late_key[1].partition(":")[2].strip().lower() in values:
        first = [late_key[1]]
    below = first[1:] if re.fullmatch(r"---[ \t]*", first[0]) else first[:1]
    if found := next((line for line in below if front_matter.LATE_KEY.fullmatch(line)), ""):
        number = source.body_line + source.body[: source.body.index(found)].count("\n")
        fix = "move it up, without a blank line between; if it is text, begin it with another word"
        return [Fault(path, number, f"{found.strip()[:40]!r} comes after the front matter", fix, "metadata")]
    if all(line.partition(":")[1] and line.partition(":")[0].strip().lower() in known for line in first):
        line = source.body_line + len(source.body) - len(source.body.lstrip("\n"))
        fix = "move it up, without a blank line between; if it is text, begin it with another word"
        return [Fault(path, line, f"{first[0][:40]!r} comes after the front matter", fix, "metadata")]
    return []


def _folder_faults(meta: Metadata, path: str, folder: str) -> list[Fault]:
    """Return the faults of metadata that has no effect in the directory of the page."""
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
    return faults


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
