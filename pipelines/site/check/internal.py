"""Check the whole site: every link, fragment and image leads somewhere.

Works on the facts of all pages. Reads theme/templates to place a fault that
no document explains. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, suggest
from pipelines.site.content.metadata import slugify
from pipelines.site.html.inspect import Finding, PageFacts
from pipelines.site.pelican.build_context import Page
from pipelines.site.theme import strings

# Paths that the API answers; they exist where login = true.
API_PATHS = ("/_allauth/", "/accounts/", "/admin/")
_FRAGMENTS_WITHOUT_ID = ("top", ":~:text=")  # fragments that need no id
_LinkProblem = tuple[str, str, bool]  # what is wrong with a link, the remedy, whether it fails the build


@dataclass(frozen=True, slots=True)
class SiteLinks:
    """What the checks look at."""

    url: str  # of the site, absolute
    pages: Mapping[str, PageFacts]  # by URL path, both trees
    documents: Mapping[str, Page]  # by URL path
    files: frozenset[str]  # URL path of every other file
    aliases: Mapping[str, str]  # alias -> URL path
    theme: Sequence[str]  # the files of theme/, relative to the project
    login: bool


def check_site(site: SiteLinks, config: SiteConfig, project: Path) -> tuple[list[Fault], list[Fault]]:
    """Return (faults, warnings) of the finished pages."""
    placing = _FaultLocator(site, project)
    faults: list[Fault] = []
    warnings: list[Fault] = []
    faults.extend(check_menus(site, config))
    faults.extend(_check_aliases(site))
    told = {item.path for item in (*config.menu, *config.footer)} if faults else set()
    leads: dict[str, _LinkProblem | None] = {}  # most links stand on many pages: each is looked up once
    for url, facts in site.pages.items():
        for finding in facts.findings:
            faults += placing.faults(url, finding)
        for link in facts.links:
            if link in told and link not in placing.written(url):
                continue  # a broken menu stands on every page: one fault is enough
            absolute = site.url + link if link[:1] == "/" != link[1:2] else _absolute(site.url + url, link)
            if absolute not in leads:
                leads[absolute] = _link_problem(absolute, link, site)
            if wrong := leads[absolute]:
                text, fix, grave = wrong
                placed = placing.faults(url, Finding(text, fix, (link,), link))
                (faults if grave else warnings).extend(placed)
        for load in facts.loads:
            if _path(url, load) not in site.files:
                what = f"shows {load}, which does not exist"
                fix = "add the file to content/, or mend the path"
                faults += placing.faults(url, Finding(what, fix, (load,), load))
    return sorted(set(faults)), sorted(set(warnings))


def _path(url: str, link: str) -> str:
    try:
        return unquote(urlsplit(urljoin(url, link)).path)
    except ValueError:  # "//[" opens an IPv6 address
        return ""


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:  # as "//[" is, which opens an IPv6 address
        return ""


def _link_problem(absolute: str, link: str, site: SiteLinks) -> _LinkProblem | None:
    """Return (fault, remedy, whether it fails the build) of one link, or None."""
    if not absolute:
        return f"links to {link}, which is no URL", "mend the link", True
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
        ):
            near = suggest(fragment, site.pages[path].ids)
            fix = near if near.startswith("did") else "mend the fragment"
            return f"links to {path}#{fragment}, and that page has no such heading", fix, True
        return None
    if target := site.aliases.get(path):
        return f"links to {path}, an alias", f"link to {target}", False
    near = _closest_path(path, [*site.pages, *site.files])
    fix = f"did you mean {near}?" if near else "mend the link"
    return f"links to {link}, which does not exist", fix, True


def _closest_path(path: str, known: Iterable[str]) -> str:
    """Return the URL path that *path* may have meant: one with this last name, or one like it."""
    last = path.rstrip("/").rpartition("/")[2]
    same = sorted(one for one in known if last and one.rstrip("/").rpartition("/")[2] == last)
    near = same or get_close_matches(path, sorted(known), n=1, cutoff=0.75)
    return near[0] if near else ""


class _FaultLocator:
    """Find where a fault of a page was written: in its document, or in a template."""

    def __init__(self, site: SiteLinks, project: Path) -> None:
        self.site = site
        self.unplaced: dict[str, str] = {}  # what is wrong -> the first page where it is
        written = (("theme/templates/", ".html"), (f"{strings.STRINGS_DIRECTORY}/", ".toml"))
        files = [p for start, end in written for p in site.theme if p.startswith(start) and p.endswith(end)]
        self.theme = {path: (project / path).read_text("utf-8") for path in files}

    def written(self, url: str) -> Mapping[str, list[int]]:
        """Return the URLs that the document of the page refers to, and the lines on which it does."""
        page = self.site.documents.get(url)
        found: dict[str, list[int]] = {}
        for target, line in page.fragment.lines if page else ():
            found.setdefault(target, []).append(line)
        return found

    def faults(self, url: str, finding: Finding) -> list[Fault]:
        """Return *finding*, which the page *url* has, once for each line on which it was written."""
        page = self.site.documents.get(url)
        lines = self._lines(page, url, finding) if page else []
        if page and lines:
            return [Fault(page.document.path, line, finding.text, finding.fix) for line in lines]
        if place := self._in_theme(finding.needles):
            return [Fault(*place, finding.text, finding.fix)]
        first = self.unplaced.setdefault(finding.text, url)
        return [Fault("theme/templates", 0, f"{finding.text} (on {first})", finding.fix)]

    def _lines(self, page: Page, url: str, finding: Finding) -> list[int]:
        """Return the lines of the page's document that wrote what *finding* is about, by its place there."""
        if finding.url:
            return self.written(url).get(finding.url, [])
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
            for wanted in (f'"{needle}"', needle):  # as the value of an attribute, or anywhere
                for name, source in self.theme.items():
                    if (at := source.find(wanted)) >= 0:
                        return name, source.count("\n", 0, at) + 1
        return None


def check_menus(site: SiteLinks, config: SiteConfig) -> list[Fault]:
    """Return a fault for each link of the header and the footer that leads nowhere."""
    found = []
    for item in (*config.menu, *config.footer):
        if wrong := _link_problem(site.url + item.path, item.path, site):
            found.append(Fault("site.toml", item.line, f"{item.label!r} {wrong[0]}", wrong[1]))
    return found


def _check_aliases(site: SiteLinks) -> list[Fault]:
    """Return a fault for each alias that would hide a file."""
    files = {file.lower() for file in site.files}  # NGINX maps aliases whatever their letter case
    return [
        Fault(document.path, document.meta.line("aliases"), f"alias {alias} is a file already", "remove it")
        for document in (page.document for page in site.documents.values())
        for alias in document.meta.aliases
        if alias.lower() in files or alias.lower().rstrip("/") in files
    ]


def check_unused_files(files: Iterable[str], used: frozenset[str]) -> list[Fault]:
    """Return a warning for each file of content/ that no page needs."""
    fix = "link to it, move it to content/extra, or remove it"
    return [
        Fault(path, 0, "no page shows it", fix)
        for path in sorted(files)
        if path not in used and not path.startswith(("content/extra/", "content/diagrams/"))
    ]


def check_tag_spelling(documents: Iterable[Page]) -> list[Fault]:
    """Return a warning for each tag, category or series that is written in two ways."""
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
                what = f"{name!r} is written {written!r} in {where}"
                found.append(Fault(page.document.path, meta.line(key), what, "write it one way"))
    return found
