"""Decide what a commit has to pass before it is published, and hold the publication to it.

Reads the repository and out/. Writes out/plan.json. Network: the chart repository,
with the credentials of publishing.

The baseline is the newest published chart: its code passed the checks, or it would
not be there. A commit that differs from it in content/ alone is published without
them. A rollback is never the baseline: it builds nothing, so that its own code was
perhaps never checked.
"""

from __future__ import annotations

from pathlib import Path

from semver import Version

from pipelines.charts import newest
from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.results import PlanResult, VersionResult
from pipelines.flow import check_records, version_order
from pipelines.flow.services import open_services
from pipelines.tools import checkout, commits


def make_plan(context: FlowContext, version: VersionResult) -> PlanResult:
    """Write what *version* has to pass to out/plan.json, and return it."""
    result = _plan(context, version)
    results.write(context.project / "out" / "plan.json", result)
    return result


def verify_checks(context: FlowContext, version: VersionResult) -> None:
    """Raise PipelineError for a *version* whose code has not passed the checks.

    Believes the records of the checks, and the newest published chart; nothing
    that an earlier step has decided. No reader gets a preview, and images and chart
    of a rollback are those of a release that was published.
    """
    if version.kind == "preview" or _goes_back(context.project, version):
        return
    lacking = check_records.missing_checks(context.project, version.commit)
    if not lacking:
        return
    found = _plan(context, version)
    if found.checks:
        raise PipelineError(
            f"version {version.version}: commit {version.commit[:12]} has not passed {', '.join(lacking)}:"
            f" {found.reason}; run `make checks`, in GitLab the jobs of these names, then publish"
        )


def _plan(context: FlowContext, version: VersionResult) -> PlanResult:
    if _goes_back(context.project, version):
        own = check_records.checked_paths(context.project, version.commit)
        reason = f"it goes back to {version.rollback}, and builds nothing"
        return PlanResult(version.commit, own, "", False, reason)
    baseline, name = "", ""
    if repository := context.site.chart.repository:
        with open_services(context) as at:
            there = newest.chart_repository(at.web, repository, context.credentials.charts)
            baseline, name = _baseline(context.project, there, version)
    return check_records.plan_checks(context.project, version.commit, baseline, name)


def _goes_back(project: Path, version: VersionResult) -> bool:
    """Return whether *version* is a rollback, and its commit says so."""
    return version.rollback in commits.commit_trailers(project, version.commit, checkout.ROLLBACK)


def _baseline(project: Path, there: newest.ChartReader, version: VersionResult) -> tuple[str, str]:
    """Return the commit of the newest chart in *there* that was built, and its version; "" for none.

    A chart of the same commit is newer than all: what is to be published was published.
    """
    versions = [text for text in version_order.published_versions(there) if version_order.is_release(text)]
    own = version.version.removesuffix("-rc")
    known = sorted(versions, key=Version.parse, reverse=True)
    for name in (f"{own}-rc", own):
        if name in known and newest.commit_of_chart(there.fetch(name)) == version.commit:
            return version.commit, name
    for name in known:
        commit = newest.commit_of_chart(there.fetch(name))
        if commit and not commits.commit_exists(project, commit):
            commits.fetch_commits(project)
        if not commits.commit_exists(project, commit):
            return commit, name
        if not commits.commit_trailers(project, commit, checkout.ROLLBACK):
            return commit, name
    return "", ""
