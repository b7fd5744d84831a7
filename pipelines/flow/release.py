"""Publish what `make chart` has left in out/; a rollback, for which it leaves nothing, is packed here.

Reads out/ and the repository. Writes what packing and publishing write. Network:
as for publishing.

A rollback reads the archive, which wants a login: the job that packs has none.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.charts.build import build_chart
from pipelines.core import results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.progress import Log, Progress
from pipelines.core.results import PublishResult
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify_checks
from pipelines.flow.publish import publish_releases
from pipelines.flow.services import Deadlines
from pipelines.tools.environment import Credentials


def release_packed(
    project: Path,
    site: SiteConfig,
    credentials: Credentials,
    times: Deadlines,
    *,
    unchecked: bool,
    log: Log,
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
        verify_checks(project, site, credentials, version, times, log)
    if version.rollback and not _packed(out, version.version):
        fetch_release(project, site, credentials, version.rollback, times, log)
        build_chart(project, site)
    return publish_releases(
        project, [out], site, credentials, times, log=log, progress=progress, clock=clock
    )[0]


def _packed(out: Path, version: str) -> bool:
    try:
        return results.read_chart(out / "chart.json").version == version
    except PipelineError:
        return False
