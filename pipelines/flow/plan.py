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

from pipelines import checkout, checks, results
from pipelines.access import Access
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.flow import order
from pipelines.flow.services import Say, Times, services
from pipelines.results import PlanResult, VersionResult
from pipelines.status import charts
from pipelines.tools import commits


def plan(
    project: Path, site: SiteConfig, who: Access, version: VersionResult, times: Times, say: Say
) -> PlanResult:
    """Write what *version* has to pass to out/plan.json of *project*, and return it."""
    result = _plan(project, site, who, version, times, say)
    results.write(project / "out" / "plan.json", result)
    return result


def verify(
    project: Path, site: SiteConfig, who: Access, version: VersionResult, times: Times, say: Say
) -> None:
    """Raise PipelineError for a *version* whose code has not passed the checks.

    Believes the records of the checks, and the newest published chart; nothing
    that an earlier step has decided. No reader gets a preview, and images and chart
    of a rollback are those of a release that was published.
    """
    if version.kind == "preview" or _goes_back(project, version):
        return
    lacking = checks.missing(project, version.commit)
    if not lacking:
        return
    found = _plan(project, site, who, version, times, say)
    if found.checks:
        raise PipelineError(
            f"version {version.version}: commit {version.commit[:12]} has not passed {', '.join(lacking)}:"
            f" {found.reason}; run `make checks`, in GitLab the jobs of these names, then publish"
        )


def _plan(
    project: Path, site: SiteConfig, who: Access, version: VersionResult, times: Times, say: Say
) -> PlanResult:
    if _goes_back(project, version):
        own = checks.code(project, version.commit)
        reason = f"it goes back to {version.rollback}, and builds nothing"
        return PlanResult(version.commit, own, "", False, reason)
    baseline, name = "", ""
    if site.chart.repository:
        with services(site, who, times.deadline, say) as at:
            there = charts.reader(at.web, site.chart.repository, who.charts)
            baseline, name = _baseline(project, there, version)
    return checks.plan(project, version.commit, baseline, name)


def _goes_back(project: Path, version: VersionResult) -> bool:
    """Return whether *version* is a rollback, and its commit says so."""
    return version.rollback in commits.trailers(project, version.commit, checkout.ROLLBACK)


def _baseline(project: Path, there: charts.Reader, version: VersionResult) -> tuple[str, str]:
    """Return the commit of the newest chart in *there* that was built, and its version; "" for none.

    A chart of the same commit is newer than all: what is to be published was published.
    """
    versions = [text for text in order.published(there) if order.is_release(text)]
    own = version.version.removesuffix("-rc")
    known = sorted(versions, key=Version.parse, reverse=True)
    for name in (f"{own}-rc", own):
        if name in known and charts.commit_of(there.fetch(name)) == version.commit:
            return version.commit, name
    for name in known:
        commit = charts.commit_of(there.fetch(name))
        if commit and not commits.known(project, commit):
            commits.fetch(project)
        if not commits.known(project, commit):
            return commit, name
        if not commits.trailers(project, commit, checkout.ROLLBACK):
            return commit, name
    return "", ""
