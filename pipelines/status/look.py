"""Look once at every environment: its front door, its charts, its HelmRelease, and Git.

Reads the repository. Starts kubectl where there is a kubeconfig. Network: front
doors, the chart repository, the cluster. No writes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.access import Access
from pipelines.config import FILE, Environment, SiteConfig, parse
from pipelines.errors import PipelineError, SourceError
from pipelines.results import AnswerResult, BranchResult, EnvironmentResult, PublishedResult, StatusResult
from pipelines.results import RolloutResult as Rollout
from pipelines.status import charts, door, rollout
from pipelines.status.words import newer, sentence
from pipelines.tools import commits, git
from pipelines.tools.patience import Patience
from pipelines.tools.web import Web

_TRIES = 2  # of one question to the chart repository: a person waits, or the next look comes soon


@dataclass(frozen=True, slots=True)
class Scene:
    """Where is looked, and who looks."""

    project: Path
    site: SiteConfig  # its environments are those that are looked at
    who: Access
    kubeconfig: str  # as KUBECONFIG may be written; "" for none
    default: str  # name of the default branch; "" where nobody says it
    clock: Callable[[], float]  # seconds since 1970
    commits: dict[str, str] = field(default_factory=dict)  # what charts carry, by version; grows
    commit: str = ""  # 40 hex digits, which is asked about; "" for that of the default branch


def look(scene: Scene, patience: float) -> StatusResult:
    """Return what is seen now; each service has *patience* seconds to answer.

    A service that fails is told in the result. Raises PipelineError for a clone
    that Git refuses, and for a file of authorities that is none.
    """
    urls = [one.url for one in scene.site.environments]
    branch = _branch(scene)
    asked = scene.commit or branch.commit
    own = _version(scene, asked)
    with ThreadPoolExecutor(max_workers=2) as pool:
        published = pool.submit(_published, scene, own, patience)
        rollouts = pool.submit(rollout.look, scene.site, scene.kubeconfig, patience)
        answers = door.look(urls, patience, scene.who.authority)
    now = int(scene.clock())
    rows = []
    for one, heard in zip(scene.site.environments, answers, strict=True):
        chart = _ranked(published.result()[one.name], own, asked, scene.project)
        row = _environment(one, heard, chart, rollouts.result()[one.name])
        row = _measured(row, scene.project, branch)
        rows.append(replace(row, says=sentence(row, branch, now)))
    return StatusResult(now, branch, tuple(rows), None)


def _published(scene: Scene, own: str, patience: float) -> dict[str, PublishedResult]:
    with Web(Patience(patience, tries=_TRIES), scene.who.authority) as web:
        return charts.newest(web, scene.site, scene.who.charts, scene.commits, own)


def _version(scene: Scene, commit: str) -> str:
    """Return the stable version of *commit*, with the X.Y of its own site.toml; "" where it is not known."""
    number = commits.number(scene.project, commit) if commit else 0
    text = commits.text(scene.project, commit, FILE) if number else None
    try:
        return f"{parse(text).chart.version}.{number}" if text is not None else ""
    except SourceError:
        return ""


def _ranked(chart: PublishedResult, own: str, commit: str, project: Path) -> PublishedResult:
    """Note in *chart* that it outranks the version *own* of *commit*, where it is newer and lacks the commit.

    Where this clone does not have the commit of the chart, nobody knows.
    """
    form = chart.own or own
    if not (newer(chart.version, form) and chart.commit and commits.known(project, chart.commit)):
        return chart
    return chart if git.contains(project, chart.commit, commit) else replace(chart, outranks=form)


def _environment(
    one: Environment, answers: tuple[AnswerResult, ...], published: PublishedResult, flux: Rollout
) -> EnvironmentResult:
    seen = door.agreed(answers)
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
    found = git.apart(project, row.commit, branch.commit) if row.live and branch.commit else None
    return replace(row, behind=found[0], ahead=found[1]) if found else row


def _branch(scene: Scene) -> BranchResult:
    found = git.branch(scene.project, scene.default)
    if found is None:
        return BranchResult("", "", "", "no Git here")
    if found.shallow:
        return BranchResult(found.name, found.commit, "", "this clone is shallow (git fetch --unshallow)")
    return BranchResult(found.name, found.commit, f"{scene.site.chart.version}.{found.number}", "")


def named(site: SiteConfig, names: list[str]) -> SiteConfig:
    """Return *site* with the environments *names* alone, all of them where none is named."""
    known = [one.name for one in site.environments]
    for name in names:
        if name not in known:
            raise PipelineError(f"site.toml: has no environment {name!r}; known: {', '.join(known)}")
    return replace(
        site, environments=tuple(one for one in site.environments if one.name in names or not names)
    )
