"""Publish a candidate as the stable version: the same digests under the version without "-rc".

Reads the chart repository, or out/ for a candidate that was packed there. Writes
out/promoted/. Network: as for publishing.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.archive import catalog
from pipelines.charts import newest
from pipelines.charts.promotion import promote_chart
from pipelines.charts.repository import ChartRepository
from pipelines.core import release_bundle, results, version
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError, UsageError
from pipelines.core.results import ChartResult, PublishResult, VersionResult
from pipelines.flow import version_order
from pipelines.flow.publish import publish_releases
from pipelines.flow.services import open_services
from pipelines.tools import checkout

_FOLDER = "promoted"  # within out/, whose own chart is the candidate


def promote_candidate(context: FlowContext, wanted: str, *, superseded: bool = False) -> PublishResult:
    """Publish the candidate *wanted*, "" for the newest one, as stable, and return what was sent.

    Nothing is built and no image is copied: a tag is added. With *superseded*, a
    missing candidate is skipped where a newer one contains HEAD: the result names
    it. Raises PipelineError when there is no such candidate, and as
    ``publish_releases`` does.
    """
    if wanted and not version.is_release(wanted):
        raise UsageError(f"promote {wanted!r}: is not a version; write it as 1.0.412")
    project, site, progress = context.project, context.site, context.progress
    if not site.chart.repository:
        raise PipelineError("site.toml: no chart repository; set repository under [chart]")
    time = 0
    with open_services(context) as services:
        charts = services.charts(site.chart.repository)
        versions = charts.versions()
        if superseded and wanted and (result := _superseded_result(project, charts, versions, wanted)):
            return result
        candidate = _find_candidate(versions, wanted, site)
        progress.phase("candidate", 1)
        chart, data = promote_chart(charts.fetch(candidate))
        progress.advance(1)
        if archive := services.archive():
            time = catalog.read_record(archive, candidate).time
    folder = _write_stable(project, chart, data, time)
    return publish_releases(context, [folder])[0]


def _superseded_result(
    project: Path, charts: ChartRepository, versions: list[str], wanted: str
) -> PublishResult | None:
    """Return the result of publishing the candidate *wanted* of HEAD where a newer one supersedes it."""
    candidate = version.candidate_form(wanted)
    head = checkout.read_checkout(project)
    if candidate in versions:
        return None
    own = VersionResult(candidate, "candidate", head.commit, head.time, dirty=False, rollback="")
    newer = version_order.superseding_version(project, own, charts)
    return PublishResult(candidate, head.commit, "", (), (), 0.0, newer) if newer else None


def promote_local(project: Path) -> Path:
    """Write the stable version of the candidate in out/ of *project*, and return its directory.

    It is what ``promote_candidate`` makes of that candidate after its publication.
    Raises PipelineError for a chart that is not a candidate.
    """
    candidate = release_bundle.read_release_bundle(project / "out")
    chart, data = promote_chart(candidate.package.read_bytes())
    return _write_stable(project, chart, data, candidate.version.time)


def _write_stable(project: Path, chart: ChartResult, data: bytes, time: int) -> Path:
    folder = project / "out" / _FOLDER
    results.put(folder / "charts" / f"{chart.name}-{chart.version}.tgz", data)
    results.write(folder / "chart.json", chart)
    stable = VersionResult(chart.version, "stable", chart.commit, time, dirty=False, rollback="")
    results.write(folder / "version.json", stable)
    return folder


def _find_candidate(versions: list[str], wanted: str, site: SiteConfig) -> str:
    """Return the candidate *wanted* among *versions*, "" for the newest one."""
    if not wanted:
        candidates = [text for text in versions if version.is_candidate(text)]
        found = newest.newest_version(candidates, version.major_of(site.chart.version), "staging")
        if not found:
            raise PipelineError("the chart repository has no candidate; run `make publish`")
        return found
    candidate = version.candidate_form(wanted)
    if candidate not in versions:
        raise PipelineError(
            f"the chart repository has no candidate {candidate}; run `make status` to see what it has"
        )
    return candidate
