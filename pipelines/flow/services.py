"""The services of a site, each with its login and all within one span of time.

Writes a temporary file of authorities where a private one is named. Network:
none before one of them is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines import access
from pipelines.access import Access
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.publish.nexus import Repository
from pipelines.tools.login import Login
from pipelines.tools.patience import Patience
from pipelines.tools.registry import Registry
from pipelines.tools.s3 import Bucket, Place, authorities
from pipelines.tools.web import Web

Say = Callable[[str], None]


class Progress(Protocol):
    """Is told how far it has got."""

    def phase(self, name: str, total: int) -> None: ...
    def advance(self, pieces: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """How long a publication may take, in seconds."""

    deadline: float = 900  # for everything
    index: float = 60  # until the repository's index names the chart


class Services:
    """The services of one site, each with its login."""

    def __init__(self, web: Web, site: SiteConfig, who: Access, bundle: Path | None) -> None:
        self.web = web
        self._site, self._who, self._bundle = site, who, bundle
        self._registries: dict[str, Registry] = {}  # each has logged in

    def registry(self, name: str) -> Registry:
        """Return the repository of the image *name*."""
        if not self._site.registry:
            raise PipelineError("site.toml: no registry of images; set registry under [images]")
        if name not in self._registries:
            place = f"{self._site.registry}/{name}"
            self._registries[name] = Registry(self.web, place, self._who.registry, access.REGISTRY)
        return self._registries[name]

    def charts(self, place: str, name: str) -> Repository | Registry:
        """Return the chart repository *place*, for charts called *name*."""
        if place.startswith("oci://"):
            path = f"{place.removeprefix('oci://')}/{name}"
            return Registry(self.web, path, self._who.charts, f"{access.CHARTS}, or REGISTRY_AUTH_FILE")
        return Repository(self.web, place, self._who.charts, access.CHARTS)

    def assets(self) -> Bucket | None:
        """Return the public bucket of hashed assets, or None where site.toml names none."""
        name = self._site.buckets.assets
        return self._bucket("assets bucket", name, self._who.assets, access.ASSETS) if name else None

    def archive(self) -> Bucket | None:
        """Return the private bucket of releases, or None where site.toml names none."""
        name = self._site.buckets.archive
        return self._bucket("archive bucket", name, self._who.archive, access.ARCHIVE) if name else None

    def wanted_archive(self) -> Bucket:
        """Return the archive; raise PipelineError where site.toml names none."""
        archive = self.archive()
        if archive is None:
            raise PipelineError("site.toml: no archive; set archive under [buckets]")
        return archive

    def _bucket(self, what: str, name: str, login: Login | None, variables: str) -> Bucket:
        if login is None:
            raise PipelineError(f"{what} {name!r}: wants a login; set {variables}")
        buckets = self._site.buckets
        place = Place(what, buckets.endpoint, buckets.region, name, variables)
        return Bucket(place, login, self.web.patience, self._bundle)


@contextmanager
def services(site: SiteConfig, who: Access, deadline: float, say: Say) -> Iterator[Services]:
    """Yield the services of *site* while the block lasts, all of it within *deadline* seconds."""
    if site.buckets.assets and site.buckets.assets == site.buckets.archive:
        raise PipelineError(
            "site.toml: [buckets] assets and archive are one bucket;"
            " take two, since the archive holds members' pages"
        )
    with ExitStack() as stack:
        web = stack.enter_context(Web(Patience(deadline, say=say), who.authority))
        yield Services(web, site, who, stack.enter_context(authorities(who.authority)))
