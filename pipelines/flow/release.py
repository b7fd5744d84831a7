"""Publish what `make chart` has packed in out/; a rollback is packed here first.

Reads out/ and the repository. Writes what packing and publishing write. Network:
as for publishing.

A rollback reads the archive, which requires a login: the job that packs has none.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.charts.build import build_chart
from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.results import PublishResult
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify_checks
from pipelines.flow.publish import publish_releases


def release_packed(context: FlowContext, *, unchecked: bool) -> PublishResult:
    """Publish the commit that out/version.json names, and return what was sent.

    Raises PipelineError for code that has not passed the checks, unless *unchecked*.
    """
    out = context.project / "out"
    version = results.read_version(out / "version.json")
    if not unchecked:
        verify_checks(context, version)
    if version.rollback and not _is_packed(out, version.version):
        fetch_release(context, version.rollback)
        build_chart(context.project, context.site)
    return publish_releases(context, [out])[0]


def _is_packed(out: Path, version: str) -> bool:
    try:
        return results.read_chart(out / "chart.json").version == version
    except PipelineError:
        return False
