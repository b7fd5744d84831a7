"""Determine the version of a commit from site.toml, Git and the GitLab pipeline.

Reads the repository. Writes out/version.json. No network.

Three kinds, which Helm's ranges can separate: the default branch makes candidates
X.Y.N-rc, a tag vX.Y.N makes that stable version, and everything else is a preview
below 0.0.1, outside of every range. N counts all commits reachable from HEAD: a
descendant always has a higher number, across merges too, and equal on every machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.core import results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.results import VersionResult
from pipelines.core.trailers import AS_OF
from pipelines.core.version import candidate_form, is_newer, is_release, stable_form
from pipelines.flow.scheduled_time import scheduled_time
from pipelines.tools import checkout
from pipelines.tools.git import Head


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The GitLab pipeline that runs this; "" outside of GitLab."""

    merge_request: str = ""  # CI_MERGE_REQUEST_IID
    number: str = ""  # CI_PIPELINE_IID
    branch: str = ""  # CI_COMMIT_BRANCH
    default: str = ""  # CI_DEFAULT_BRANCH
    tag: str = ""  # CI_COMMIT_TAG


def determine_version(project: Path, site: SiteConfig, pipeline: Pipeline) -> VersionResult:
    """Write the version of the checkout at *project* to out/version.json, and return it.

    Raises PipelineError without Git, in a shallow clone, for a tag that is not the
    version of its commit, for a trailer Rollback-To that does not name an older
    release, and for a trailer As-Of that is not a time.
    """
    head = checkout.read_checkout(project, pipeline.default)
    if head.shallow:
        raise PipelineError(
            "this clone is shallow, and a version counts all commits;"
            " run `git fetch --unshallow`, or set GIT_DEPTH to 0 in the pipeline"
        )
    stable = f"{site.chart.version}.{head.number}"
    name, kind = _name_and_kind(stable, head, pipeline)
    rollback = _rollback_target(head.trailers[checkout.ROLLBACK], stable)
    result = VersionResult(
        version=name,
        kind=kind,
        commit=head.commit,
        time=head.time,
        dirty=checkout.is_dirty(head),
        rollback="" if kind == "preview" else rollback,  # a preview builds the tree of the rollback
        as_of=scheduled_time(head.trailers[AS_OF]),
    )
    if result.rollback and result.as_of:
        raise PipelineError(
            f"HEAD: has the trailers {checkout.ROLLBACK} and {AS_OF}, and a rollback builds nothing;"
            " remove one"
        )
    results.write(project / "out" / "version.json", result)
    return result


def _name_and_kind(stable: str, head: Head, pipeline: Pipeline) -> tuple[str, str]:
    if pipeline.merge_request:
        numbers = (pipeline.merge_request, pipeline.number)
        if not all(re.fullmatch(r"[1-9]\d{0,8}", number) for number in numbers):
            raise PipelineError(
                f"merge request {numbers[0]!r}, pipeline {numbers[1]!r}: not two numbers;"
                " give CI_MERGE_REQUEST_IID and CI_PIPELINE_IID as GitLab does"
            )
        return f"0.0.0-mr.{numbers[0]}.{numbers[1]}", "preview"
    if pipeline.tag:
        if pipeline.tag != f"v{stable}":
            raise PipelineError(
                f"tag {pipeline.tag} is at the commit of {stable}; remove it, and tag the commit"
                f" whose number it names (v{stable} is the tag of this one)"
            )
        return stable, "stable"
    if head.mainline or (pipeline.branch and pipeline.branch == pipeline.default):
        return candidate_form(stable), "candidate"
    return f"0.0.0-branch.{head.number}.g{head.commit[:8]}", "preview"


def _rollback_target(trailers: tuple[str, ...], stable: str) -> str:
    """Return the release that the trailer of HEAD names, or ""; it must be older than *stable*."""
    if not trailers:
        return ""
    if len(trailers) > 1:
        raise PipelineError(f"HEAD: has {len(trailers)} trailers {checkout.ROLLBACK}; keep one")
    (version,) = trailers
    if not is_release(version):
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {version!r} is not a release; write it as 1.0.411, or 1.0.411-rc"
        )
    if not is_newer(stable, stable_form(version)):
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {version} is not older than this commit's {stable};"
            " name an older release"
        )
    return version
