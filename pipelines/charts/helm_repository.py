"""Put a chart into a Helm repository by HTTP (Nexus: helm-hosted), and wait until its index names it.

Network: the repository. No reads, no writes here.

Nexus answers a second PUT of one name with 400 (write policy ALLOW_ONCE), and
makes its index a second later; its addresses are relative to the repository.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml

from pipelines.core.errors import PipelineError, ToolError
from pipelines.core.login import Login
from pipelines.core.results import ChartResult
from pipelines.tools.http import HttpClient, Response, follow_reference, origin
from pipelines.tools.proxy_hints import is_nginx_error

# Seconds between two looks at the index; the last one stays. Nexus makes it anew after a second.
_PAUSES = (0.2, 0.4, 0.5, 0.5, 1.0)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # an index may have thousands of lines


class HelmRepository:
    """A Helm repository that takes charts by PUT."""

    def __init__(self, web: HttpClient, url: str, login: Login | None, variables: str) -> None:
        self.place = url.partition("://")[2]
        self._web, self._url, self._login, self._variables = web, url, login, variables

    def look(self, chart: ChartResult) -> bool:
        """Return whether *chart* is there; raise PipelineError when its version has other bytes there."""
        answer = self._ask("GET", self._address(chart))
        if answer.status == 404:
            return False
        self._expect(answer, 200)
        if (found := _sha256(answer.body)) != chart.digest:
            raise PipelineError(
                f"{self.place}: has chart {chart.name} {chart.version} as {found[:19]}, and here it is"
                f" {chart.digest[:19]}; a version is never changed: commit, which makes a new one"
            )
        return True

    def put(self, chart: ChartResult, data: bytes) -> bool:
        """Put *chart*, whose archive is *data*; return False when the same was there already."""
        if self.look(chart):
            return False
        answer = self._ask("PUT", self._address(chart), data)
        if answer.status in (400, 405, 409):  # there is one of this name by now: ours, or another's
            if self.look(chart):
                return False
            why = answer.why if is_nginx_error(answer.body) else f"{answer.status}; is it helm-hosted?"
            raise ToolError(f"{self.place}: does not take the chart: {why}")
        self._expect(answer, 200, 201, 204)
        return True

    def wait(self, chart: ChartResult, seconds: float) -> None:
        """Wait until the index names *chart* with its digest, and its address leads to those bytes.

        Raises ToolError after *seconds*, PipelineError when the index names
        another digest by then.
        """
        retry_policy = self._web.retry_policy
        end = retry_policy.left() - seconds
        for pause in _forever(_PAUSES):
            seen = self._seen(chart)
            if seen == chart.digest:
                return
            if retry_policy.left() < end + pause:
                break
            retry_policy.pause(pause)
        if seen:
            raise PipelineError(
                f"{self.place}: its index has {chart.name} {chart.version} as {seen[:19]}, and here it is"
                f" {chart.digest[:19]}; somebody else published this version"
            )
        raise ToolError(
            f"{self.place}: its index does not name {chart.name} {chart.version} after {seconds:g} s;"
            " look at the repository, then run it again"
        )

    def _seen(self, chart: ChartResult) -> str:
        """Return the digest of what the index leads to for *chart*, or "" where it does not name it yet."""
        answer = self._ask("GET", f"{self._url}/index.yaml")
        if answer.status == 404:  # none before the first chart
            return ""
        self._expect(answer, 200)
        entry = _entry(answer.body, chart, self.place)
        if entry is None:
            return ""
        said = entry.get("digest")  # null where a version of Nexus keeps no SHA-256: the file is asked then
        digest = "sha256:" + str(said).removeprefix("sha256:") if said else chart.digest
        urls = entry.get("urls")
        if digest != chart.digest or not isinstance(urls, list) or not urls:
            return digest if digest != chart.digest else ""
        found = self._ask("GET", follow_reference(f"{self._url}/", str(urls[0])))
        if found.status == 404:  # it links what was put under another name
            raise ToolError(f"{self.place}: its index names an address that has nothing; is it helm-hosted?")
        self._expect(found, 200)
        return _sha256(found.body)

    def _address(self, chart: ChartResult) -> str:
        return f"{self._url}/{chart.name}-{chart.version}.tgz"

    def _ask(self, method: str, url: str, body: bytes | None = None) -> Response:
        headers = {"Content-Type": "application/x-tar"} if body else {}
        ours = origin(url) == origin(self._url)
        return self._web.ask(method, url, headers=headers, body=body, login=self._login if ours else None)

    def _expect(self, answer: Response, *statuses: int) -> None:
        status = answer.status
        if status in statuses:
            return
        if status in (403, 404) and is_nginx_error(answer.body):
            raise ToolError(f"{self.place}: answered {answer.why}")
        if status in (401, 403) and self._login is None:
            raise ToolError(f"{self.place}: wants a login; set {self._variables}")
        if status in (401, 403):
            what = "does not know this login" if status == 401 else "gives this login no right"
            raise ToolError(f"{self.place}: {what} ({status}); mend {self._variables}")
        if status == 404:
            raise ToolError(f"{self.place}: is not there (404); mend repository under [chart] in site.toml")
        if status == 507:
            raise ToolError(f"{self.place}: is full (507); make room there, and run it again")
        raise ToolError(f"{self.place}: answered {answer.why}")


def _entry(index: bytes, chart: ChartResult, place: str) -> Mapping[str, Any] | None:
    try:
        rows = yaml.load(index, Loader=_Loader)["entries"].get(chart.name) or []
        found = [row for row in rows if row["version"] == chart.version]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise ToolError(f"{place}: its index.yaml is none of Helm's; is it a Helm repository?") from None
    return found[0] if found else None


def _forever(pauses: tuple[float, ...]) -> Any:
    yield from pauses
    while True:
        yield pauses[-1]


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
