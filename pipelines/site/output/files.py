"""Write every file that is not a page: assets, attachments, sitemap and the like.

Reads files of content/. Writes into the staging directory of a build. No network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault
from pipelines.site.content.read_policy import CONTENT, EXTRA
from pipelines.site.html.inspect import PageFacts
from pipelines.site.images.hashed_name import Asset
from pipelines.site.output import machine_files
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.tree import tree_path
from pipelines.site.pelican.build_context import Page

MEMBERS = "/members/"  # URLs below it are served from the gated tree


class OutputFiles:
    """Files by URL path; two different files with one path are a fault."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._sources: dict[str, str] = {}  # URL path -> source file
        self.faults: list[Fault] = []

    def add(self, url: str, data: bytes, source: str) -> None:
        """Add the file *url*; add a fault of *source* if its path is taken."""
        self._sources.setdefault(url, source)
        if self._files.setdefault(url, data) != data:
            what = f"a second file has the URL {url}"
            self.faults.append(Fault(source, 0, what, "rename one of them", "address"))

    def add_default(self, url: str, text: str) -> None:
        """Add the file *url* unless the author provides one."""
        self._files.setdefault(url, text.encode())

    @property
    def urls(self) -> frozenset[str]:
        """The URL paths of all files."""
        return frozenset(self._files)

    def write(self, tree: StagedTree) -> None:
        """Write all files into *tree*; add a fault for each path that is taken."""
        for url, data in sorted(self._files.items()):
            try:
                tree.write(tree_path(url[1:]), data)
            except FileExistsError:
                source = self._sources.get(url, CONTENT)
                what = f"another page or file has the URL {url}"
                self.faults.append(Fault(source, 0, what, "rename it", "address"))


def add_theme_files(files: OutputFiles, assets: Iterable[Asset]) -> None:
    """Add the used assets of the theme."""
    for asset in assets:
        files.add(f"/assets/{asset.name}", asset.data, "theme")


def add_page_files(
    files: OutputFiles, project: Path, pages: Iterable[Page], images: Mapping[str, Asset]
) -> None:
    """Add the images and attachments that pages refer to; others are not published.

    Attachments of a draft are not published, and those of a members' page are only
    below /members/.
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
    """Add the files of content/extra unchanged."""
    for path in sorted(paths):
        if path.startswith(f"{EXTRA}/"):
            files.add(path.removeprefix(EXTRA), (project / path).read_bytes(), path)


def add_machine_files(
    files: OutputFiles, config: SiteConfig, pages: Sequence[Page], facts: Mapping[str, PageFacts], as_of: int
) -> None:
    """Add sitemap, robots.txt and security.txt unless the author provides them."""
    dates = machine_files.last_modified(page.document for page in pages)
    listed = [url for url, fact in facts.items() if not fact.hidden and not url.startswith(MEMBERS)]
    files.add_default("/robots.txt", machine_files.robots_txt(config))
    files.add_default("/.well-known/security.txt", machine_files.security_txt(config, as_of))
    files.add_default("/sitemap.xml", machine_files.sitemap_xml(config, listed, dates))
