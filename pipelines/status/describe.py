"""Describe in one line what is live, and how far it is from what is published and from Git.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.results import (
    BranchResult,
    EnvironmentResult,
    PublishedResult,
    ResponseResult,
    RolloutResult,
)
from pipelines.core.version import is_newer
from pipelines.status.rollout import NO_KUBECONFIG, OTHER_CLUSTER

SHORT = 7  # digits of a commit that are shown


def describe_environment(environment: EnvironmentResult, branch: BranchResult, now: int) -> str:
    """Return the whole state of *environment*; *now* is in seconds since 1970."""
    published, rollout = _describe_chart(environment), describe_rollout(environment.rollout)
    if rollout and is_pending(environment):
        published, rollout = f"{published}: {rollout}", ""
    parts = [
        describe_front_door(environment, now),
        published,
        describe_outranked(environment.published, branch.name),
        rollout,
        _describe_distance(environment, branch),
    ]
    return "; ".join(part for part in parts if part)


def is_pending(one: EnvironmentResult) -> bool:
    """Return whether a published chart is not live for all readers yet."""
    if not one.live:
        return bool(one.published.version)
    return is_newer(one.published.version, one.version)


def describe_front_door(one: EnvironmentResult, now: int = 0) -> str:
    """Return which commit is live; with *now*, since when."""
    if not one.live:
        return describe_responses(one.answers)
    text = f"commit {one.commit[:SHORT]} is live"
    if one.rollout.returned and one.rollout.deployed == one.version:
        return f"{text} (rolled back: {one.rollout.attempted} has failed)"
    since = one.rollout.since if one.rollout.deployed == one.version else 0
    return f"{text} since {_format_age(now - since)}" if now and since else text


def describe_responses(answers: Sequence[ResponseResult]) -> str:
    """Return how many connections got which version."""
    total = sum(one.count for one in answers)
    rows = []
    for number, one in enumerate(answers):
        of = f" of {total}" if number == 0 else ""
        rows.append(
            f"{one.count}{of} {'connections ' if number == 0 else ''}{_describe_response(one, answers)}"
        )
    return ", ".join(rows)


def _describe_response(one: ResponseResult, answers: Sequence[ResponseResult]) -> str:
    if one.fault:
        return f"failed: {one.fault}"
    same_version = [other for other in answers if other.version == one.version and other is not one]
    site = f", site {one.site[:12]}" if same_version else ""
    return f"got {one.version} (commit {one.commit[:SHORT]}{site})"


def _describe_chart(one: EnvironmentResult) -> str:
    chart = one.published
    if not chart.place:
        return "site.toml names no chart repository"
    if chart.fault and not chart.version:
        return f"the chart repository {chart.fault}"
    if not chart.version:
        return "no chart in its range is published"
    fault = f" (the chart repository {chart.fault})" if chart.fault else ""
    if is_pending(one):
        return f"{chart.version} is published{_describe_reach(one)}{fault}"
    if is_newer(one.version, chart.version):
        return f"the chart repository has nothing newer than {chart.version}{fault}"
    if chart.commit and chart.commit != one.commit:
        return f"chart {chart.version} is of another commit, {chart.commit[:SHORT]}"
    return fault.strip(" ()")


def describe_outranked(chart: PublishedResult, branch: str) -> str:
    """Return that the version of *branch* never goes live, since another one is newer; "" otherwise."""
    if not chart.outranks:
        return ""
    published = "published" if chart.own else "not published"
    return f"{chart.outranks} of {branch} is {published}, but {chart.version} is newer"


def _describe_reach(one: EnvironmentResult) -> str:
    """Return how far the newest chart is rolled out; "" where every connection failed."""
    versions = {answer.version for answer in one.answers if not answer.fault}
    if not versions:
        return ""
    return ", rolled out in part" if one.published.version in versions else ", not rolled out"


def describe_rollout(rollout: RolloutResult) -> str:
    """Return the message of the HelmRelease; "" for a ready one, and without its cluster's kubeconfig."""
    if rollout.fault.startswith((NO_KUBECONFIG, OTHER_CLUSTER)):
        return ""
    if rollout.fault:
        return f"the HelmRelease is unknown ({rollout.fault})"
    return f"HelmRelease: {rollout.says}" if rollout.says else ""


def _describe_distance(one: EnvironmentResult, branch: BranchResult) -> str:
    if not one.live or not branch.commit:
        return ""
    if one.behind < 0:
        return "this clone does not have its commit (git fetch)"
    parts = [f"{_commits(one.behind)} behind {branch.name}"] if one.behind else []
    if one.ahead:
        parts.append(f"{_commits(one.ahead)} that {branch.name} here does not have (git fetch)")
    return " and ".join(parts) or f"as {branch.name} is"


def format_chart(chart: PublishedResult) -> str:
    """Return version and commit of *chart* for a table cell."""
    return f"{chart.version} {chart.commit[:SHORT]}".strip() or ("?" if chart.fault else "none")


def _commits(count: int) -> str:
    return f"{count} commit{'s' if count != 1 else ''}"


def _format_age(seconds: int) -> str:
    """Return *seconds* in the largest unit; "0 s" below zero, for a clock that runs behind."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
