"""Format the results of the steps for a person: a few lines or a table each.

Functions of results. No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipelines.core.results import ChartResult, ImageResult, PublishResult, Release, SiteResult
from pipelines.tools.terminal import format_size

if TYPE_CHECKING:  # both import an HTTP client, which a build does not need
    from pipelines.archive.record import Record
    from pipelines.site.check.external import ExternalReport


def build_summary(result: SiteResult) -> str:
    """Return what a person wants to know of a build, in a few lines."""
    slowest = sorted(result.phases.items(), key=lambda item: -item[1])[:3]
    times = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in slowest)
    moment = datetime.fromtimestamp(result.as_of, UTC).strftime("%Y-%m-%d %H:%M UTC")
    gated = f", {result.gated} of them for members" if result.gated else ""
    lines = [
        f"{result.pages} pages{gated}; {result.files} files, {format_size(result.bytes)}",
        f"digest  {result.digest[:16]}  as of {moment}" + ("  WITH DRAFTS" if result.drafts else ""),
        f"time    {sum(result.phases.values()):.2f} s ({times})",
    ]
    lines += [f"not in  {text}" for text in result.left_out]
    return "\n".join(lines) + "\n"


def image_summary(result: ImageResult) -> str:
    """Return what a person wants to know of an image: its digest, and what each layer weighs."""
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
    """Return what a person wants to know of a chart: where it is, and what it rolls out."""
    lines = [
        f"out/charts/{result.name}-{result.version}.tgz  {format_size(result.size)}",
        f"digest  {result.digest}",
    ]
    lines += [f"{name:<6}  {digest}" for name, digest in (("web", result.web), ("api", result.api)) if digest]
    return "\n".join([*lines, f"site    {result.site[:16]}  commit {result.commit[:12]}"]) + "\n"


def publish_summary(result: PublishResult) -> str:
    """Return a table of what each target was sent, what it had, the bytes and the time."""
    if result.superseded:
        return (
            f"{result.version}  commit {result.commit[:12]}: superseded by {result.superseded}, which"
            " contains this commit and is published; nothing was sent\n"
        )
    width = max(len(one.name) for one in result.targets)
    lines = [f"{result.version}  commit {result.commit[:12]}  chart {result.digest[:19]}"]
    lines += [
        f"{one.name:<{width}}  {len(one.sent):>5} sent  {one.kept:>5} there  {format_size(one.bytes):>8}"
        f"  {one.seconds:>6.2f} s  {one.place}"
        for one in result.targets
    ]
    total = sum(one.bytes for one in result.targets)
    lines.append(f"{'in all':<{width}}  {'':>24}  {format_size(total):>8}  {result.seconds:>6.2f} s")
    return "\n".join(lines) + "\n"


def archive_list(found: Sequence[Record]) -> str:
    """Return one line a release, the newest first."""
    if not found:
        return "no release is archived\n"
    width = max(len(one.version) for one in found)
    rows = [
        f"{one.version:<{width}}  {datetime.fromtimestamp(one.time, UTC):%Y-%m-%d %H:%M} UTC"
        f"  commit {one.commit[:12]}  site {one.release.site[:12]}"
        for one in found
    ]
    return "\n".join(rows) + "\n"


def release_summary(release: Release) -> str:
    """Return what a release rolls out, a line each."""
    rows = {"version": release.version, "commit": release.commit, "site": release.site}
    rows |= {"web": release.web, "api": release.api or "none", "asset": release.asset}
    return "".join(f"{name:<8} {value}\n" for name, value in rows.items())


def external_report(report: ExternalReport) -> str:
    """Return the links that failed as a table: the address, why, and where it stands."""
    count = f"{report.tried} link{'s' if report.tried != 1 else ''} to other hosts"
    if not report.failed:
        return f"{count}: all answer\n"
    width = max(len(one.reason) for one in report.failed)
    lines = [f"{count}: {len(report.failed)} without a page"]
    for one in report.failed:
        pages = ", ".join(one.pages[:3]) + (f" and {len(one.pages) - 3} more" if one.pages[3:] else "")
        lines.append(f"  {one.reason:<{width}}  {one.url}")
        lines.append(f"  {'':<{width}}  on {pages}")
    return "\n".join(lines) + "\n"
