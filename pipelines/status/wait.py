"""Wait until a commit is live, or cannot go live.

Reads the repository. Network: through the snapshot function that it is given. No writes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import chain, repeat
from pathlib import Path

from msgspec.structs import replace

from pipelines.core.errors import PipelineError
from pipelines.core.results import EnvironmentResult, StatusResult, WaitResult
from pipelines.status import describe
from pipelines.tools import git

_PAUSES = (1.0, 1.0, 2.0, 3.0, 5.0)  # seconds between two snapshots; the last one repeats
_MIN_TIMEOUT = 2.0  # seconds for the last snapshot
# A commit is live when so many snapshots in a row say so, a second apart. While one old pod of three is left,
# the ten connections of one snapshot miss it in 17 of a thousand, those of three in 5 of a million.
_CONFIRMATIONS = 3
_CONFIRM_PAUSE = 1.0  # seconds

TakeSnapshot = Callable[[float], StatusResult]  # takes a timeout in seconds
ShowProgress = Callable[[str, float], None]  # takes the state in one line, and the seconds since the start


def wait_until_live(
    project: Path,
    commit: str,
    take_snapshot: TakeSnapshot,
    *,
    timeout: float,
    probe_timeout: float,
    clock: Callable[[], float],
    pause: Callable[[float], None],
    show_progress: ShowProgress,
) -> StatusResult:
    """Wait until *commit*, or one on top of it, is live in every environment; return the last snapshot.

    *commit* is 7 to 40 hex digits. Where the HelmRelease is readable, Flux must
    have finished with what is live: until its tests pass, it may roll back. Live is
    said once, when three snapshots in a row agree. Ends after *timeout* seconds, plus
    those for the rest of the three, or as soon as the commit cannot go live: Flux has
    given up its chart, or a newer chart that lacks it is published. Raises
    PipelineError for an abbreviation that matches no commit.
    """
    full_id = git.resolve_commit(project, commit) or commit

    @cache
    def contains(other: str) -> bool:
        return bool(other) and (other.startswith(full_id) or git.contains_commit(project, other, full_id))

    start, elapsed, confirmed = clock(), 0.0, 0
    for number, length in enumerate(chain(_PAUSES, repeat(_PAUSES[-1]))):
        snapshot = take_snapshot(max(_MIN_TIMEOUT, min(probe_timeout, timeout - elapsed)))
        elapsed = clock() - start
        if number == 0:
            _refuse_unknown(snapshot, full_id)
        missing = [one for one in snapshot.environments if not (_is_stable(one) and contains(one.commit))]
        confirmed = 0 if missing else confirmed + 1
        show_progress(progress_line(snapshot, live=confirmed == _CONFIRMATIONS), elapsed)
        if confirmed == _CONFIRMATIONS:
            return replace(snapshot, wait=WaitResult(full_id, True, round(elapsed, 1), ""))
        reason = _permanent_reason(missing, contains)
        if missing and (reason or elapsed >= timeout):
            fault = _report(full_id, missing, reason or f"not after {elapsed:.0f} s", contains)
            return replace(snapshot, wait=WaitResult(full_id, False, round(elapsed, 1), fault))
        pause(min(length, timeout - elapsed) if missing else _CONFIRM_PAUSE)
        elapsed = clock() - start
    raise AssertionError


def progress_line(snapshot: StatusResult, *, live: bool) -> str:
    """Return the state of all environments in a line that changes only with the state.

    Only where the commit is *live* it says so: before, it counts connections.
    """
    rows = []
    for one in snapshot.environments:
        chart = one.published
        published = f"chart {chart.version}" if chart.version else f"no chart ({chart.fault or 'yet'})"
        front = describe.describe_front_door(one) if live else describe.describe_responses(one.answers)
        parts = (front, published, describe.describe_rollout(one.rollout))
        rows.append(f"{one.name}: " + "; ".join(part for part in parts if part))
    return " | ".join(rows)


def _refuse_unknown(snapshot: StatusResult, commit: str) -> None:
    if len(commit) == 40 or not snapshot.branch.commit:
        return
    known = {answer.commit for one in snapshot.environments for answer in one.answers}
    known |= {one.published.commit for one in snapshot.environments}
    if not any(one.startswith(commit) for one in known):
        raise PipelineError(
            f"commit {commit}: unknown or ambiguous in this clone, and not live or published;"
            " run `git fetch`, or write all 40 digits"
        )


def _is_stable(one: EnvironmentResult) -> bool:
    """Return whether Flux will not roll back what is live, as far as is known."""
    flux = one.rollout
    return one.live and bool(flux.fault or flux.ready or flux.attempted != one.version)


def _has_failed(one: EnvironmentResult, contains: Callable[[str], bool]) -> bool:
    """Return whether Flux has given up the chart with the commit."""
    flux, chart = one.rollout, one.published
    return flux.failed and flux.attempted == chart.version and contains(chart.commit)


def _permanent_reason(missing: list[EnvironmentResult], contains: Callable[[str], bool]) -> str:
    """Return why the commit can never go live in one of *missing*; "" where it still can."""
    for one in missing:
        chart = one.published
        if _has_failed(one, contains):
            return "Flux has given it up"
        if chart.outranks:
            return f"{'published' if chart.own else 'not published'}, but {chart.version} is newer"
    return ""


def _report(
    commit: str, missing: list[EnvironmentResult], reason: str, contains: Callable[[str], bool]
) -> str:
    names = " and ".join(one.name for one in missing)
    rows = [f"commit {commit[: describe.SHORT]} is not live in {names}: {reason}"]
    for one in missing:
        published = contains(one.published.commit)
        rows.append(f"  {one.name}, {one.url}")
        rows.append(f"    front door   {describe.describe_responses(one.answers)}")
        rows.append(f"    chart        {_chart_line(one, published)}")
        rows.append(f"    HelmRelease  {_release_line(one)}")
        rows.append(f"    next         {_hint(one, published)}")
    return "\n".join(rows)


def _chart_line(one: EnvironmentResult, published: bool) -> str:
    chart = one.published
    if not chart.place:
        return "site.toml names no chart repository"
    location = f" ({chart.place})"
    if not chart.version:
        return (chart.fault or "none in the range of this environment") + location
    if published:
        return f"{chart.version} contains it{location}"
    if chart.outranks and chart.own:
        return f"{chart.own} contains it, but {chart.version} is newer and lacks it{location}"
    what = (
        f"of commit {chart.commit[: describe.SHORT]}"
        if chart.commit
        else chart.fault or "of an unknown commit"
    )
    return f"not published: the newest is {chart.version}, {what}{location}"


def _release_line(one: EnvironmentResult) -> str:
    flux = one.rollout
    if flux.fault:
        return f"unknown: {flux.fault}"
    return f"last attempt: {flux.attempted or 'none'}; {flux.says or 'ready'}"


def _hint(one: EnvironmentResult, published: bool) -> str:
    """Return what to do next."""
    if all(answer.fault for answer in one.answers):
        return "fix the front door: no connection got a version"
    if one.published.outranks:
        return "make a commit on top of both: `git pull --rebase`, and push; or raise version in site.toml"
    if not published:
        if one.published.fault:
            return "fix the access to the chart repository"
        if one.name == "production":
            return "check the jobs that publish and promote it"
        return "check the job that publishes it"
    if one.rollout.fault:
        return "with a kubeconfig of the cluster: kubectl describe helmrelease site -n site"
    if one.rollout.failed or one.rollout.says:
        return "kubectl describe helmrelease site -n site"
    if one.rollout.attempted != one.published.version:
        return "Flux has not fetched the chart yet: kubectl get helmcharts,ocirepositories -A"
    return "kubectl get pods -n site: an old one still responds"
