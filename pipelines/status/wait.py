"""Wait until a commit is live, or until it is known that it will not be.

Reads the repository. Network: through the look that it is given. No writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import chain, repeat
from pathlib import Path

from pipelines.core.errors import PipelineError
from pipelines.core.results import EnvironmentResult, StatusResult, WaitResult
from pipelines.status import phrasing
from pipelines.tools import git

_PAUSES = (1.0, 1.0, 2.0, 3.0, 5.0)  # seconds between two looks; the last one stays
_LEAST = 2.0  # seconds that the last look may take

TakeSnapshot = Callable[[float], StatusResult]  # is told how long it may take, in seconds
ShowProgress = Callable[[str, float], None]  # how it stands, in a line, and the seconds since the beginning


def wait_until_live(
    project: Path,
    commit: str,
    look: TakeSnapshot,
    *,
    timeout: float,
    probe_timeout: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    tell: ShowProgress,
) -> StatusResult:
    """Look until *commit* is live in every environment, and return the last look with how it ended.

    *commit* is 7 to 40 hex digits. A commit that was made on top of it counts as
    well. Where Flux can be asked, it must be done with what is live: until its
    tests have passed, it may bring the old release back. Ends after *timeout*
    seconds, or as soon as the commit cannot go live: Flux has given up the chart
    that carries it, or a newer chart that lacks it is published.
    Raises PipelineError for an abbreviation that nothing answers to.
    """
    whole = git.resolve_commit(project, commit) or commit

    @cache
    def carries(other: str) -> bool:
        return bool(other) and (other.startswith(whole) or git.contains_commit(project, other, whole))

    start, spent = clock(), 0.0
    for number, length in enumerate(chain(_PAUSES, repeat(_PAUSES[-1]))):
        seen = look(max(_LEAST, min(probe_timeout, timeout - spent)))
        spent = clock() - start
        if number == 0:
            _refuse_unknown(seen, whole)
        tell(progress_line(seen), spent)
        missing = [one for one in seen.environments if not (_stands(one) and carries(one.commit))]
        why = _final(missing, carries)
        if not missing or why or spent >= timeout:
            fault = _fault(whole, missing, why or f"not after {spent:.0f} s", carries) if missing else ""
            return replace(seen, wait=WaitResult(whole, not missing, round(spent, 1), fault))
        pause(min(length, timeout - spent))
        spent = clock() - start
    raise AssertionError


def progress_line(seen: StatusResult) -> str:
    """Return how it stands, in words that change only when something has changed."""
    rows = []
    for one in seen.environments:
        chart = one.published
        said = phrasing.describe_rollout(one.rollout)
        published = f"chart {chart.version}" if chart.version else f"no chart ({chart.fault or 'yet'})"
        rows.append(
            f"{one.name}: "
            + "; ".join(part for part in (phrasing.describe_front_door(one), published, said) if part)
        )
    return " | ".join(rows)


def _refuse_unknown(seen: StatusResult, commit: str) -> None:
    if len(commit) == 40 or not seen.branch.commit:
        return
    known = {answer.commit for one in seen.environments for answer in one.answers}
    known |= {one.published.commit for one in seen.environments}
    if not any(one.startswith(commit) for one in known):
        raise PipelineError(
            f"commit {commit}: this clone has no such commit, or several, and none is live or published;"
            " run `git fetch`, or write all 40 digits"
        )


def _stands(one: EnvironmentResult) -> bool:
    """Return whether what is live stays, as far as can be known."""
    flux = one.rollout
    return one.live and bool(flux.fault or flux.ready or flux.attempted != one.version)


def _given_up(one: EnvironmentResult, carries: Callable[[str], bool]) -> bool:
    flux, chart = one.rollout, one.published
    return flux.failed and flux.attempted == chart.version and carries(chart.commit)


def _final(missing: list[EnvironmentResult], carries: Callable[[str], bool]) -> str:
    """Return why the commit will not go live in one of *missing*, however long one waits; "" where it may."""
    for one in missing:
        chart = one.published
        if _given_up(one, carries):
            return "Flux has given it up"
        if chart.outranks:
            return f"{'published' if chart.own else 'not published'}, but {chart.version} is newer"
    return ""


def _fault(commit: str, missing: list[EnvironmentResult], why: str, carries: Callable[[str], bool]) -> str:
    names = " and ".join(one.name for one in missing)
    rows = [f"commit {commit[: phrasing.SHORT]} is not live in {names}: {why}"]
    for one in missing:
        published = carries(one.published.commit)
        rows.append(f"  {one.name}, {one.url}")
        rows.append(f"    front door   {phrasing.describe_responses(one.answers)}")
        rows.append(f"    chart        {_chart(one, published)}")
        rows.append(f"    HelmRelease  {_release(one)}")
        rows.append(f"    next         {_next(one, published)}")
    return "\n".join(rows)


def _chart(one: EnvironmentResult, published: bool) -> str:
    chart = one.published
    if not chart.place:
        return "site.toml names no chart repository"
    where = f" ({chart.place})"
    if not chart.version:
        return (chart.fault or "none that this environment takes") + where
    if published:
        return f"{chart.version} carries it{where}"
    if chart.outranks and chart.own:
        return f"{chart.own} carries it, but {chart.version} is newer and lacks it{where}"
    what = (
        f"of commit {chart.commit[: phrasing.SHORT]}"
        if chart.commit
        else chart.fault or "of an unknown commit"
    )
    return f"not published: the newest is {chart.version}, {what}{where}"


def _release(one: EnvironmentResult) -> str:
    flux = one.rollout
    if flux.fault:
        return f"not asked: {flux.fault}"
    return f"{flux.attempted or 'nothing'} was tried last; {flux.says or 'it is ready'}"


def _next(one: EnvironmentResult, published: bool) -> str:
    if all(answer.fault for answer in one.answers):
        return "mend the front door: no connection was told a version"
    if one.published.outranks:
        return "make a commit on top of both: `git pull --rebase`, and push; or raise version in site.toml"
    if not published:
        if one.published.fault:
            return "mend the access to the chart repository"
        if one.name == "production":
            return "look at the jobs that publish and promote it"
        return "look at the job that publishes it"
    if one.rollout.fault:
        return "ask the cluster, with its kubeconfig: kubectl describe helmrelease site -n site"
    if one.rollout.failed or one.rollout.says:
        return "kubectl describe helmrelease site -n site"
    if one.rollout.attempted != one.published.version:
        return "Flux does not know the chart yet: kubectl get helmcharts,ocirepositories -A"
    return "kubectl get pods -n site: an old one still answers"
