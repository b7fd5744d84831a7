"""Refuse to publish a version below the newest published one of its kind.

Reads the repository. Network: the chart repository, and Git's remote for a
commit that this clone does not have.

Flux takes the highest version of its range: a lower one would never go live.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.charts.package import commit_of_chart
from pipelines.charts.repository import ChartRepository, NoIndexError
from pipelines.core.errors import PipelineError
from pipelines.core.results import VersionResult
from pipelines.core.version import CANDIDATE, is_newer, parse
from pipelines.tools import commits, git


def superseding_version(project: Path, version: VersionResult, charts: ChartRepository) -> str:
    """Return the newest version in *charts* if it is above *version* and contains its commit, else "".

    Candidates are compared with candidates, stable versions with stable ones. A
    version that is published already is not superseded: nothing is sent twice.
    Raises PipelineError for a newer version that lacks the commit.
    """
    versions = published_versions(charts)
    newest = newest_of_kind(version.kind, versions)
    if not is_newer(newest, version.version) or version.version in versions:
        return ""
    commit = commit_of_chart(charts.fetch(newest))
    if commit and not commits.commit_exists(project, commit):
        commits.fetch_commits(project)
    if commit and git.contains_commit(project, commit, version.commit):
        return newest
    origin = f"commit {commit[:12]}" if commit else "not packed by this pipeline"
    raise PipelineError(
        f"version {version.version}: {newest} ({origin}) is published, is newer, and does not contain commit"
        f" {version.commit[:12]}; run `git pull --rebase` and push again, or raise version under [chart]"
        " in site.toml"
    )


def published_versions(charts: ChartRepository) -> list[str]:
    """Return the versions in *charts*; none before the first chart."""
    try:
        return charts.versions()
    except NoIndexError:
        return []


def newest_of_kind(kind: str, versions: list[str]) -> str:
    """Return the highest of *versions* that is of *kind*, "candidate" or "stable"; "" for none."""
    prerelease = CANDIDATE if kind == "candidate" else None
    parsed = (version for text in versions if (version := parse(text)))
    return str(max((one for one in parsed if one.prerelease == prerelease), default=""))
