"""Look once at every environment: its front door, its charts, its HelmRelease, and Git.

Reads the repository. Starts kubectl where there is a kubeconfig. Network: front
doors, the chart repository, the cluster. No writes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.charts import newest
from pipelines.core.config import FILE, Environment, SiteConfig, parse_config
from pipelines.core.credentials import Credentials
from pipelines.core.errors import PipelineError, SourceError
from pipelines.core.results import (
    BranchResult,
    EnvironmentResult,
    PublishedResult,
    ResponseResult,
    StatusResult,
)
from pipelines.core.results import RolloutResult as Rollout
from pipelines.status import front_door, rollout
from pipelines.status.phrasing import describe, is_newer
from pipelines.tools import commits, git
from pipelines.tools.http import HttpClient
from pipelines.tools.retry import RetryPolicy

_TRIES = 2  # of one question to the chart repository: a person waits, or the next look comes soon


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """Where is looked, and who looks."""

    project: Path
    site: SiteConfig  # its environments are those that are looked at
    credentials: Credentials
    kubeconfig: str  # as KUBECONFIG may be written; "" for none
    default: str  # name of the default branch; "" where nobody says it
    clock: Callable[[], float]  # seconds since 1970
    commits: dict[str, str] = field(default_factory=dict)  # what charts carry, by version; grows
    commit: str = ""  # 40 hex digits, which is asked about; "" for that of the default branch


def take_snapshot(scene: SnapshotInputs, timeout: float) -> StatusResult:
    """Return what is seen now; each service has *patience* seconds to answer.

    A service that fails is told in the result. Raises PipelineError for a clone
    that Git refuses, and for a file of authorities that is none.
    """
    urls = [one.url for one in scene.site.environments]
    branch = _branch(scene)
    asked = scene.commit or branch.commit
    own = _version(scene, asked)
    with ThreadPoolExecutor(max_workers=2) as pool:
        published = pool.submit(_published, scene, own, timeout)
        rollouts = pool.submit(rollout.read_rollout, scene.site, scene.kubeconfig, timeout)
        answers = front_door.probe_front_doors(urls, timeout, scene.credentials.authority)
    now = int(scene.clock())
    rows = []
    for one, heard in zip(scene.site.environments, answers, strict=True):
        chart = _ranked(published.result()[one.name], own, asked, scene.project)
        row = _environment(one, heard, chart, rollouts.result()[one.name])
        row = _measured(row, scene.project, branch)
        rows.append(replace(row, says=describe(row, branch, now)))
    return StatusResult(now, branch, tuple(rows), None)


def _published(scene: SnapshotInputs, own: str, timeout: float) -> dict[str, PublishedResult]:
    with HttpClient(RetryPolicy(timeout, tries=_TRIES), scene.credentials.authority) as web:
        return newest.newest_charts(web, scene.site, scene.credentials.charts, scene.commits, own)


def _version(scene: SnapshotInputs, commit: str) -> str:
    """Return the stable version of *commit*, with the X.Y of its own site.toml; "" where it is not known."""
    number = commits.commit_number(scene.project, commit) if commit else 0
    text = commits.file_at_commit(scene.project, commit, FILE) if number else None
    try:
        return f"{parse_config(text).chart.version}.{number}" if text is not None else ""
    except SourceError:
        return ""


def _ranked(chart: PublishedResult, own: str, commit: str, project: Path) -> PublishedResult:
    """Note in *chart* that it outranks the version *own* of *commit*, where it is newer and lacks the commit.

    Where this clone does not have the commit of the chart, nobody knows.
    """
    form = chart.own or own
    if not (is_newer(chart.version, form) and chart.commit and commits.commit_exists(project, chart.commit)):
        return chart
    return chart if git.contains_commit(project, chart.commit, commit) else replace(chart, outranks=form)


def _environment(
    one: Environment, answers: tuple[ResponseResult, ...], published: PublishedResult, flux: Rollout
) -> EnvironmentResult:
    seen = front_door.agreed_response(answers)
    return EnvironmentResult(
        name=one.name,
        url=one.url,
        live=seen is not None,
        version=seen.version if seen else "",
        commit=seen.commit if seen else "",
        site=seen.site if seen else "",
        behind=-1,
        ahead=-1,
        answers=answers,
        published=published,
        rollout=flux,
        says="",
    )


def _measured(row: EnvironmentResult, project: Path, branch: BranchResult) -> EnvironmentResult:
    found = git.commits_between(project, row.commit, branch.commit) if row.live and branch.commit else None
    return replace(row, behind=found[0], ahead=found[1]) if found else row


def _branch(scene: SnapshotInputs) -> BranchResult:
    found = git.read_branch(scene.project, scene.default)
    if found is None:
        return BranchResult("", "", "", "no Git here")
    if found.shallow:
        return BranchResult(found.name, found.commit, "", "this clone is shallow (git fetch --unshallow)")
    return BranchResult(found.name, found.commit, f"{scene.site.chart.version}.{found.number}", "")


def select_environments(site: SiteConfig, names: list[str]) -> SiteConfig:
    """Return *site* with the environments *names* alone, all of them where none is named."""
    known = [one.name for one in site.environments]
    for name in names:
        if name not in known:
            raise PipelineError(f"site.toml: has no environment {name!r}; known: {', '.join(known)}")
    return replace(
        site, environments=tuple(one for one in site.environments if one.name in names or not names)
    )
