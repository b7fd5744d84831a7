"""Put into words what is live, and how far it is from what is published and from Git.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Sequence

from semver import Version

from pipelines.core.results import (
    BranchResult,
    EnvironmentResult,
    PublishedResult,
    ResponseResult,
    RolloutResult,
)
from pipelines.status.rollout import NO_KUBECONFIG, OTHER

SHORT = 7  # digits of a commit that are shown


def describe(one: EnvironmentResult, branch: BranchResult, now: int) -> str:
    """Return everything about *one*; *now* is in seconds since 1970."""
    published, said = _published(one), describe_rollout(one.rollout)
    if said and describe_pending(one):
        published, said = f"{published}: {said}", ""
    parts = [
        describe_front_door(one, now),
        published,
        outranked(one.published, branch.name),
        said,
        _distance(one, branch),
    ]
    return "; ".join(part for part in parts if part)


def describe_pending(one: EnvironmentResult) -> bool:
    """Return whether a chart is published that readers do not all get yet."""
    if not one.live:
        return bool(one.published.version)
    return is_newer(one.published.version, one.version)


def describe_front_door(one: EnvironmentResult, now: int = 0) -> str:
    """Return what readers get; with *now*, since when."""
    if not one.live:
        return describe_responses(one.answers)
    text = f"commit {one.commit[:SHORT]} is live"
    if one.rollout.returned and one.rollout.deployed == one.version:
        return f"{text} (rolled back: {one.rollout.attempted} has failed)"
    since = one.rollout.since if one.rollout.deployed == one.version else 0
    return f"{text} since {_age(now - since)}" if now and since else text


def describe_responses(answers: Sequence[ResponseResult]) -> str:
    """Return how many connections were told what."""
    total = sum(one.count for one in answers)
    rows = []
    for number, one in enumerate(answers):
        of = f" of {total}" if number == 0 else ""
        rows.append(f"{one.count}{of} {'connections ' if number == 0 else ''}{_told(one, answers)}")
    return ", ".join(rows)


def _told(one: ResponseResult, all_of_them: Sequence[ResponseResult]) -> str:
    if one.fault:
        return f"failed: {one.fault}"
    same = [other for other in all_of_them if other.version == one.version and other is not one]
    site = f", site {one.site[:12]}" if same else ""
    return f"got {one.version} (commit {one.commit[:SHORT]}{site})"


def _published(one: EnvironmentResult) -> str:
    chart = one.published
    if not chart.place:
        return "site.toml names no chart repository"
    if chart.fault and not chart.version:
        return f"the chart repository {chart.fault}"
    if not chart.version:
        return "no chart that it takes is published"
    lost = f" (the chart repository {chart.fault})" if chart.fault else ""
    if describe_pending(one):
        return f"{chart.version} is published{_reached(one)}{lost}"
    if is_newer(one.version, chart.version):
        return f"the chart repository has nothing newer than {chart.version}{lost}"
    if chart.commit and chart.commit != one.commit:
        return f"chart {chart.version} is of another commit, {chart.commit[:SHORT]}"
    return lost.strip(" ()")


def outranked(chart: PublishedResult, whose: str) -> str:
    """Return that the version of *whose* commit never goes live, since another one is newer; "" else."""
    if not chart.outranks:
        return ""
    published = "published" if chart.own else "not published"
    return f"{chart.outranks} of {whose} is {published}, but {chart.version} is newer"


def _reached(one: EnvironmentResult) -> str:
    """Return how far the newest chart has come; "" where the front door does not say it."""
    told = {answer.version for answer in one.answers if not answer.fault}
    if not told:
        return ""
    return ", rolled out in part" if one.published.version in told else ", not rolled out"


def describe_rollout(rollout: RolloutResult) -> str:
    """Return what the HelmRelease says, "" where all is well or nobody could ask."""
    if rollout.fault.startswith((NO_KUBECONFIG, OTHER)):
        return ""
    if rollout.fault:
        return f"Flux was not asked ({rollout.fault})"
    return f"HelmRelease says {rollout.says}" if rollout.says else ""


def _distance(one: EnvironmentResult, branch: BranchResult) -> str:
    if not one.live or not branch.commit:
        return ""
    if one.behind < 0:
        return "this clone does not have its commit (git fetch)"
    parts = [f"{_commits(one.behind)} behind {branch.name}"] if one.behind else []
    if one.ahead:
        parts.append(f"{_commits(one.ahead)} that {branch.name} here does not have (git fetch)")
    return " and ".join(parts) or f"as {branch.name} is"


def version_of(chart: PublishedResult) -> str:
    """Return the chart and its commit, as a table shows them."""
    return f"{chart.version} {chart.commit[:SHORT]}".strip() or ("?" if chart.fault else "none")


def is_newer(version: str, other: str) -> bool:
    """Return whether *version* comes after *other* in Helm's order; False where one is no version."""
    if not (Version.is_valid(version) and Version.is_valid(other)):
        return False
    return Version.parse(version) > Version.parse(other)


def _commits(count: int) -> str:
    return f"{count} commit{'s' if count != 1 else ''}"


def _age(seconds: int) -> str:
    """Return a span of time in its largest unit; a clock that runs behind gives "0 s"."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{max(seconds, 0)} s"
