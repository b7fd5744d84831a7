"""Never publish a version below the newest published one of its kind.

Reads the repository. Network: the chart repository, and Git's remote for a
commit that this clone does not have.

Flux takes the highest version of its range: a lower one would be published and
never go live.
"""

from __future__ import annotations

from pathlib import Path

from semver import Version

from pipelines.charts import newest as charts
from pipelines.core.errors import PipelineError
from pipelines.core.results import VersionResult
from pipelines.tools import commits, git


def superseding_version(project: Path, version: VersionResult, there: charts.ChartReader) -> str:
    """Return the newer version in *there* that contains the commit of *version*; "" where none is newer.

    Candidates are compared with candidates, stable versions with stable ones. A
    version that is published already is not below itself: nothing is sent twice.
    Raises PipelineError for a newer version that lacks the commit.
    """
    versions = published_versions(there)
    newest = newest_of(version.kind, versions)
    if newest is None or newest <= Version.parse(version.version) or version.version in versions:
        return ""
    commit = charts.commit_of_chart(there.fetch(str(newest)))
    if commit and not commits.commit_exists(project, commit):
        commits.fetch_commits(project)
    if commit and git.contains_commit(project, commit, version.commit):
        return str(newest)
    whose = f"commit {commit[:12]}" if commit else "not packed by this pipeline"
    raise PipelineError(
        f"version {version.version}: {newest} ({whose}) is published, is newer, and does not contain commit"
        f" {version.commit[:12]}; run `git pull --rebase` and push again, or raise version under [chart]"
        " in site.toml"
    )


def published_versions(there: charts.ChartReader) -> list[str]:
    """Return the versions in *there*; none before the first chart."""
    try:
        return there.versions()
    except charts.NoIndexError:
        return []


def is_release(version: str) -> bool:
    """Return whether *version* is of a release: a candidate, or a stable version."""
    return Version.is_valid(version) and Version.parse(version).prerelease in (None, "rc")


def newest_of(kind: str, versions: list[str]) -> Version | None:
    """Return the highest of *versions* that is of *kind*, "candidate" or "stable"; None for none."""
    known = (Version.parse(text) for text in versions if Version.is_valid(text))
    prerelease = "rc" if kind == "candidate" else None
    return max((one for one in known if one.prerelease == prerelease), default=None)
