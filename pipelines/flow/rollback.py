"""Go back by going forward: a commit with the old content, whose chart carries the old digests.

Reads the archive, or the chart repository where there is no archive. Writes a
commit, and with *now* what publishing writes. Network: Git's remote, registry,
archive, chart repository.

Git stays true: what is live is what its newest commit says. The pipeline of that
commit takes the images of the release again, so nothing of an old tree has to be
built by tools of today.
"""

from __future__ import annotations

from pipelines.charts import rollback_scope
from pipelines.charts.build import build_chart
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError, UsageError
from pipelines.core.results import PublishResult, Release
from pipelines.flow.archive import fetch_release
from pipelines.flow.promote import promoted_here
from pipelines.flow.publish import publish_releases
from pipelines.flow.versioning import RELEASE, Pipeline, determine_version
from pipelines.tools import checkout, commits, git


def roll_back(context: FlowContext, wanted: str, default: str = "") -> tuple[str, Release]:
    """Commit, and push, that the site goes back to the release *wanted*; return commit and release.

    *default* is the name of the default branch, "" unknown. Raises PipelineError
    for a release whose images or archive are gone and for a tree with changes:
    then nothing has changed, here or elsewhere.
    """
    if not RELEASE.fullmatch(wanted):
        raise UsageError(f"rollback {wanted!r}: is not a release; write it as 1.0.409")
    project = context.project
    if checkout.is_dirty(checkout.read_checkout(project, default)):
        raise PipelineError("the tree has changes that are not committed; commit them, or `git stash`")
    release = fetch_release(context, wanted)
    message = (
        f"Go back to {wanted}\n\n"
        f"{', '.join(rollback_scope.PATHS)} and the tables {', '.join(rollback_scope.TABLES)} of\n"
        f"{rollback_scope.FILE} are those of commit {release.commit[:12]}; the images are those of\n"
        f"that release.\n\n"
        f"{checkout.ROLLBACK}: {wanted}"
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
    """Publish the commit that went back from here, as its pipeline will: that one finds it done.

    Where there is no staging, and promotion is automatic, the stable version too.
    """
    project, site = context.project, context.site
    determine_version(project, site, Pipeline())
    build_chart(project, site)
    outs = [project / "out"]
    if promotes_at_once(site):
        outs.append(promoted_here(project))
    return publish_releases(context, outs)


def promotes_at_once(site: SiteConfig) -> bool:
    """Return whether a candidate waits for nobody: there is no staging that would try it first."""
    staging = any(one.name == "staging" for one in site.environments)
    return site.chart.promotion == "automatic" and not staging
