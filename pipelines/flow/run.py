"""Everything in order on one machine: from the commit that is checked out to a published chart.

Reads the project. Writes out/. Network: as for publishing, and the packages and
bases of the images where they are not here.
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
from pipelines.flow.promote import promoted_here
from pipelines.flow.publish import publish_releases
from pipelines.flow.rollback import promotes_at_once
from pipelines.flow.versioning import Pipeline, determine_version
from pipelines.image.api import pack_api_image
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.web import pack_web_image
from pipelines.site.build import BuildOptions, build
from pipelines.tools import environment


class _Watch:
    """Notes what each step took."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, clock()
        self.steps: list[StepResult] = []

    def note(self, name: str, what: str, size: int = 0) -> None:
        """Note that the step *name* is done: *what* it made, of *size* bytes."""
        now = self._clock()
        self.steps.append(StepResult(name, what, size, round(now - self._last, 3)))
        self._last = now

    def published(self, done: PublishResult) -> None:
        """Note what was published, one target a line."""
        if done.superseded:
            what = f"{done.version} superseded by {done.superseded}"
            self.steps.append(StepResult("publish", what, 0, 0.0))
        for one in done.targets:
            what = f"{len(one.sent)} sent, {one.kept} there"
            self.steps.append(StepResult(one.name, what, one.bytes, one.seconds))
        self._last = self._clock()


def run_pipeline(
    context: FlowContext, pipeline: Pipeline, choice: BuildOptions, *, unchecked: bool
) -> RunResult:
    """Build, pack and publish HEAD; what is done already is not done again.

    Raises PipelineError for code that has not passed the checks, unless it may go
    out *unchecked*, and what each step raises; what the steps before have written
    stays, and another run goes on from there.
    """
    project, site, clock = context.project, context.site, context.clock
    start = clock()
    watch = _Watch(clock)
    found = determine_version(project, site, pipeline)
    if found.dirty:
        raise PipelineError(
            f"version {found.version}: the tree is not that of commit {found.commit[:12]}, and only"
            " commits are published; commit, then run it again"
        )
    if not unchecked:
        verify_checks(context, found)
    watch.note("version", found.version)
    _pack(context, found, choice, watch)
    chart = build_chart(project, site)
    watch.note("chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    outs = [project / "out"]
    if found.kind == "candidate" and promotes_at_once(site):
        outs.append(promoted_here(project))
        chart = results.read_chart(outs[-1] / "chart.json")
        watch.note("stable chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    for done in publish_releases(context, outs):
        watch.published(done)
    result = RunResult(found.version, found.commit, tuple(watch.steps), round(clock() - start, 3))
    results.write(project / "out" / "run.json", result)
    return result


def _pack(context: FlowContext, found: VersionResult, choice: BuildOptions, watch: _Watch) -> None:
    """Make what the chart rolls out; a commit that goes back takes what the archive has."""
    if found.rollback:
        release = fetch_release(context, found.rollback)
        watch.note("archive", f"release {release.version}")
        return
    project, site, progress = context.project, context.site, context.progress
    credentials = context.credentials
    tree = build(project, project / "out" / "site", site, choice, progress=progress)
    watch.note("build", f"{tree.pages} pages", tree.bytes)
    progress.phase("image web", 0)
    bases = BaseRegistry(
        site.registry, credentials.pull or credentials.registry, environment.PULL, credentials.authority
    )
    image = pack_web_image(project, site, bases)
    watch.note("web image", image.digest[:19], image.size)
    if site.login:
        progress.phase("image api", 0)
        image = pack_api_image(project, site, context.log, bases)
        watch.note("api image", image.digest[:19], image.size)
