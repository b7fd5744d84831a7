"""Write every file that is no page: assets, attachments, and what machines ask for.

Reads files of content/. Writes them into the stage of a build. No network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, SourceError
from pipelines.site.content.read_policy import CONTENT, EXTRA
from pipelines.site.html.inspect import PageFacts
from pipelines.site.images.hashed_name import Asset
from pipelines.site.output import machine_files
from pipelines.site.pelican.build_context import Page

MEMBERS = "/members/"  # URLs below it are answered from the gated tree


class OutputFiles:
    """Files by URL path; two that claim one path are a fault."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}
        self._sources: dict[str, str] = {}  # URL path -> the file that it was made of

    def add(self, url: str, data: bytes, source: str) -> None:
        """Add the file *url*; *source* is named if another one has it already."""
        self._sources.setdefault(url, source)
        if self._found.setdefault(url, data) != data:
            raise SourceError([Fault(source, 0, f"a second file would be {url}", "rename one of them")])

    def default(self, url: str, text: str) -> None:
        """Add the file *url* unless the author brings one."""
        self._found.setdefault(url, text.encode())

    def write(self, stage: Path) -> frozenset[str]:
        """Write all into the trees of *stage*; return their URL paths."""
        faults = []
        for url, data in sorted(self._found.items()):
            target = stage / ("gated" if url.startswith(MEMBERS) else "public") / url[1:]
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as stream:
                    stream.write(data)
            except (FileExistsError, NotADirectoryError):
                source = self._sources.get(url, CONTENT)
                faults.append(Fault(source, 0, f"{url} is another page or file already", "rename it"))
        if faults:
            raise SourceError(faults)
        return frozenset(self._found)


def add_theme_files(files: OutputFiles, assets: Iterable[Asset]) -> None:
    """Add the assets of the theme that were asked for."""
    for asset in assets:
        files.add(f"/assets/{asset.name}", asset.data, "theme")


def add_page_files(
    files: OutputFiles, project: Path, pages: Iterable[Page], images: Mapping[str, Asset]
) -> None:
    """Add what the pages show and link to: a file that no page needs is not published.

    So the attachments of a draft are as absent as the draft, and those of a
    members' page are below /members/ alone.
    """
    for page in pages:
        prefix = "/members" if page.document.gated else ""
        for path in sorted(page.files):
            if image := images.get(path):
                files.add(f"{prefix}/assets/{image.name}", image.data, path)
            elif not path.startswith(f"{EXTRA}/"):
                rest = path.removeprefix(CONTENT)
                url = rest if rest.startswith(MEMBERS) else prefix + rest
                files.add(url, (project / path).read_bytes(), path)


def add_author_files(files: OutputFiles, project: Path, paths: Iterable[str]) -> None:
    """Add content/extra as it is."""
    for path in sorted(paths):
        if path.startswith(f"{EXTRA}/"):
            files.add(path.removeprefix(EXTRA), (project / path).read_bytes(), path)


def add_machine_files(
    files: OutputFiles, config: SiteConfig, pages: Sequence[Page], facts: Mapping[str, PageFacts], as_of: int
) -> None:
    """Add sitemap, robots.txt and security.txt where the author brings none."""
    dates = machine_files.last_modified(page.document for page in pages)
    listed = [url for url, fact in facts.items() if not fact.hidden and not url.startswith(MEMBERS)]
    files.default("/robots.txt", machine_files.robots_txt(config))
    files.default("/.well-known/security.txt", machine_files.security_txt(config, as_of))
    files.default("/sitemap.xml", machine_files.sitemap_xml(config, listed, dates))
