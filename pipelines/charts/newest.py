"""Choose the newest chart that an environment takes, and read the commit that it carries.

Network: the chart repository. No reads, no writes here.

Versions are ordered as Helm orders them (SemVer 2.0, section 11), and the ranges
are those that `pipelines settings` writes for Flux.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipelines.charts.package import commit_of_chart
from pipelines.charts.repository import ChartRepository, open_repository
from pipelines.core.config import SiteConfig
from pipelines.core.credentials import Login
from pipelines.core.errors import ToolError
from pipelines.core.results import PublishedResult
from pipelines.core.version import Version, candidate_form, major_of, parse
from pipelines.tools.http import HttpClient


def newest_charts(
    client: HttpClient, site: SiteConfig, login: Login | None, commits: dict[str, str], own: str
) -> dict[str, PublishedResult]:
    """Return, by the name of each environment of *site*, the newest chart that it takes.

    *own* is the stable version of the commit in question, "" for none: each result
    has it where it is published for that environment. *commits* caches the commit
    of each version: a published version never changes, so it is fetched once. A
    failing repository is reported in the results.
    """
    names = [environment.name for environment in site.environments]
    if not site.chart.repository:
        return dict.fromkeys(names, PublishedResult("", "", "", ""))
    charts = open_repository(client, site.chart.repository, login)
    try:
        versions = charts.versions()
    except ToolError as error:
        fault = _without_location(error, charts.location)
        return dict.fromkeys(names, PublishedResult(charts.location, "", "", fault))
    major = major_of(site.chart.version)
    return {
        name: replace(
            _published(charts, newest_version(versions, major, name), commits),
            own=_own_version(versions, own, name),
        )
        for name in names
    }


def _own_version(versions: list[str], own: str, environment: str) -> str:
    """Return the highest form of the stable version *own* that is published for *environment*, or ""."""
    forms = (own,) if environment == "production" else (own, candidate_form(own))
    return next((form for form in forms if form in versions), "")


def newest_version(versions: list[str], major: int, environment: str) -> str:
    """Return the newest of *versions* in the range of *environment*, or ""; skip what is not a version."""
    parsed = (version for text in versions if (version := parse(text)))
    return str(max((one for one in parsed if _in_range(one, major, environment)), default=""))


def _in_range(version: Version, major: int, environment: str) -> bool:
    if environment == "production":
        return version.major == major and version.prerelease is None
    return version >= Version(major, 0, 0 if major else 1, "0")


def _published(charts: ChartRepository, version: str, commits: dict[str, str]) -> PublishedResult:
    if version and version not in commits:
        try:
            commits[version] = commit_of_chart(charts.fetch(version))
        except ToolError as error:
            fault = _without_location(error, charts.location)
            return PublishedResult(charts.location, version, "", fault)
    return PublishedResult(charts.location, version, commits.get(version, ""), "")


def _without_location(error: ToolError, location: str) -> str:
    """Return the message without the location, which stands beside it."""
    host = location.partition("/")[0]
    return str(error).removeprefix(f"{location}: ").removeprefix(f"{host}: ")
