"""Check the built site: every internal link, fragment and image exists.

Works on the facts of all pages. Reads theme/templates to locate faults that no
document caused. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, suggest
from pipelines.site.check.consequences import MissingPages, Reported
from pipelines.site.check.targets import Targets, is_plain_fragment, is_plain_path
from pipelines.site.content.document import Document
from pipelines.site.content.documents import is_unread
from pipelines.site.content.slugs import slugify
from pipelines.site.html.inspect import Finding, PageFacts, check_headings
from pipelines.site.output import machine_files
from pipelines.site.pelican.build_context import Page
from pipelines.site.theme import strings

# Paths of the API; they exist if login = true.
API_PATHS = ("/_allauth/", "/accounts/", "/admin/")
_FRAGMENTS_WITHOUT_ID = ("top", ":~:text=")  # fragments that need no id
_NO_IDS: frozenset[str] = frozenset()
_LinkProblem = tuple[str, str, str]  # text, fix, check


class SiteLinks(Struct, frozen=True):
    """Everything that a link can point to, and the pages with their links."""

    url: str  # of the site, absolute
    pages: Mapping[str, PageFacts]  # by URL path, both trees
    documents: Mapping[str, Page]  # by URL path
    files: frozenset[str]  # URL paths of all other files
    aliases: Mapping[str, str]  # alias -> URL path
    theme: Sequence[str]  # the files of theme/, relative to the project
    login: bool
    missing: MissingPages = field(default_factory=MissingPages)
    reported: Reported = field(default_factory=Reported)

    def is_incomplete(self, url: str) -> bool:
        """Return whether the page *url* lacks a part of its text because of a reported finding."""
        page = self.documents.get(url)
        return page is not None and page.document.path in self.missing.incomplete


def check_site(site: SiteLinks, config: SiteConfig, project: Path) -> list[Fault]:
    """Return the findings of all pages, without those that follow from reported ones."""
    menus = check_menus(site, config)
    broken_menu = {item.path for item in (*config.menu, *config.footer)} if menus else set()
    aliases = _check_aliases(site, [page.document for page in site.documents.values()])
    return sorted({*menus, *aliases, *_check_pages(site, project, site.pages, broken_menu)})


def check_unpublished(site: SiteLinks, pages: Sequence[Page], project: Path) -> list[Fault]:
    """Return the findings in the links and headings of *pages*, which this build does not publish.

    They may link to each other. Their templates are not rendered: ids that all
    pages of the site have count as theirs.
    """
    common = frozenset.intersection(*(facts.ids for facts in site.pages.values())) if site.pages else _NO_IDS
    documents = {page.document.url or f"/{page.document.path}": page for page in pages}
    found = {url: unpublished_facts(page, common) for url, page in documents.items()}
    whole = replace(site, pages={**site.pages, **found}, documents={**site.documents, **documents})
    scheduled = [page.document for page in pages if page.document.mark == "scheduled"]
    aliases = (*_check_aliases(site, scheduled), *_check_scheduled_lists(site, scheduled))
    return sorted({*_check_pages(whole, project, found, set()), *aliases})


def unpublished_facts(page: Page, ids: frozenset[str]) -> PageFacts:
    """Return the facts of a page that is not rendered; *ids* are those of its template.

    Where the URL of the page is not known, links relative to it are left out.
    """
    fragment = page.fragment
    known = "" if page.document.url else ("/", "#")
    headings = (
        (1, page.document.meta.title or page.document.path),
        *((level, text) for level, text, _ in fragment.headings),
    )
    return PageFacts(
        ids=ids | {name for name, _ in fragment.ids},
        links=tuple(dict.fromkeys(url for url, _ in fragment.lines if url.startswith(known))),
        loads=(),
        findings=tuple(check_headings(headings)),
        hidden=True,
        headings=headings,
    )


def has_findings(site: SiteLinks, project: Path, pages: Mapping[str, PageFacts]) -> bool:
    """Return whether *pages*, some of those of the site, have a finding."""
    return any(True for _ in _check_pages(site, project, pages, frozenset()))


def _check_pages(
    site: SiteLinks, project: Path, pages: Mapping[str, PageFacts], broken_menu: Container[str]
) -> Iterator[Fault]:
    """Yield the findings of *pages*; *broken_menu* are links that are reported already."""
    locator = _FaultLocator(site, project)
    targets = Targets(site.url, site.files)
    problems: dict[str, _LinkProblem | None] = {}  # by URL; many pages share a link
    for url, facts in pages.items():
        for finding in facts.findings:
            if not site.reported.has(finding):
                yield from (f for f in locator.faults(url, finding) if not site.reported.has_line(f))
        is_plain = is_plain_path(url)
        for link in facts.links:
            if is_plain and link[1:] in facts.ids and is_plain_fragment(link):
                continue  # the most frequent one, to a heading of the page itself
            if link in broken_menu and link not in locator.references(url):
                continue  # report a broken menu item once, not for every page
            absolute = targets.absolute(url, link)
            if absolute not in problems:
                problems[absolute] = _link_problem(absolute, link, site)
            if problem := problems[absolute]:
                text, fix, check = problem
                yield from locator.faults(url, Finding(text, fix, (link,), link, check=check))
        for load in facts.loads:
            if not targets.is_file(url, load):
                what = f"shows {load}, which does not exist"
                fix = "add the file to content/, or fix the path"
                yield from locator.faults(url, Finding(what, fix, (load,), load, check="broken-image"))


def _link_problem(absolute: str, link: str, site: SiteLinks) -> _LinkProblem | None:
    """Return the problem of one link, or None."""
    if not absolute:
        return f"links to {link}, which is not a URL", "fix the link", "broken-link"
    if not absolute.startswith(site.url + "/"):
        return None
    parts = urlsplit(absolute)
    path, fragment = unquote(parts.path), unquote(parts.fragment)
    if path in site.files or (site.login and path.startswith(API_PATHS)):
        return None
    if path in site.pages:
        if (
            fragment
            and not fragment.startswith(_FRAGMENTS_WITHOUT_ID)
            and fragment not in site.pages[path].ids
            and not site.is_incomplete(path)
        ):
            closest = suggest(fragment, site.pages[path].ids)
            fix = closest if closest.startswith("did") else "fix the fragment"
            return f"links to {path}#{fragment}, and that page has no such id", fix, "broken-link"
        return None
    if target := site.aliases.get(path):
        return f"links to {path}, an alias", f"link to {target}", "alias-link"
    if site.missing.explains(path):
        return None
    if term := re.match(r"/(tags|categories)/(?=.)", path):
        closest = _closest_path(
            path, [url for url in site.pages if url.startswith(term[0]) and url != term[0]]
        )
        kind = "tag" if term[1] == "tags" else "category"
        fix = f"did you mean {closest}?" if closest else f"name a {kind} that a published post has"
    else:
        closest = _closest_path(path, [*site.pages, *site.files])
        fix = f"did you mean {closest}?" if closest else "fix the link"
    return f"links to {link}, which does not exist", fix, "broken-link"


def _closest_path(path: str, known: Iterable[str]) -> str:
    """Return the most similar known URL path: one with the same last segment, or a close match."""
    last = path.rstrip("/").rpartition("/")[2]
    same = sorted(one for one in known if last and one.rstrip("/").rpartition("/")[2] == last)
    from difflib import get_close_matches

    closest = same or get_close_matches(path, sorted(known), n=1, cutoff=0.75)
    return closest[0] if closest else ""


class _FaultLocator:
    """Locate the source of a fault of a page: its document, a template or a string."""

    def __init__(self, site: SiteLinks, project: Path) -> None:
        self.site = site
        self.unlocated: dict[str, str] = {}  # text -> the first page that has it
        written = (("theme/templates/", ".html"), (f"{strings.STRINGS_DIRECTORY}/", ".toml"))
        files = [p for start, end in written for p in site.theme if p.startswith(start) and p.endswith(end)]
        self.theme = {path: (project / path).read_text("utf-8") for path in files}

    def references(self, url: str) -> Mapping[str, list[int]]:
        """Return the URLs that the document of the page refers to, with their lines."""
        page = self.site.documents.get(url)
        found: dict[str, list[int]] = {}
        for target, line in page.fragment.lines if page else ():
            found.setdefault(target, []).append(line)
        return found

    def faults(self, url: str, finding: Finding) -> list[Fault]:
        """Return *finding* of the page *url*, once for each source line that caused it."""
        page = self.site.documents.get(url)
        lines = self._lines(page, url, finding) if page else []
        if page and lines:
            path, rest = page.document.path, (finding.text, finding.fix, finding.check)
            return [Fault(path, line, *rest) for line in lines]
        check = "rendered-page" if finding.check == "external-image" else finding.check
        if place := self._in_theme(finding.needles):
            return [Fault(*place, finding.text, finding.fix, check)]
        first = self.unlocated.setdefault(finding.text, url)
        text = f"{finding.text} (on {first})"
        return [Fault("theme/templates", 0, text, finding.fix, check)]

    def _lines(self, page: Page, url: str, finding: Finding) -> list[int]:
        """Return the lines of the page's document that caused *finding*."""
        if finding.url:
            return self.references(url).get(finding.url, [])
        if finding.id:
            return [line for name, line in page.fragment.ids if name == finding.id]
        if finding.heading >= 0:
            own = [(level, text) for level, text, _ in page.fragment.headings]
            shown = list(self.site.pages[url].headings)
            for start in range(len(shown) - len(own) + 1) if own else ():
                if shown[start : start + len(own)] == own and 0 <= finding.heading - start < len(own):
                    return [page.fragment.headings[finding.heading - start][2]]
        return []

    def _in_theme(self, needles: Sequence[str]) -> tuple[str, int] | None:
        for needle in filter(None, needles):
            for wanted in (f'"{needle}"', needle):  # first as the value of an attribute
                for name, source in self.theme.items():
                    if (at := source.find(wanted)) >= 0:
                        return name, source.count("\n", 0, at) + 1
        return None


