"""Run all steps in order on one machine: from the checkout to a published chart.

Reads the project. Writes out/. Network: as for publishing, and the packages and
bases of the images where they are not cached.
"""

from __future__ import annotations

from collections.abc import Callable

from pipelines.charts.build import build_chart
from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.results import PublishResult, RunResult, StepResult, VersionResult
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify_checks
from pipelines.flow.promote import promote_local
from pipelines.flow.publish import publish_releases
from pipelines.flow.rollback import promotes_immediately
from pipelines.flow.versioning import Pipeline, determine_version
from pipelines.image.api import pack_api_image
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.web import pack_web_image
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_cache import open_build_cache
from pipelines.tools import environment
from pipelines.tools.http import user_agent


class _StepLog:
    """Records the result and the time of each step."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, clock()
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


def run_pipeline(
    context: FlowContext, pipeline: Pipeline, options: BuildOptions, *, unchecked: bool
) -> RunResult:
    """Build, pack and publish HEAD; finished steps are not repeated.

    Raises PipelineError for code that has not passed the checks, unless
    *unchecked*, and what each step raises. The output of earlier steps is kept, and
    another run continues from there.
    """
    project, site, clock = context.project, context.site, context.clock
    start = clock()
    steps = _StepLog(clock)
    version = determine_version(project, site, pipeline)
    if version.dirty:
        raise PipelineError(
            f"version {version.version}: the tree is not that of commit {version.commit[:12]}, and only"
            " commits are published; commit, then run it again"
        )
    if not unchecked:
        verify_checks(context, version)
    steps.add("version", version.version)
    _pack(context, version, options, steps)
    chart = build_chart(project, site)
    steps.add("chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    outs = [project / "out"]
    if version.kind == "candidate" and promotes_immediately(site):
        outs.append(promote_local(project))
        chart = results.read_chart(outs[-1] / "chart.json")
        steps.add("stable chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    for published in publish_releases(context, outs):
        steps.add_publication(published)
    result = RunResult(version.version, version.commit, tuple(steps.steps), round(clock() - start, 3))
    results.write(project / "out" / "run.json", result)
    return result


def _pack(context: FlowContext, version: VersionResult, options: BuildOptions, steps: _StepLog) -> None:
    """Make what the chart rolls out; a rollback fetches it from the archive."""
    if version.rollback:
        release = fetch_release(context, version.rollback)
        steps.add("archive", f"release {release.version}")
        return
    project, site, progress = context.project, context.site, context.progress
    credentials = context.credentials
    out = project / "out"
    with open_build_cache(out, context.log) as cache:
        tree = build(project, out / "site", site, options, cache, progress)
    steps.add("build", f"{tree.pages} pages", tree.bytes)
    progress.phase("image web", 0)
    bases = BaseRegistry(
        site.registry,
        credentials.pull or credentials.registry,
        environment.PULL_VARIABLES,
        credentials.authority,
        user_agent(site.name),
    )
    image = pack_web_image(project, site, bases)
    steps.add("web image", image.digest[:19], image.size)
    if site.login:
        progress.phase("image api", 0)
        image = pack_api_image(project, site, context.log, bases)
        steps.add("api image", image.digest[:19], image.size)
