"""Find the newest chart that an environment takes, and the commit that it carries.

Network: the chart repository. No reads, no writes here.

Versions are ordered as Helm orders them (SemVer 2.0, section 11), and the ranges
are those that `pipelines settings` writes for Flux.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import yaml
from semver import Version

from pipelines.core.config import SiteConfig
from pipelines.core.errors import ToolError
from pipelines.core.login import Login
from pipelines.core.results import PublishedResult
from pipelines.tools import environment as access
from pipelines.tools.http import HttpClient, Response, follow_reference, origin
from pipelines.tools.proxy_hints import is_nginx_error
from pipelines.tools.registry import Registry, digest_of

CHART = "site"  # as flux/apps/site names it
_CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_LARGEST = 16 * 2**20  # bytes that a chart unpacks to; ours has a hundredth
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # an index may have thousands of lines


class NoIndexError(ToolError):
    """The address has no index.yaml: nothing was ever published there, or it is no Helm repository."""


class ChartReader(Protocol):
    """A chart repository of either kind."""

    place: str

    def versions(self) -> list[str]: ...
    def fetch(self, version: str) -> bytes: ...


def newest_charts(
    web: HttpClient, site: SiteConfig, login: Login | None, commits: dict[str, str], own: str
) -> dict[str, PublishedResult]:
    """Return, by the name of each environment of *site*, the newest chart that it takes.

    *own* is the stable version of the commit that is asked about, "" for none: each
    result has it where it is published for that environment. *commits* has what
    charts were found to carry, by version, and is added to: a version is never
    changed, so it is fetched once. What goes wrong is told in the results.
    """
    names = [one.name for one in site.environments]
    if not site.chart.repository:
        return dict.fromkeys(names, PublishedResult("", "", "", ""))
    charts = chart_repository(web, site.chart.repository, login)
    try:
        found = charts.versions()
    except ToolError as error:
        return dict.fromkeys(names, PublishedResult(charts.place, "", "", _short(error, charts.place)))
    major = int(site.chart.version.partition(".")[0])
    return {
        name: replace(
            _described(charts, best_version(found, major, name), commits), own=_own(found, own, name)
        )
        for name in names
    }


def _own(found: list[str], own: str, environment: str) -> str:
    """Return the highest form of the stable version *own* that is among *found* and for *environment*."""
    forms = (own,) if environment == "production" else (own, f"{own}-rc")
    return next((form for form in forms if form in found), "")


def best_version(versions: list[str], major: int, environment: str) -> str:
    """Return the newest of *versions* that *environment* takes, or ""; what is no version is passed over."""
    known = [Version.parse(text) for text in versions if Version.is_valid(text)]
    return str(max((one for one in known if _taken(one, major, environment)), default=""))


def _taken(version: Version, major: int, environment: str) -> bool:
    if environment == "production":
        return version.major == major and version.prerelease is None
    return version >= Version(major, 0, 0 if major else 1, "0")


def _described(charts: ChartReader, version: str, commits: dict[str, str]) -> PublishedResult:
    if version and version not in commits:
        try:
            commits[version] = commit_of_chart(charts.fetch(version))
        except ToolError as error:
            return PublishedResult(charts.place, version, "", _short(error, charts.place))
    return PublishedResult(charts.place, version, commits.get(version, ""), "")


def commit_of_chart(archive: bytes) -> str:
    """Return the commit that the chart *archive* carries, "" for a chart that this pipeline did not pack."""
    try:
        with gzip.open(io.BytesIO(archive)) as packed:
            data = packed.read(_LARGEST)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            file = tar.extractfile(f"{CHART}/values.yaml")
            commit = yaml.load(file.read(), Loader=_Loader)["release"]["commit"] if file else ""
    except (tarfile.TarError, zlib.error, EOFError, OSError, KeyError, TypeError, yaml.YAMLError):
        return ""
    return commit if isinstance(commit, str) and re.fullmatch(r"[0-9a-f]{40}", commit) else ""


def chart_repository(web: HttpClient, repository: str, login: Login | None) -> ChartReader:
    """Return what reads the chart repository *repository* of site.toml."""
    oci, _, place = repository.rpartition("oci://")
    if repository.startswith("oci://") and not oci:
        variables = f"{access.CHARTS}, or REGISTRY_AUTH_FILE"
        return _Artifacts(Registry(web, f"{place}/{CHART}", login, variables, "pull"))
    return _Index(web, repository, login)


class _Artifacts:
    """Charts in a registry (Helm's "Use OCI-based registries"): a tag is a version."""

    def __init__(self, registry: Registry) -> None:
        self.place, self._registry = registry.place, registry

    def versions(self) -> list[str]:
        return self._registry.tags()

    def fetch(self, version: str) -> bytes:
        manifest = self._registry.manifest(version)
        try:
            rows = json.loads(manifest.data)["layers"] if manifest else []
            (digest,) = [str(row["digest"]) for row in rows if row["mediaType"] == _CONTENT]
        except (ValueError, KeyError, TypeError):
            raise ToolError(f"{self.place}: {version} is no chart") from None
        return self._registry.blob(digest)


class _Index:
    """A Helm repository: an index.yaml, whose addresses are relative to it."""

    def __init__(self, web: HttpClient, url: str, login: Login | None) -> None:
        self.place = url.partition("://")[2]
        self._web, self._url, self._login = web, url, login
        self._rows: dict[str, Mapping[str, Any]] = {}

    def versions(self) -> list[str]:
        body = self._ask(f"{self._url}/index.yaml")
        try:
            rows = yaml.load(body, Loader=_Loader)["entries"].get(CHART) or []
            self._rows = {str(row["version"]): row for row in rows}
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, RecursionError):
            raise ToolError(f"{self.place}: its index.yaml is none of Helm's") from None
        return list(self._rows)

    def fetch(self, version: str) -> bytes:
        row = self._rows[version]
        urls, digest = row.get("urls"), str(row.get("digest") or "").removeprefix("sha256:")
        address = str(urls[0]) if isinstance(urls, list) and urls else f"{CHART}-{version}.tgz"
        body = self._ask(follow_reference(f"{self._url}/", address), f"names {version}, and does not have it")
        if digest and hashlib.sha256(body).hexdigest() != digest:  # Nexus does not always name one
            raise ToolError(f"{self.place}: gave {digest_of(body)[:19]} for {version}; do not trust it")
        return body

    def _ask(self, url: str, missing: str = "") -> bytes:
        ours = origin(url) == origin(self._url)
        answer = self._web.ask("GET", url, login=self._login if ours else None)
        if answer.status in (403, 404) and is_nginx_error(answer.body):
            raise ToolError(f"{self.place}: answered {answer.why}")
        if answer.status == 404 and not missing:
            raise NoIndexError(f"{self.place}: has no index.yaml; is it a Helm repository?")
        if answer.status == 404:
            raise ToolError(f"{self.place}: {missing}")
        if answer.status in (401, 403):
            raise ToolError(f"{self.place}: {self._no_right(answer)}")
        if answer.status != 200:
            raise ToolError(f"{self.place}: answered {answer.why}")
        return answer.body

    def _no_right(self, answer: Response) -> str:
        if self._login is None:
            return f"wants a login; set {access.CHARTS}"
        return f"does not know this login ({answer.status}); mend {access.CHARTS}"


def _short(error: ToolError, place: str) -> str:
    """Return the message without the place, which stands beside it."""
    host = place.partition("/")[0]
    return str(error).removeprefix(f"{place}: ").removeprefix(f"{host}: ")