def check_menus(site: SiteLinks, config: SiteConfig) -> list[Fault]:
    """Return a fault for each broken link of the header and the footer."""
    found = []
    for item in (*config.menu, *config.footer):
        if problem := _link_problem(site.url + item.path, item.path, site):
            found.append(Fault("site.toml", item.line, f"{item.label!r} {problem[0]}", problem[1], "project"))
    return found


def _check_aliases(site: SiteLinks, documents: Iterable[Document]) -> Iterator[Fault]:
    """Yield a fault for each alias of *documents* that shadows a file or a page."""
    files = {file.lower() for file in site.files}  # NGINX maps are case-insensitive
    pages = {url.lower() for url in site.pages}
    for document in documents:
        line = document.meta.line("aliases")
        for alias in document.meta.aliases:
            if site.reported.has_text(document.path, f"alias {alias} "):
                continue
            path = alias.lower()
            if path in files or path.rstrip("/") in files:
                yield Fault(document.path, line, f"alias {alias} is a file already", "remove it", "alias")
            if path in pages or path.rstrip("/") + "/" in pages:
                what = f"alias {alias} is a page already"
                yield Fault(document.path, line, what, "remove the alias", "alias")


def _check_scheduled_lists(site: SiteLinks, scheduled: Sequence[Document]) -> Iterator[Fault]:
    """Yield a fault for each alias that is the URL of a list from the day on which a post is due."""
    lists: dict[str, Document] = {}
    for document in scheduled:
        for url in machine_files.list_urls(document):
            if url not in site.pages:
                lists.setdefault(url, document)
    published = (page.document for page in site.documents.values())
    for document in (*published, *scheduled):
        for alias in document.meta.aliases:
            if (later := lists.get(alias.lower().rstrip("/") + "/")) and later.meta.date:
                what = (
                    f"alias {alias} is a list of posts when {later.path} is due ({later.meta.date:%Y-%m-%d})"
                )
                yield Fault(document.path, document.meta.line("aliases"), what, "remove the alias", "alias")


