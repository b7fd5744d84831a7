"""Read and write a Helm repository by HTTP: an index.yaml, and charts by PUT (Nexus: helm-hosted).

Network: the repository. No reads, no writes here.

Nexus answers a second PUT of one name with 400 (write policy ALLOW_ONCE), and
rebuilds its index a second later; the URLs in it are relative to the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, repeat
from typing import Any

import yaml

from pipelines.charts.safe_yaml import load_yaml
from pipelines.core.credentials import Login
from pipelines.core.digests import sha256_digest
from pipelines.core.errors import PipelineError, ToolError
from pipelines.core.results import ChartResult
from pipelines.tools.http import HttpClient, Response, follow_reference, origin
from pipelines.tools.proxy_hints import is_nginx_error

# Seconds between two requests for the index; the last one repeats. Nexus rebuilds it after a second.
_PAUSES = (0.2, 0.4, 0.5, 0.5, 1.0)


class NoIndexError(ToolError):
    """The URL has no index.yaml: nothing was ever published there, or it is not a Helm repository."""


class HelmRepository:
    """The chart *name* in a Helm repository; see ``ChartRepository``.

    *url* is https://host/path. *variables* names what a user sets to log in.
    """

    indexed = True

    def __init__(self, client: HttpClient, url: str, login: Login | None, variables: str, name: str) -> None:
        self.location = url.partition("://")[2]
        self._client, self._url, self._login = client, url, login
        self._variables, self._name = variables, name
        self._entries: dict[str, Mapping[str, Any]] = {}  # of the index, by version

    def versions(self) -> list[str]:
        """Return the versions in the index; raise NoIndexError where there is none."""
        entries = self._read_index()
        if entries is None:
            raise NoIndexError(f"{self.location}: has no index.yaml; is it a Helm repository?")
        self._entries = entries
        return list(entries)

    def fetch(self, version: str) -> bytes:
        """Return the archive that the index names for *version*; raise ToolError for another digest."""
        if version not in self._entries:
            self.versions()
        entry = self._entries[version]
        digest = _entry_digest(entry)
        response = self._request("GET", self._entry_url(entry, version))
        if response.status == 404 and not is_nginx_error(response.body):
            raise ToolError(f"{self.location}: names {version}, and does not have it")
        self._expect(response, 200)
        if digest and (found := sha256_digest(response.body)) != digest:  # Nexus does not always name one
            raise ToolError(f"{self.location}: gave {found[:19]} for {version}; do not trust it")
        return response.body

    def contains(self, chart: ChartResult) -> bool:
        """Return whether *chart* is published; raise PipelineError for other bytes under its version."""
        response = self._request("GET", self._chart_url(chart.version))
        if response.status == 404:
            return False
        self._expect(response, 200)
        if (found := sha256_digest(response.body)) != chart.digest:
            raise PipelineError(
                f"{self.location}: has chart {chart.name} {chart.version} as {found[:19]}, and here it is"
                f" {chart.digest[:19]}; a version is never changed: commit, which makes a new one"
            )
        return True

    def put(self, chart: ChartResult, data: bytes) -> bool:
        """Put *chart*, whose archive is *data*; return False when the same bytes are published already."""
        if self.contains(chart):
            return False
        response = self._request("PUT", self._chart_url(chart.version), data)
        if response.status in (400, 405, 409):  # the name is taken by now: by this chart, or another
            if self.contains(chart):
                return False
            nginx = is_nginx_error(response.body)
            reason = response.reason if nginx else f"{response.status}; is it helm-hosted?"
            raise ToolError(f"{self.location}: does not take the chart: {reason}")
        self._expect(response, 200, 201, 204)
        return True

    def wait_for(self, chart: ChartResult, seconds: float) -> None:
        """Wait until the index names *chart* with its digest, and its URL leads to those bytes.

        Raises ToolError after *seconds*, PipelineError when the index names
        another digest by then.
        """
        retry_policy = self._client.retry_policy
        end = retry_policy.remaining() - seconds
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            found = self._indexed_digest(chart)
            if found == chart.digest:
                return
            if retry_policy.remaining() < end + pause:
                break
            retry_policy.pause(pause)
        if found:
            raise PipelineError(
                f"{self.location}: its index has {chart.name} {chart.version} as {found[:19]}, and here it is"
                f" {chart.digest[:19]}; somebody else published this version"
            )
        raise ToolError(
            f"{self.location}: its index does not name {chart.name} {chart.version} after {seconds:g} s;"
            " check the repository, then run it again"
        )

    def _indexed_digest(self, chart: ChartResult) -> str:
        """Return the digest of what the index names for *chart*, or "" while it names nothing."""
        entry = (self._read_index() or {}).get(chart.version)
        if entry is None:
            return ""
        digest = _entry_digest(entry) or chart.digest  # Nexus may keep no SHA-256: compare the file then
        if digest != chart.digest:
            return digest
        if not _entry_urls(entry):
            return ""
        response = self._request("GET", self._entry_url(entry, chart.version))
        if response.status == 404:  # it links what was put under another name
            raise ToolError(f"{self.location}: its index names a URL that has nothing; is it helm-hosted?")
        self._expect(response, 200)
        return sha256_digest(response.body)

    def _read_index(self) -> dict[str, Mapping[str, Any]] | None:
        """Return the entries of the chart by version; None without an index: before the first chart."""
        response = self._request("GET", f"{self._url}/index.yaml")
        if response.status == 404 and not is_nginx_error(response.body):
            return None
        self._expect(response, 200)
        try:
            rows = load_yaml(response.body)["entries"].get(self._name) or []
            return {str(row["version"]): row for row in rows}
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError, RecursionError):
            message = "its index.yaml is not a Helm index; is it a Helm repository?"
            raise ToolError(f"{self.location}: {message}") from None

    def _chart_url(self, version: str) -> str:
        return f"{self._url}/{self._name}-{version}.tgz"

    def _entry_url(self, entry: Mapping[str, Any], version: str) -> str:
        urls = _entry_urls(entry)
        return follow_reference(f"{self._url}/", urls[0] if urls else f"{self._name}-{version}.tgz")

    def _request(self, method: str, url: str, body: bytes | None = None) -> Response:
        headers = {"Content-Type": "application/x-tar"} if body else {}
        same_origin = origin(url) == origin(self._url)
        login = self._login if same_origin else None
        return self._client.request(method, url, headers=headers, body=body, login=login)

    def _expect(self, response: Response, *statuses: int) -> None:
        status = response.status
        if status in statuses:
            return
        if status in (403, 404) and is_nginx_error(response.body):
            raise ToolError(f"{self.location}: answered {response.reason}")
        if status in (401, 403) and self._login is None:
            raise ToolError(f"{self.location}: requires a login; set {self._variables}")
        if status in (401, 403):
            what = "does not know this login" if status == 401 else "gives this login no right"
            raise ToolError(f"{self.location}: {what} ({status}); fix {self._variables}")
        if status == 404:
            raise ToolError(f"{self.location}: not found (404); fix repository under [chart] in site.toml")
        if status == 507:
            raise ToolError(f"{self.location}: is full (507); free some space, and run it again")
        raise ToolError(f"{self.location}: answered {response.reason}")


def _entry_digest(entry: Mapping[str, Any]) -> str:
    """Return the digest that an index entry names, as "sha256:…", or ""."""
    digest = entry.get("digest")
    return "sha256:" + str(digest).removeprefix("sha256:") if digest else ""


def _entry_urls(entry: Mapping[str, Any]) -> list[str]:
    urls = entry.get("urls")
    return [str(url) for url in urls] if isinstance(urls, list) else []
