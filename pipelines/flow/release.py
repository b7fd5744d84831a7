"""Publish what `make chart` has left in out/; a rollback, for which it leaves nothing, is packed here.

Reads out/ and the repository. Writes what packing and publishing write. Network:
as for publishing.

A rollback reads the archive, which wants a login: the job that packs has none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines import results
from pipelines.access import Access
from pipelines.chart.pack import pack
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify
from pipelines.flow.publish import publish
from pipelines.flow.services import Progress, Say, Times
from pipelines.results import PublishResult


def release(
    project: Path,
    site: SiteConfig,
    who: Access,
    times: Times,
    *,
    unchecked: bool,
    say: Say,
    progress: Progress,
    clock: Callable[[], float],
) -> PublishResult:
    """Publish the commit that out/version.json of *project* names, and return what that took.

    Raises PipelineError for code that has not passed the checks, unless it may go
    out *unchecked*.
    """
    out = project / "out"
    version = results.read_version(out / "version.json")
    if not unchecked:
        verify(project, site, who, version, times, say)
    if version.rollback and not _packed(out, version.version):
        fetch_release(project, site, who, version.rollback, times, say)
        pack(project, site)
    return publish(project, [out], site, who, times, say=say, progress=progress, clock=clock)[0]


def _packed(out: Path, version: str) -> bool:
    try:
        return results.read_chart(out / "chart.json").version == version
    except PipelineError:
        return False