def check_unused_files(files: Iterable[str], used: frozenset[str]) -> list[Fault]:
    """Return a warning for each file of content/ that no page refers to."""
    fix = "link to it, move it to content/extra, or remove it"
    return [
        Fault(path, 0, "not used by any page", fix, "unused-file")
        for path in sorted(files)
        if path not in used
        and not is_unread(path)
        and not path.startswith(("content/extra/", "content/diagrams/"))
    ]


def _spoken(name: str) -> str:
    """Return *name* without what spellings of one name differ in: letter case, spaces and hyphens."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def check_tag_spelling(documents: Iterable[Page]) -> list[Fault]:
    """Return a warning for each tag, category or series with two spellings, or the address of another."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    found: list[Fault] = []
    for page in documents:
        meta = page.document.meta
        names = [("tags", name) for name in meta.tags]
        names += [("category", meta.category), ("series", meta.series)]
        for key, name in names:
            if not name:
                continue
            written, where = first.setdefault((key, slugify(name)), (name, page.document.path))
            if written != name:
                what, fix = f"{name!r} is written {written!r} in {where}", "use one spelling"
                if _spoken(name) != _spoken(written):
                    what = f"{name!r} has the address of {written!r} in {where}: one list shows both"
                    fix = "rename one of them, or use one spelling"
                found.append(Fault(page.document.path, meta.line(key), what, fix, "tag-spelling"))
    return found
