"""Go back by going forward: a commit with the old content, whose chart carries the old digests.

Reads the archive, or the chart repository where there is no archive. Writes a
commit, and with *now* what publishing writes. Network: Git's remote, registry,
archive, chart repository.

Git stays true: what is live is what its newest commit says. The pipeline of that
commit takes the images of the release again, so nothing of an old tree has to be
built by tools of today.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines import checkout, restored
from pipelines.access import Access
from pipelines.chart.pack import pack
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError, UsageError
from pipelines.flow.archive import fetch_release
from pipelines.flow.promote import promoted
from pipelines.flow.publish import publish
from pipelines.flow.services import Progress, Say, Times
from pipelines.results import PublishResult, Release
from pipelines.tools import commits, git
from pipelines.version import RELEASE, Pipeline, version


def rollback(
    project: Path, site: SiteConfig, who: Access, wanted: str, times: Times, say: Say, default: str = ""
) -> tuple[str, Release]:
    """Commit, and push, that the site goes back to the release *wanted*; return commit and release.

    *default* is the name of the default branch, "" unknown. Raises PipelineError
    for a release whose images or archive are gone and for a tree with changes:
    then nothing has changed, here or elsewhere.
    """
    if not RELEASE.fullmatch(wanted):
        raise UsageError(f"rollback {wanted!r}: is not a release; write it as 1.0.409")
    if checkout.dirty(checkout.read(project, default)):
        raise PipelineError("the tree has changes that are not committed; commit them, or `git stash`")
    release = fetch_release(project, site, who, wanted, times, say)
    message = (
        f"Go back to {wanted}\n\n"
        f"{', '.join(restored.PATHS)} and the tables {', '.join(restored.TABLES)} of\n"
        f"{restored.FILE} are those of commit {release.commit[:12]}; the images are those of\n"
        f"that release.\n\n"
        f"{checkout.ROLLBACK}: {wanted}"
    )
    if not commits.known(project, release.commit):
        raise PipelineError(f"commit {release.commit[:12]} is not in this clone; {restored.MISSING}")
    old, now = (commits.text(project, commit, restored.FILE) or "" for commit in (release.commit, "HEAD"))
    text = restored.site_toml(now, old)
    files = {restored.FILE: text} if text != now else {}
    return git.go_back(project, restored.PATHS, files, release.commit, message, default), release


def publish_now(
    project: Path,
    site: SiteConfig,
    who: Access,
    times: Times,
    *,
    say: Say,
    progress: Progress,
    clock: Callable[[], float],
) -> list[PublishResult]:
    """Publish the commit that went back from here, as its pipeline will: that one finds it done.

    Where there is no staging, and promotion is automatic, the stable version too.
    """
    version(project, site, Pipeline())
    pack(project, site)
    outs = [project / "out"]
    if promotes_at_once(site):
        outs.append(promoted(project))
    return publish(project, outs, site, who, times, say=say, progress=progress, clock=clock)


def promotes_at_once(site: SiteConfig) -> bool:
    """Return whether a candidate waits for nobody: there is no staging that would try it first."""
    staging = any(one.name == "staging" for one in site.environments)
    return site.chart.promotion == "automatic" and not staging
