"""Check the whole site: every link, fragment and image leads somewhere.

Works on the facts of all pages. Reads theme/templates to place a fault that
no document explains. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

from pipelines.config import SiteConfig
from pipelines.errors import Fault, suggest
from pipelines.site.convert import locate
from pipelines.site.finish import Facts
from pipelines.site.metadata import slug_of
from pipelines.site.plugin import Page

# Paths that the API answers; they exist where login = true.
API_PATHS = ("/_allauth/", "/accounts/", "/admin/")
_NOTHING = Facts(frozenset(), (), (), (), hidden=False)


@dataclass(frozen=True, slots=True)
class Site:
    """What the checks look at."""

    url: str  # of the site, absolute
    pages: Mapping[str, Facts]  # by URL path, both trees
    documents: Mapping[str, Page]  # by URL path
    files: frozenset[str]  # URL path of every other file
    aliases: Mapping[str, str]  # alias -> URL path
    login: bool


def check(site: Site, config: SiteConfig, project: Path) -> tuple[list[Fault], list[Fault]]:
    """Return (faults, warnings) of the finished pages."""
    placing = _Placing(site, project)
    faults: list[Fault] = []
    warnings: list[Fault] = []
    faults.extend(menus(site, config))
    told = {item.path for item in (*config.menu, *config.footer)} if faults else set()
    for url, facts in site.pages.items():
        for finding in facts.findings:
            faults.append(placing.fault(url, finding.text, finding.remedy, finding.needle))
        for link in facts.links:
            if link in told and link not in placing.written(url):
                continue  # a broken menu stands on every page: one fault is enough
            if wrong := _link(link, url, facts, site):
                text, remedy, grave = wrong
                fault = placing.fault(url, text, remedy, link)
                (faults if grave else warnings).append(fault)
        for load in facts.loads:
            path = unquote(urlsplit(urljoin(url, load)).path)
            if path not in site.files:
                what = f"shows {load}, which does not exist"
                remedy = "add the file to content/, or mend the path"
                faults.append(placing.fault(url, what, remedy, load))
    return sorted(set(faults)), sorted(set(warnings))


def _link(link: str, url: str, facts: Facts, site: Site) -> tuple[str, str, bool] | None:
    """Return (fault, remedy, whether it fails the build) of one link, or None."""
    absolute = urljoin(site.url + url, link)
    if not absolute.startswith(site.url + "/"):
        return None
    parts = urlsplit(absolute)
    path, fragment = unquote(parts.path), unquote(parts.fragment)
    if path in site.files or (site.login and path.startswith(API_PATHS)):
        return None
    if path in site.pages:
        if fragment and fragment != "top" and fragment not in site.pages[path].ids:
            near = suggest(fragment, site.pages[path].ids)
            remedy = near if near.startswith("did") else "mend the fragment"
            return f"links to {path}#{fragment}, and that page has no such heading", remedy, True
        return None
    if target := site.aliases.get(path):
        return f"links to {path}, an alias", f"link to {target}", False
    near = suggest(path, [*site.pages, *site.files])
    return f"links to {link}, which does not exist", near if near.startswith("did") else "mend the link", True


class _Placing:
    """Find where a fault of a page was written: in a document, or in a template."""

    def __init__(self, site: Site, project: Path) -> None:
        self.site = site
        root = project / "theme" / "templates"
        self.templates = {
            file.relative_to(project).as_posix(): file.read_text("utf-8")
            for file in sorted(root.glob("**/*.html"))
        }

    def written(self, url: str) -> frozenset[str]:
        """Return the links that the author of the page wrote."""
        page = self.site.documents.get(url)
        return frozenset(dict(page.fragment.lines)) if page else frozenset()

    def fault(self, url: str, text: str, remedy: str, needle: str) -> Fault:
        page = self.site.documents.get(url)
        if page:
            document, known = page.document, dict(page.fragment.lines)
            if needle in known:
                return Fault(document.path, known[needle], text, remedy)
            if needle and (needle in document.body or needle in page.fragment.html):
                line = locate(document.body, document.body_line, needle)
                return Fault(document.path, line, text, remedy)
        for wanted in (f'"{needle}"', needle):  # as the value of an attribute, or anywhere
            for name, source in self.templates.items():
                if needle and wanted in source:
                    return Fault(name, locate(source, 1, wanted), text, remedy)
        if page and not needle:
            return Fault(page.document.path, page.document.body_line, text, remedy)
        return Fault("theme/templates", 0, text, remedy)


def menus(site: Site, config: SiteConfig) -> list[Fault]:
    """Return a fault for each link of the header and the footer that leads nowhere."""
    found = []
    for item in (*config.menu, *config.footer):
        if wrong := _link(item.path, "/", site.pages.get("/", _NOTHING), site):
            found.append(Fault("site.toml", item.line, f"{item.label!r} {wrong[0]}", wrong[1]))
    return found


def unused(files: Iterable[str], used: frozenset[str]) -> list[Fault]:
    """Return a warning for each file of content/ that no page needs."""
    remedy = "link to it, move it to content/extra, or remove it"
    return [
        Fault(path, 0, "no page shows it", remedy)
        for path in sorted(files)
        if path not in used and not path.startswith(("content/extra/", "content/diagrams/"))
    ]


def tag_names(documents: Iterable[Page]) -> list[Fault]:
    """Return a warning for each tag or category that is written in two ways."""
    first: dict[tuple[str, str], tuple[str, str]] = {}
    found: list[Fault] = []
    for page in documents:
        meta = page.document.meta
        names = [("tags", name) for name in meta.tags] + [("category", meta.category)]
        for key, name in names:
            if not name:
                continue
            written, where = first.setdefault((key, slug_of(name)), (name, page.document.path))
            if written != name:
                what = f"{name!r} is written {written!r} in {where}"
                found.append(Fault(page.document.path, meta.line(key), what, "write it one way"))
    return found
