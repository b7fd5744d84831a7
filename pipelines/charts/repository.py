"""One protocol for both kinds of chart repository: the HTTP index and the registry (OCI).

No reads, no writes. Network: none before a method is called.
"""

from __future__ import annotations

from typing import Protocol

from pipelines.charts.helm_repository import HelmRepository
from pipelines.charts.helm_repository import NoIndexError as NoIndexError
from pipelines.charts.oci_repository import OciRepository
from pipelines.core.credentials import Login, Signer
from pipelines.core.results import ChartResult
from pipelines.tools import environment
from pipelines.tools.http import HttpClient

CHART = "site"  # the chart's name, as in helm/site and flux/apps/site


class ChartRepository(Protocol):
    """The versions of one chart in a repository.

    Every method raises ToolError for a server that refuses or fails.
    """

    location: str  # host and path, for messages
    indexed: bool  # an index lists the charts, some time after ``put``

    def versions(self) -> list[str]:
        """Return all published versions, unordered; raise NoIndexError for a missing index."""

    def fetch(self, version: str) -> bytes:
        """Return the archive of *version*, one of ``versions``."""

    def contains(self, chart: ChartResult) -> bool:
        """Return whether *chart* is published; raise PipelineError for other bytes under its version."""

    def put(self, chart: ChartResult, data: bytes) -> bool:
        """Publish *chart*, whose archive is *data*; return False when it is published already.

        A registry gets the signature before the tag. Raises PipelineError as ``contains`` does.
        """

    def wait_for(self, chart: ChartResult, seconds: float) -> None:
        """Wait until the repository lists *chart*; raise ToolError after *seconds*."""


def open_repository(
    client: HttpClient,
    url: str,
    login: Login | None,
    *,
    name: str = CHART,
    signer: Signer | None = None,
    actions: str = "pull",
) -> ChartRepository:
    """Return the repository of the chart *name* at *url*: "https://host/path" or "oci://host/path".

    For a registry, *actions* is the scope of the token: "pull", or "pull,push" to
    put; *signer* signs what is put.
    """
    if url.startswith("oci://"):
        location = f"{url.removeprefix('oci://')}/{name}"
        variables = f"{environment.CHARTS_VARIABLES}, or REGISTRY_AUTH_FILE"
        return OciRepository(client, location, login, variables, signer=signer, actions=actions)
    return HelmRepository(client, url, login, environment.CHARTS_VARIABLES, name)
