"""Say what is built: a version, made of site.toml, of Git and of the pipeline that runs.

Reads the repository. Writes out/version.json. No network.

Three kinds, so that a range of Helm tells them apart: the default branch makes
candidates X.Y.N-rc, a tag vX.Y.N is that stable version, and everything else
is a preview below 0.0.1, which no range of a release takes. N counts all
commits reachable from HEAD: a descendant always has a higher number, also along
a merge, and two machines agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.core import results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.results import VersionResult
from pipelines.tools import checkout
from pipelines.tools.git import Head

_NUMBER = r"(0|[1-9]\d{0,8})"
RELEASE = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-rc)?")  # SemVer 2.0, of this pipeline's forms
TIME_FORMATS = "write 2026-11-23, 2026-11-23T18:30:00Z or seconds since 1970"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What GitLab says of the pipeline that runs this; "" where there is none."""

    merge_request: str = ""  # CI_MERGE_REQUEST_IID
    number: str = ""  # CI_PIPELINE_IID
    branch: str = ""  # CI_COMMIT_BRANCH
    default: str = ""  # CI_DEFAULT_BRANCH
    tag: str = ""  # CI_COMMIT_TAG


def determine_version(project: Path, site: SiteConfig, pipeline: Pipeline) -> VersionResult:
    """Write out/version.json of what is checked out at *project*, and return it.

    Raises PipelineError without Git, in a shallow clone, for a tag that is not
    the number of its commit, for a trailer Rollback-To that names no release
    before this one, and for a trailer As-Of that is not a time.
    """
    head = checkout.read_checkout(project, pipeline.default)
    if head.shallow:
        raise PipelineError(
            "this clone is shallow, and a version counts all commits;"
            " run `git fetch --unshallow`, or set GIT_DEPTH to 0 in the pipeline"
        )
    stable = f"{site.chart.version}.{head.number}"
    name, kind = _name(stable, head, pipeline)
    rollback = _rollback(head.trailers[checkout.ROLLBACK], stable)
    result = VersionResult(
        version=name,
        kind=kind,
        commit=head.commit,
        time=head.time,
        dirty=checkout.is_dirty(head),
        rollback="" if kind == "preview" else rollback,  # a preview shows the tree that goes back
        as_of=scheduled_time(head.trailers[checkout.AS_OF]),
    )
    if result.rollback and result.as_of:
        raise PipelineError(
            f"HEAD: has the trailers {checkout.ROLLBACK} and {checkout.AS_OF}, and a rollback builds nothing;"
            " leave one"
        )
    results.write(project / "out" / "version.json", result)
    return result


def _name(stable: str, head: Head, pipeline: Pipeline) -> tuple[str, str]:
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
        return f"{stable}-rc", "candidate"
    return f"0.0.0-branch.{head.number}.g{head.commit[:8]}", "preview"


def _rollback(trailers: tuple[str, ...], stable: str) -> str:
    """Return the release that the trailer of HEAD names, or ""; it must be older than *stable*."""
    if not trailers:
        return ""
    if len(trailers) > 1:
        raise PipelineError(f"HEAD: has {len(trailers)} trailers {checkout.ROLLBACK}; leave one")
    (wanted,) = trailers
    if not (found := RELEASE.fullmatch(wanted)):
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {wanted!r} is not a release; write it as 1.0.411, or 1.0.411-rc"
        )
    own = tuple(map(int, stable.split(".")))
    if tuple(map(int, found.groups())) >= own:
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {wanted} is not older than this commit's {stable}; name one that is"
        )
    return wanted


def scheduled_time(trailers: tuple[str, ...]) -> int:
    """Return the time, in seconds since 1970, that *trailers*, the values of As-Of, say; 0 for none."""
    if not trailers:
        return 0
    if len(trailers) > 1:
        raise PipelineError(f"HEAD: has {len(trailers)} trailers {checkout.AS_OF}; leave one")
    found = parse_time(trailers[0])
    if found is None or found <= 0:
        raise PipelineError(f"HEAD: {checkout.AS_OF}: {trailers[0]!r} is not a time; {TIME_FORMATS}")
    return found


def parse_time(text: str) -> int | None:
    """Return the time *text*, in seconds since 1970; None where it is not written as ``MOMENTS`` says."""
    try:
        if re.fullmatch(r"\d{1,11}", text):
            return int(text)
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
