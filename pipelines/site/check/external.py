"""Check the links to other hosts.

Reads the public tree of a built site. No writes. Network: requests each URL once.
A broken link is reported, but is not an error: other servers fail for a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from http import HTTPStatus
from pathlib import Path
from threading import Event
from urllib.parse import urldefrag, urljoin, urlsplit

from msgspec import Struct
from selectolax.lexbor import LexborHTMLParser

from pipelines.core.progress import NoProgress, Progress
from pipelines.core.site_tree import PUBLIC
from pipelines.site.pelican.build_context import output_path
from pipelines.tools.http import DEFAULT_AGENT
from pipelines.tools.link_probe import LinkProbe, UnreachableError

MAX_HOSTS = 8  # checked concurrently


class FailedLink(Struct, frozen=True):
    """A link whose URL did not return a page."""

    url: str
    reason: str
    pages: tuple[str, ...]  # URL paths of the pages that contain it


class ExternalReport(Struct, frozen=True):
    """Result of check_external_links."""

    checked: int
    failed: tuple[FailedLink, ...]  # sorted by URL


def check_external_links(
    out_site: Path,
    site_url: str,
    *,
    agent: str = DEFAULT_AGENT,
    timeout: float = 10.0,
    progress: Progress | None = None,
) -> ExternalReport:
    """Request each external URL that a public page below *out_site* links to.

    Links to *site_url* are skipped. *agent* is the User-Agent.
    *timeout* is in seconds.
    """
    links = external_links(out_site / PUBLIC, site_url)
    by_host: dict[str, list[str]] = {}
    for url in links:
        by_host.setdefault(_host(url), []).append(url)
    progress = progress or NoProgress()
    progress.phase("links", len(links))
    failed: list[FailedLink] = []
    stopped = Event()
    with LinkProbe(agent, timeout) as probe, ThreadPoolExecutor(MAX_HOSTS) as pool:
        try:
            work = [pool.submit(_probe_host, probe, urls, stopped) for urls in by_host.values()]
            for done in as_completed(work):
                for url, reason in done.result():
                    progress.advance(1)
                    if reason:
                        failed.append(FailedLink(url, reason, links[url]))
        finally:
            stopped.set()  # after an interrupt, wait for running requests only
    return ExternalReport(len(links), tuple(sorted(failed, key=lambda one: one.url)))


def external_links(public: Path, site_url: str) -> dict[str, tuple[str, ...]]:
    """Return each http(s) URL of another host, without fragment, and the pages that link to it."""
    found: dict[str, dict[str, None]] = {}
    for file in sorted(public.rglob("*.html")):
        page = output_path(file.relative_to(public).as_posix())
        tree = LexborHTMLParser(file.read_text(encoding="utf-8"))
        for node in tree.css("a[href], area[href]"):
            url = _absolute((node.attributes.get("href") or "").strip(), site_url + page)
            if url.startswith(("http://", "https://")) and _host(url) != _host(site_url):
                found.setdefault(url, {})[page] = None
    return {url: tuple(found[url]) for url in sorted(found)}


def _absolute(href: str, page: str) -> str:
    try:
        return urldefrag(urljoin(page, href)).url
    except ValueError:  # an invalid IPv6 address; the request reports it
        return href


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower()
    except ValueError:
        return url


def _probe_host(probe: LinkProbe, urls: list[str], stopped: Event) -> list[tuple[str, str]]:
    """Return (URL, error or "") for URLs of one host, requested one after the other."""
    return [(url, _probe(probe, url)) for url in urls if not stopped.is_set()]


def _probe(probe: LinkProbe, url: str) -> str:
    try:
        status = probe.status(url)
    except UnreachableError as error:
        return str(error)
    return "" if status < 400 else f"{status} {_phrase(status)}".rstrip()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
