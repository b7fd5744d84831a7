"""Make a candidate the stable version: the same digests under the number without "-rc".

Reads the chart repository, or out/ where the candidate lies there. Writes
out/promoted/. Network: as for publishing.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.archive import catalog
from pipelines.charts import newest as charts
from pipelines.charts.promotion import promote_chart as make
from pipelines.core import release_bundle, results
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError, UsageError
from pipelines.core.results import ChartResult, PublishResult, VersionResult
from pipelines.flow import version_order
from pipelines.flow.publish import publish_releases
from pipelines.flow.services import open_services
from pipelines.tools import checkout

_FOLDER = "promoted"  # within out/: what is published is not what was built there


def promote_candidate(context: FlowContext, version: str, *, superseded: bool = False) -> PublishResult:
    """Publish the candidate *version*, "" for the newest one, as stable, and return what that took.

    Nothing is built and no image is moved: a tag is added. With *superseded*, a
    candidate that was never published is passed over where a newer one contains
    HEAD: the result names it. Raises PipelineError when there is no such candidate,
    and as ``publish`` does.
    """
    if version and not re.fullmatch(r"\d+\.\d+\.\d+(-rc)?", version):
        raise UsageError(f"promote {version!r}: is not a version; write it as 1.0.412")
    project, site, progress = context.project, context.site, context.progress
    if not site.chart.repository:
        raise PipelineError("site.toml: no chart repository; set repository under [chart]")
    time = 0
    with open_services(context) as at:
        there = charts.chart_repository(at.web, site.chart.repository, context.credentials.charts)
        versions = there.versions()
        if superseded and version and (newer := _superseded(project, there, versions, version)):
            return newer
        candidate = _candidate(versions, version, site)
        progress.phase("candidate", 1)
        chart, data = make(there.fetch(candidate))
        progress.advance(1)
        if archive := at.archive():
            time = catalog.read_record(archive, candidate).time
    folder = _put(project, chart, data, time)
    return publish_releases(context, [folder])[0]


def _superseded(
    project: Path, there: charts.ChartReader, versions: list[str], version: str
) -> PublishResult | None:
    """Return what publishing says of the candidate *version* of HEAD when a newer one took its place."""
    candidate = f"{version.removesuffix('-rc')}-rc"
    head = checkout.read_checkout(project)
    if candidate in versions:
        return None
    mine = VersionResult(candidate, "candidate", head.commit, head.time, dirty=False, rollback="")
    newer = version_order.superseding_version(project, mine, there)
    return PublishResult(candidate, head.commit, "", (), (), 0.0, newer) if newer else None


def promoted_here(project: Path) -> Path:
    """Return the folder of the stable version that the candidate in out/ of *project* becomes.

    It is what ``promote`` makes once that candidate is published. Raises
    PipelineError for what is no candidate.
    """
    candidate = release_bundle.read_release_bundle(project / "out")
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
        newest = charts.best_version(found, int(site.chart.version.partition(".")[0]), "staging")
        if not newest:
            raise PipelineError("the chart repository has no candidate; run `make publish`")
        return newest
    candidate = f"{version.removesuffix('-rc')}-rc"
    if candidate not in there:
        raise PipelineError(
            f"the chart repository has no candidate {candidate}; run `make status` to see what it has"
        )
    return candidate
