"""Decide which checks a commit has to pass before it is published, and refuse it without them.

Reads the repository and out/. Writes out/plan.json. Network: the chart repository,
with the credentials of publishing.

The baseline is the newest published chart, whose code has passed the checks. A
commit that differs from it only in content/ is published without them. A rollback
is never the baseline: it builds nothing, so its own code may be unchecked.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.charts.package import commit_of_chart
from pipelines.charts.repository import ChartRepository
from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.results import PlanResult, VersionResult
from pipelines.core.version import Version, candidate_form, is_release, stable_form
from pipelines.flow import check_records, version_order
from pipelines.flow.services import open_services
from pipelines.tools import checkout, commits


def make_plan(context: FlowContext, version: VersionResult) -> PlanResult:
    """Write the plan of *version* to out/plan.json, and return it."""
    result = _plan(context, version)
    results.write(context.project / "out" / "plan.json", result)
    return result


def verify_checks(context: FlowContext, version: VersionResult) -> None:
    """Raise PipelineError for a *version* whose code has not passed the checks.

    Trusts only the records of the checks and the newest published chart, and no
    decision of an earlier step. Exempt are previews, which no reader gets, and
    rollbacks, whose images and chart are those of a published release.
    """
    if version.kind == "preview" or _is_rollback(context.project, version):
        return
    missing = check_records.missing_checks(context.project, version.commit)
    if not missing:
        return
    plan = _plan(context, version)
    if plan.checks:
        raise PipelineError(
            f"version {version.version}: commit {version.commit[:12]} has not passed {', '.join(missing)}:"
            f" {plan.reason}; run `make checks`, in GitLab the jobs of these names, then publish"
        )


def _plan(context: FlowContext, version: VersionResult) -> PlanResult:
    project, repository = context.project, context.site.chart.repository
    if _is_rollback(project, version):
        own = check_records.code_id(project, version.commit)
        reason = f"it goes back to {version.rollback}, and builds nothing"
        return PlanResult(version.commit, own, "", False, reason)
    baseline, name = "", ""
    if repository:
        with open_services(context) as services:
            baseline, name = _baseline(project, services.charts(repository), version)
    return check_records.plan_checks(project, version.commit, baseline, name)


def _is_rollback(project: Path, version: VersionResult) -> bool:
    """Return whether *version* is a rollback, and its commit has that trailer."""
    return version.rollback in commits.commit_trailers(project, version.commit, checkout.ROLLBACK)


def _baseline(project: Path, charts: ChartRepository, version: VersionResult) -> tuple[str, str]:
    """Return the commit of the newest chart in *charts* that was built, and its version; "" for none.

    A chart of the same commit comes before all others: that commit is published already.
    """
    versions = [text for text in version_order.published_versions(charts) if is_release(text)]
    versions.sort(key=Version.parse, reverse=True)
    for name in (candidate_form(version.version), stable_form(version.version)):
        if name in versions and commit_of_chart(charts.fetch(name)) == version.commit:
            return version.commit, name
    for name in versions:
        commit = commit_of_chart(charts.fetch(name))
        if commit and not commits.commit_exists(project, commit):
            commits.fetch_commits(project)
        if not commits.commit_exists(project, commit):
            return commit, name
        if not commits.commit_trailers(project, commit, checkout.ROLLBACK):
            return commit, name
    return "", ""
