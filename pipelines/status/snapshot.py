"""Take one snapshot of every environment: its front door, its charts, its HelmRelease, and Git.

Reads the repository. Starts kubectl where there is a kubeconfig. Network: front
doors, the chart repository, the cluster. No writes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from pipelines.charts import newest
from pipelines.core.config import FILE, Environment, SiteConfig, parse_config
from pipelines.core.credentials import Credentials
from pipelines.core.errors import PipelineError, SourceError
from pipelines.core.results import (
    BranchResult,
    EnvironmentResult,
    PublishedResult,
    ResponseResult,
    RolloutResult,
    StatusResult,
)
from pipelines.core.version import is_newer
from pipelines.status import front_door, rollout
from pipelines.status.describe import describe_environment
from pipelines.tools import commits, git
from pipelines.tools.http import HttpClient, user_agent
from pipelines.tools.retry import RetryPolicy

_TRIES = 2  # of a request to the chart repository: a person waits, or the next snapshot follows soon


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """The inputs of a snapshot."""

    project: Path
    site: SiteConfig  # with the environments of the snapshot
    credentials: Credentials
    kubeconfig: str  # a value of KUBECONFIG; "" for none
    default: str  # name of the default branch; "" if unknown
    clock: Callable[[], float]  # seconds since 1970
    commits: dict[str, str] = field(default_factory=dict)  # cache: the commit of each published version
    commit: str = ""  # 40 hex digits, the commit in question; "" for that of the default branch


def take_snapshot(inputs: SnapshotInputs, timeout: float) -> StatusResult:
    """Return the current state; each service has *timeout* seconds to respond.

    A failing service is reported in the result. Raises PipelineError for a clone
    that Git refuses, and for an invalid file of authorities.
    """
    site, credentials = inputs.site, inputs.credentials
    urls = [environment.url for environment in site.environments]
    branch = _read_branch(inputs)
    commit = inputs.commit or branch.commit
    own = _stable_version(inputs, commit)
    with ThreadPoolExecutor(max_workers=2) as pool:
        published = pool.submit(_newest_charts, inputs, own, timeout)
        rollouts = pool.submit(rollout.read_rollout, site, inputs.kubeconfig, timeout)
        agent = user_agent(site.name)
        responses = front_door.probe_front_doors(urls, timeout, credentials.authority, agent)
    now = int(inputs.clock())
    rows = []
    for environment, answers in zip(site.environments, responses, strict=True):
        chart = _with_outranked(published.result()[environment.name], own, commit, inputs.project)
        row = _environment(environment, answers, chart, rollouts.result()[environment.name])
        row = _with_distance(row, inputs.project, branch)
        rows.append(replace(row, says=describe_environment(row, branch, now)))
    return StatusResult(now, branch, tuple(rows), None)


def _newest_charts(inputs: SnapshotInputs, own: str, timeout: float) -> dict[str, PublishedResult]:
    site, credentials = inputs.site, inputs.credentials
    retry_policy, agent = RetryPolicy(timeout, tries=_TRIES), user_agent(site.name)
    with HttpClient(retry_policy, credentials.authority, agent=agent) as client:
        return newest.newest_charts(client, site, credentials.charts, inputs.commits, own)


def _stable_version(inputs: SnapshotInputs, commit: str) -> str:
    """Return the stable version of *commit*, with the X.Y of its own site.toml; "" if unknown."""
    number = commits.commit_number(inputs.project, commit) if commit else 0
    text = commits.file_at_commit(inputs.project, commit, FILE) if number else None
    try:
        return f"{parse_config(text).chart.version}.{number}" if text is not None else ""
    except SourceError:
        return ""


def _with_outranked(chart: PublishedResult, own: str, commit: str, project: Path) -> PublishedResult:
    """Return *chart* with the version *own* of *commit* as outranked, where it is newer and lacks the commit.

    Unknown, and so not outranked, where this clone lacks the commit of the chart.
    """
    form = chart.own or own
    if not (is_newer(chart.version, form) and chart.commit and commits.commit_exists(project, chart.commit)):
        return chart
    return chart if git.contains_commit(project, chart.commit, commit) else replace(chart, outranks=form)


def _environment(
    one: Environment, answers: tuple[ResponseResult, ...], published: PublishedResult, flux: RolloutResult
) -> EnvironmentResult:
    agreed = front_door.agreed_response(answers)
    return EnvironmentResult(
        name=one.name,
        url=one.url,
        live=agreed is not None,
        version=agreed.version if agreed else "",
        commit=agreed.commit if agreed else "",
        site=agreed.site if agreed else "",
        behind=-1,
        ahead=-1,
        answers=answers,
        published=published,
        rollout=flux,
        says="",
    )


def _with_distance(row: EnvironmentResult, project: Path, branch: BranchResult) -> EnvironmentResult:
    found = git.commits_between(project, row.commit, branch.commit) if row.live and branch.commit else None
    return replace(row, behind=found[0], ahead=found[1]) if found else row


def _read_branch(inputs: SnapshotInputs) -> BranchResult:
    found = git.read_branch(inputs.project, inputs.default)
    if found is None:
        return BranchResult("", "", "", "not a Git repository")
    if found.shallow:
        return BranchResult(found.name, found.commit, "", "this clone is shallow (git fetch --unshallow)")
    return BranchResult(found.name, found.commit, f"{inputs.site.chart.version}.{found.number}", "")


def select_environments(site: SiteConfig, names: list[str]) -> SiteConfig:
    """Return *site* with the environments *names* only; with all of them for no names."""
    known = [one.name for one in site.environments]
    for name in names:
        if name not in known:
            raise PipelineError(f"site.toml: unknown environment {name!r}; known: {', '.join(known)}")
    return dataclasses.replace(
        site, environments=tuple(one for one in site.environments if one.name in names or not names)
    )
