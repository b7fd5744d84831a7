"""The services of a site, each with its login and all within one span of time.

Writes a temporary file of authorities where a private one is named. Network:
none before one of them is asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.charts.helm_repository import HelmRepository
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.credentials import Credentials
from pipelines.core.errors import PipelineError
from pipelines.core.login import Login
from pipelines.tools import environment
from pipelines.tools.http import HttpClient
from pipelines.tools.registry import Registry
from pipelines.tools.retry import RetryPolicy
from pipelines.tools.s3 import Bucket, Place, authorities


class Services:
    """The services of one site, each with its login."""

    def __init__(
        self, web: HttpClient, site: SiteConfig, credentials: Credentials, bundle: Path | None
    ) -> None:
        self.web = web
        self._site, self._credentials, self._bundle = site, credentials, bundle
        self._registries: dict[str, Registry] = {}  # each has logged in

    def registry(self, name: str) -> Registry:
        """Return the repository of the image *name*."""
        if not self._site.registry:
            raise PipelineError("site.toml: no registry of images; set registry under [images]")
        if name not in self._registries:
            place = f"{self._site.registry}/{name}"
            self._registries[name] = Registry(
                self.web, place, self._credentials.registry, environment.REGISTRY
            )
        return self._registries[name]

    def charts(self, place: str, name: str) -> HelmRepository | Registry:
        """Return the chart repository *place*, for charts called *name*."""
        if place.startswith("oci://"):
            path = f"{place.removeprefix('oci://')}/{name}"
            return Registry(
                self.web, path, self._credentials.charts, f"{environment.CHARTS}, or REGISTRY_AUTH_FILE"
            )
        return HelmRepository(self.web, place, self._credentials.charts, environment.CHARTS)

    def assets(self) -> Bucket | None:
        """Return the public bucket of hashed assets, or None where site.toml names none."""
        name = self._site.buckets.assets
        return (
            self._bucket("assets bucket", name, self._credentials.assets, environment.ASSETS)
            if name
            else None
        )

    def archive(self) -> Bucket | None:
        """Return the private bucket of releases, or None where site.toml names none."""
        name = self._site.buckets.archive
        return (
            self._bucket("archive bucket", name, self._credentials.archive, environment.ARCHIVE)
            if name
            else None
        )

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
        return Bucket(place, login, self.web.retry_policy, self._bundle)


@contextmanager
def open_services(context: FlowContext) -> Iterator[Services]:
    """Yield the services of the site while the block lasts, all of it within the deadline."""
    site, credentials = context.site, context.credentials
    if site.buckets.assets and site.buckets.assets == site.buckets.archive:
        raise PipelineError(
            "site.toml: [buckets] assets and archive are one bucket;"
            " take two, since the archive holds members' pages"
        )
    policy = RetryPolicy(context.deadlines.deadline, log=context.log)
    with ExitStack() as stack:
        web = stack.enter_context(HttpClient(policy, credentials.authority))
        yield Services(web, site, credentials, stack.enter_context(authorities(credentials.authority)))
