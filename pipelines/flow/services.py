"""The services of a site, each with its login, all with one deadline.

Writes a temporary file of authorities where a private one is named. Network:
none before the first request to one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipelines.charts.repository import ChartRepository, open_repository
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.credentials import Credentials, Login
from pipelines.core.errors import PipelineError
from pipelines.tools import environment
from pipelines.tools.http import HttpClient, user_agent
from pipelines.tools.registry import Registry
from pipelines.tools.retry import RetryPolicy
from pipelines.tools.s3 import Bucket, BucketLocation, trusted_authorities_file


class Services:
    """The services of one site, each with its login."""

    def __init__(
        self, client: HttpClient, site: SiteConfig, credentials: Credentials, authorities: Path | None
    ) -> None:
        self.client = client
        self._site, self._credentials, self._authorities = site, credentials, authorities
        self._registries: dict[str, Registry] = {}  # cached: each is logged in
        self._buckets: dict[str, Bucket] = {}  # cached: a client of boto3 takes 20 ms

    def registry(self, name: str) -> Registry:
        """Return the repository of the image *name*."""
        if not self._site.registry:
            raise PipelineError("site.toml: no registry of images; set registry under [images]")
        if name not in self._registries:
            location, login = f"{self._site.registry}/{name}", self._credentials.registry
            self._registries[name] = Registry(self.client, location, login, environment.REGISTRY_VARIABLES)
        return self._registries[name]

    def charts(self, url: str) -> ChartRepository:
        """Return the chart repository *url*, to read it."""
        return open_repository(self.client, url, self._credentials.charts)

    def writable_charts(self, url: str, name: str) -> ChartRepository:
        """Return the repository *url* of the chart *name*, to publish to it."""
        credentials = self._credentials
        return open_repository(
            self.client,
            url,
            credentials.charts,
            name=name,
            signer=credentials.signer,
            actions="pull,push",
        )

    def assets(self) -> Bucket | None:
        """Return the public bucket of hashed assets, or None where site.toml names none."""
        name, login = self._site.buckets.assets, self._credentials.assets
        return self._bucket("assets bucket", name, login, environment.ASSETS_VARIABLES) if name else None

    def archive(self) -> Bucket | None:
        """Return the private bucket of releases, or None where site.toml names none."""
        name, login = self._site.buckets.archive, self._credentials.archive
        return self._bucket("archive bucket", name, login, environment.ARCHIVE_VARIABLES) if name else None

    def required_archive(self) -> Bucket:
        """Return the private bucket of releases; raise PipelineError where site.toml names none."""
        archive = self.archive()
        if archive is None:
            raise PipelineError("site.toml: no archive; set archive under [buckets]")
        return archive

    def _bucket(self, purpose: str, name: str, login: Login | None, variables: str) -> Bucket:
        if login is None:
            raise PipelineError(f"{purpose} {name!r}: requires a login; set {variables}")
        buckets = self._site.buckets
        if purpose not in self._buckets:
            location = BucketLocation(purpose, buckets.endpoint, buckets.region, name, variables)
            self._buckets[purpose] = Bucket(location, login, self.client.retry_policy, self._authorities)
        return self._buckets[purpose]


@contextmanager
def open_services(context: FlowContext) -> Iterator[Services]:
    """Yield the services of the site, all of them with one deadline."""
    site, credentials = context.site, context.credentials
    if site.buckets.assets and site.buckets.assets == site.buckets.archive:
        raise PipelineError(
            "site.toml: [buckets] assets and archive are one bucket;"
            " name two, since the archive holds members' pages"
        )
    retry_policy, authority = RetryPolicy(context.deadlines.deadline, log=context.log), credentials.authority
    with ExitStack() as stack:
        client = stack.enter_context(HttpClient(retry_policy, authority, agent=user_agent(site.name)))
        authorities = stack.enter_context(trusted_authorities_file(authority))
        yield Services(client, site, credentials, authorities)
