"""Make a candidate the stable version: the same digests under the number without "-rc".

Reads the chart repository, or out/ where the candidate lies there. Writes
out/promoted/. Network: as for publishing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from pipelines import checkout, finished, results
from pipelines.access import Access
from pipelines.archive import fetch
from pipelines.chart.promote import promote as make
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError, UsageError
from pipelines.flow import order
from pipelines.flow.publish import publish
from pipelines.flow.services import Progress, Say, Times, services
from pipelines.results import ChartResult, PublishResult, VersionResult
from pipelines.status import charts

_FOLDER = "promoted"  # within out/: what is published is not what was built there


def promote(
    project: Path,
    site: SiteConfig,
    who: Access,
    version: str,
    times: Times,
    *,
    superseded: bool = False,
    say: Say,
    progress: Progress,
    clock: Callable[[], float],
) -> PublishResult:
    """Publish the candidate *version*, "" for the newest one, as stable, and return what that took.

    Nothing is built and no image is moved: a tag is added. With *superseded*, a
    candidate that was never published is passed over where a newer one contains
    HEAD: the result names it. Raises PipelineError when there is no such candidate,
    and as ``publish`` does.
    """
    if version and not re.fullmatch(r"\d+\.\d+\.\d+(-rc)?", version):
        raise UsageError(f"promote {version!r}: is not a version; write it as 1.0.412")
    if not site.chart.repository:
        raise PipelineError("site.toml: no chart repository; set repository under [chart]")
    time = 0
    with services(site, who, times.deadline, say) as at:
        there = charts.reader(at.web, site.chart.repository, who.charts)
        versions = there.versions()
        if superseded and version and (newer := _superseded(project, there, versions, version)):
            return newer
        candidate = _candidate(versions, version, site)
        progress.phase("candidate", 1)
        chart, data = make(there.fetch(candidate))
        progress.advance(1)
        if archive := at.archive():
            time = fetch.record(archive, candidate).time
    folder = _put(project, chart, data, time)
    return publish(project, [folder], site, who, times, say=say, progress=progress, clock=clock)[0]


def _superseded(
    project: Path, there: charts.Reader, versions: list[str], version: str
) -> PublishResult | None:
    """Return what publishing says of the candidate *version* of HEAD when a newer one took its place."""
    candidate = f"{version.removesuffix('-rc')}-rc"
    head = checkout.read(project)
    if candidate in versions:
        return None
    mine = VersionResult(candidate, "candidate", head.commit, head.time, dirty=False, rollback="")
    newer = order.superseded(project, mine, there)
    return PublishResult(candidate, head.commit, "", (), (), 0.0, newer) if newer else None


def promoted(project: Path) -> Path:
    """Return the folder of the stable version that the candidate in out/ of *project* becomes.

    It is what ``promote`` makes once that candidate is published. Raises
    PipelineError for what is no candidate.
    """
    candidate = finished.read(project / "out")
    chart, data = make(candidate.package.read_bytes())
    return _put(project, chart, data, candidate.version.time)


def _put(project: Path, chart: ChartResult, data: bytes, time: int) -> Path:
    folder = project / "out" / _FOLDER
    results.put(folder / "charts" / f"{chart.name}-{chart.version}.tgz", data)
    results.write(folder / "chart.json", chart)
    stable = VersionResult(chart.version, "stable", chart.commit, time, dirty=False, rollback="")
    results.write(folder / "version.json", stable)
    return folder


def _candidate(there: list[str], version: str, site: SiteConfig) -> str:
    """Return the candidate among the versions *there* that *version* means."""
    if not version:
        found = [one for one in there if re.fullmatch(r"\d+\.\d+\.\d+-rc", one)]
        newest = charts.best(found, int(site.chart.version.partition(".")[0]), "staging")
        if not newest:
            raise PipelineError("the chart repository has no candidate; run `make publish`")
        return newest
    candidate = f"{version.removesuffix('-rc')}-rc"
    if candidate not in there:
        raise PipelineError(
            f"the chart repository has no candidate {candidate}; run `make status` to see what it has"
        )
    return candidate
