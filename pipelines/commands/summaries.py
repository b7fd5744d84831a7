"""Format results as a few lines for a person; ``tables`` has the longer ones.

Functions of results. No reads, no writes, no network.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.core.results import ChartResult, ImageResult, Release, SiteResult
from pipelines.tools.terminal import format_size

if TYPE_CHECKING:  # it imports an HTTP client, which a build does not need
    from pipelines.site.build_report import BuildReport
    from pipelines.site.check.external import ExternalReport


def build_summary(result: SiteResult, report: BuildReport) -> str:
    """Return pages, bytes, digest and time of a build, and what it built again."""
    converted, rendered = (
        sum(work.now for work in done.values()) for done in (report.converted, report.rendered)
    )
    slowest = sorted(result.phases.items(), key=lambda item: -item[1])[:3]
    times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest)
    moment = datetime.fromtimestamp(result.as_of, UTC).strftime("%Y-%m-%d %H:%M UTC")
    gated = f", {result.gated} of them for members" if result.gated else ""
    lines = [
        f"{result.pages} pages{gated}; {result.files} files, {format_size(result.bytes)}",
        f"digest  {result.digest[:16]}  as of {moment}" + ("  WITH DRAFTS" if result.drafts else ""),
        f"time    {sum(result.phases.values()):.2f} s ({times})",
    ]
    if report.unchanged:
        lines.append("again   nothing: no input has changed since the last build")
    elif converted + rendered < len(report.converted) + len(report.rendered):
        texts, pages = len(report.converted), len(report.rendered)
        lines.append(f"again   {converted} of {texts} texts, {rendered} of {pages} pages and feeds")
    lines += [f"not in  {text}" for text in result.left_out]
    return "\n".join(lines) + "\n"


def image_summary(result: ImageResult) -> str:
    """Return the digest of an image, and the size of each layer."""
    width = max(len(one.name) for one in result.layers)
    lines = [
        f"out/images/{result.name}  {result.arch}  {format_size(result.size)}",
        f"digest  {result.digest}",
    ]
    lines += [
        f"layer   {one.name:<{width}}  {format_size(one.size):>8}  {one.digest[:19]}" for one in result.layers
    ]
    return "\n".join(lines) + "\n"


def chart_summary(result: ChartResult) -> str:
    """Return the path of a chart, and the digests that it rolls out."""
    lines = [
        f"out/charts/{result.name}-{result.version}.tgz  {format_size(result.size)}",
        f"digest  {result.digest}",
    ]
    lines += [f"{name:<6}  {digest}" for name, digest in (("web", result.web), ("api", result.api)) if digest]
    return "\n".join([*lines, f"site    {result.site[:16]}  commit {result.commit[:12]}"]) + "\n"


def release_summary(release: Release) -> str:
    """Return the commit and the digests of a release, a line each."""
    rows = {"version": release.version, "commit": release.commit, "site": release.site}
    rows |= {"web": release.web, "api": release.api or "none", "asset": release.asset}
    return "".join(f"{name:<8} {value}\n" for name, value in rows.items())


def external_report(report: ExternalReport) -> str:
    """Return the links that failed: reason, address, and the pages that have it."""
    count = f"{report.checked} link{'s' if report.checked != 1 else ''} to other hosts"
    if not report.failed:
        return f"{count}: all answer\n"
    width = max(len(one.reason) for one in report.failed)
    lines = [f"{count}: {len(report.failed)} without a page"]
    for one in report.failed:
        pages = ", ".join(one.pages[:3]) + (f" and {len(one.pages) - 3} more" if one.pages[3:] else "")
        lines.append(f"  {one.reason:<{width}}  {one.url}")
        lines.append(f"  {'':<{width}}  on {pages}")
    return "\n".join(lines) + "\n"
