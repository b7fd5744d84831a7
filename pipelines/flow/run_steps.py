"""The steps of a run after its version is known: check, pack, publish.

Reads the project. Writes out/. Network: as for publishing, and the packages and
bases of the images where they are not cached.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines.charts.build import build_chart
from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.results import PublishResult, SiteResult, StepResult, VersionResult
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify_checks
from pipelines.flow.promote import promote_local
from pipelines.flow.publish import publish_releases
from pipelines.flow.rollback import promotes_immediately
from pipelines.image.api import pack_api_image
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.web import pack_web_image
from pipelines.tools import environment
from pipelines.tools.http import user_agent
from pipelines.tools.side_process import SideProcess


class _StepLog:
    """Records the result and the time of each step."""

    def __init__(self, clock: Callable[[], float], start: float) -> None:
        self._clock, self._last = clock, start
        self.steps: list[StepResult] = []

    def add(self, name: str, what: str, size: int = 0) -> None:
        """Record that the step *name* has made *what*, of *size* bytes."""
        now = self._clock()
        self.steps.append(StepResult(name, what, size, round(now - self._last, 3)))
        self._last = now

    def add_publication(self, result: PublishResult) -> None:
        """Record one step for each target of *result*."""
        if result.superseded:
            what = f"{result.version} superseded by {result.superseded}"
            self.steps.append(StepResult("publish", what, 0, 0.0))
        for target in result.targets:
            what = f"{len(target.sent)} sent, {target.kept} there"
            self.steps.append(StepResult(target.name, what, target.bytes, target.seconds))
        self._last = self._clock()


def pack_and_publish(
    context: FlowContext,
    version: VersionResult,
    building: SideProcess[SiteResult] | None,
    start: float,
    *,
    unchecked: bool,
) -> tuple[StepResult, ...]:
    """Pack and publish the site that *building* builds; None for a rollback, which builds nothing.

    *start* is the time of the run's clock at its beginning. Raises as ``run_pipeline``.
    """
    steps = _StepLog(context.clock, start)
    if not unchecked:
        verify_checks(context, version)
    steps.add("version", version.version)
    if building:
        _pack(context, building, steps)
    else:
        release = fetch_release(context, version.rollback)
        steps.add("archive", f"release {release.version}")
    outs = _package(context, version, steps)
    for published in publish_releases(context, outs):
        steps.add_publication(published)
    return tuple(steps.steps)


def _pack(context: FlowContext, building: SideProcess[SiteResult], steps: _StepLog) -> None:
    """Pack the API while the site is built, and then the site."""
    project, site, progress = context.project, context.site, context.progress
    credentials = context.credentials
    bases = BaseRegistry(
        site.registry,
        credentials.pull or credentials.registry,
        environment.PULL_VARIABLES,
        credentials.authority,
        user_agent(site.name),
    )
    if site.login:
        try:
            image = pack_api_image(project, site, context.log, bases)
        except PipelineError:
            building.result(progress)  # raises the findings of the build, which come first
            raise
        steps.add("api image", image.digest[:19], image.size)
    tree = building.result(progress)
    steps.add("build", f"{tree.pages} pages", tree.bytes)
    progress.phase("image web", 0)
    image = pack_web_image(project, site, bases)
    steps.add("web image", image.digest[:19], image.size)


def _package(context: FlowContext, version: VersionResult, steps: _StepLog) -> list[Path]:
    """Package the chart, and its stable version where a candidate is that at once; return the directories."""
    project = context.project
    chart = build_chart(project, context.site)
    steps.add("chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    outs = [project / "out"]
    if version.kind == "candidate" and promotes_immediately(context.site):
        outs.append(promote_local(project))
        chart = results.read_chart(outs[-1] / "chart.json")
        steps.add("stable chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    return outs
