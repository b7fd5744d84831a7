"""Roll back with a new commit: it has the old content, and its chart has the old digests.

Reads the archive, or the chart repository where there is no archive. Writes a
commit; publishing writes what it always does. Network: Git's remote, registry,
archive, chart repository.

Git stays the source of truth: the newest commit describes what is live. The
pipeline of that commit reuses the images of the release, so an old tree is not
built with today's tools.
"""

from __future__ import annotations

from pipelines.charts import rollback_scope
from pipelines.charts.build import build_chart
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError, UsageError
from pipelines.core.results import PublishResult, Release
from pipelines.core.version import is_release
from pipelines.flow.archive import fetch_release
from pipelines.flow.promote import promote_local
from pipelines.flow.publish import publish_releases
from pipelines.flow.versioning import Pipeline, determine_version
from pipelines.tools import checkout, commits, git


def roll_back(context: FlowContext, version: str, default: str = "") -> tuple[str, Release]:
    """Commit and push the rollback to the release *version*; return the commit and the release.

    *default* is the name of the default branch, "" if unknown. Raises PipelineError
    for a release whose images or archive are gone, and for a dirty tree; then
    neither the clone nor the remote has changed.
    """
    if not is_release(version):
        raise UsageError(f"rollback {version!r}: is not a release; write it as 1.0.409")
    project = context.project
    if checkout.is_dirty(checkout.read_checkout(project, default)):
        raise PipelineError("the tree has changes that are not committed; commit them, or `git stash`")
    release = fetch_release(context, version)
    message = (
        f"Go back to {version}\n\n"
        f"{', '.join(rollback_scope.PATHS)} and the tables {', '.join(rollback_scope.TABLES)} of\n"
        f"{rollback_scope.FILE} are those of commit {release.commit[:12]}; the images are those of\n"
        f"that release.\n\n"
        f"{checkout.ROLLBACK}: {version}"
    )
    if not commits.commit_exists(project, release.commit):
        raise PipelineError(f"commit {release.commit[:12]} is not in this clone; {rollback_scope.MISSING}")
    old, now = (
        commits.file_at_commit(project, commit, rollback_scope.FILE) or ""
        for commit in (release.commit, "HEAD")
    )
    text = rollback_scope.restored_site_toml(now, old)
    files = {rollback_scope.FILE: text} if text != now else {}
    return git.commit_rollback(
        project, rollback_scope.PATHS, files, release.commit, message, default
    ), release


def publish_rollback(context: FlowContext) -> list[PublishResult]:
    """Publish the rollback commit from this machine; its pipeline then finds everything published.

    Without staging, and with automatic promotion, the stable version too.
    """
    project, site = context.project, context.site
    determine_version(project, site, Pipeline())
    build_chart(project, site)
    outs = [project / "out"]
    if promotes_immediately(site):
        outs.append(promote_local(project))
    return publish_releases(context, outs)


def promotes_immediately(site: SiteConfig) -> bool:
    """Return whether a candidate is promoted at once: automatically, and without staging before it."""
    staging = any(one.name == "staging" for one in site.environments)
    return site.chart.promotion == "automatic" and not staging
