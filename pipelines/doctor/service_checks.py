"""Checks of the services that releases are published to, and of the site's address.

Network: registry, chart repository, buckets, the address of the site. No writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.charts.repository import NoIndexError
from pipelines.core.config import Environment, SiteConfig
from pipelines.doctor.outcome import Outcome, failed, later, ok
from pipelines.flow.services import Services
from pipelines.tools.certificate import NoConnectionError, certificate_end
from pipelines.tools.registry import Denied, Registry
from pipelines.tools.s3 import Bucket

MIN_DAYS = 21  # of a certificate, as docs/operator.md monitors it
_DAY = 86400  # seconds


@dataclass(frozen=True, slots=True)
class ServiceInputs:
    """What the checks of services read."""

    site: SiteConfig
    services: Services


def check_registry(inputs: ServiceInputs) -> Iterator[Outcome]:
    """Check that the registry takes the login, and nobody without one."""
    if not inputs.site.registry:
        yield failed("site.toml names no registry", "set registry under [images]")
        return
    known = inputs.services.registry("web").tags()
    stranger = Registry(inputs.services.client, f"{inputs.site.registry}/web", None, "", "pull")
    try:
        public = bool(stranger.tags())
    except Denied:
        public = False
    if public and inputs.site.login:
        text = f"{inputs.site.registry} gives images to everybody, and members' pages are in them"
        yield failed(text, "require a login to pull")
        return
    yield ok(f"{inputs.site.registry} accepts the login ({len(known)} tags of web)")


def check_charts(inputs: ServiceInputs) -> Iterator[Outcome]:
    """Check that the chart repository takes the login."""
    url = inputs.site.chart.repository
    if not url:
        yield failed("site.toml names no chart repository", "set repository under [chart]")
        return
    try:
        versions = inputs.services.charts(url).versions()
    except NoIndexError as error:
        yield later(str(error), "the first `make publish` makes its index; if it does not, fix repository")
        return
    yield ok(f"{url} accepts the login ({len(versions)} charts)")


def check_assets(inputs: ServiceInputs) -> Iterator[Outcome]:
    """Check that the bucket of hashed assets exists, and takes the login."""
    if bucket := inputs.services.assets():
        yield _reachable(bucket)


def check_archive(inputs: ServiceInputs) -> Iterator[Outcome]:
    """Check the same of the bucket of releases."""
    if bucket := inputs.services.archive():
        yield _reachable(bucket)


def _reachable(bucket: Bucket) -> Outcome:
    bucket.list("doctor/")  # nothing is there: the first request of a listing is enough
    return ok(f"{bucket} accepts the login")


def check_address(
    one: Environment, authority: Path | None, timeout: float, now: float, *, installed: bool
) -> Iterator[Outcome]:
    """Check that the site's name is in DNS, and its certificate good for three weeks.

    Before the site is *installed*, nothing has to respond behind a controller of
    the cluster.
    """
    parts = urlsplit(one.url)
    host, port = parts.hostname or "", parts.port or 443
    try:
        days = int((certificate_end(host, port, timeout, authority) - now) // _DAY)
    except NoConnectionError as error:
        if one.edge == "nodeport" or installed:
            yield failed(str(error), "start the edge (docs/operator.md, step 4)")
        else:
            yield later(str(error), "it responds once the site is installed (docs/operator.md, step 3)")
        return
    if days < MIN_DAYS:
        yield failed(f"{host}: its certificate ends in {days} days", "renew it, and see why nothing else did")
    else:
        yield ok(f"{host}: its certificate is valid for {days} days")
