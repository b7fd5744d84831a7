"""Everything in order on one machine: from the commit that is checked out to a published chart.

Reads the project. Writes out/. Network: as for publishing, and the packages and
bases of the images where they are not here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipelines import access, results
from pipelines.access import Access
from pipelines.chart.pack import pack
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.flow.archive import fetch_release
from pipelines.flow.plan import verify
from pipelines.flow.promote import promoted
from pipelines.flow.publish import publish
from pipelines.flow.rollback import promotes_at_once
from pipelines.flow.services import Progress, Say, Times
from pipelines.image.api import api
from pipelines.image.store import Store
from pipelines.image.web import web
from pipelines.results import PublishResult, RunResult, StepResult, VersionResult
from pipelines.site.build import Options, build
from pipelines.version import Pipeline, version


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


def run(
    project: Path,
    site: SiteConfig,
    who: Access,
    times: Times,
    pipeline: Pipeline,
    choice: Options,
    *,
    unchecked: bool,
    say: Say,
    progress: Progress,
    clock: Callable[[], float],
) -> RunResult:
    """Build, pack and publish HEAD of *project*; what is done already is not done again.

    Raises PipelineError for code that has not passed the checks, unless it may go
    out *unchecked*, and what each step raises; what the steps before have written
    stays, and another run goes on from there.
    """
    start = clock()
    watch = _Watch(clock)
    found = version(project, site, pipeline)
    if found.dirty:
        raise PipelineError(
            f"version {found.version}: the tree is not that of commit {found.commit[:12]}, and only"
            " commits are published; commit, then run it again"
        )
    if not unchecked:
        verify(project, site, who, found, times, say)
    watch.note("version", found.version)
    _pack(project, site, who, times, found, choice, watch, say, progress)
    chart = pack(project, site)
    watch.note("chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    outs = [project / "out"]
    if found.kind == "candidate" and promotes_at_once(site):
        outs.append(promoted(project))
        chart = results.read_chart(outs[-1] / "chart.json")
        watch.note("stable chart", f"{chart.name}-{chart.version}.tgz", chart.size)
    for done in publish(project, outs, site, who, times, say=say, progress=progress, clock=clock):
        watch.published(done)
    result = RunResult(found.version, found.commit, tuple(watch.steps), round(clock() - start, 3))
    results.write(project / "out" / "run.json", result)
    return result


def _pack(
    project: Path,
    site: SiteConfig,
    who: Access,
    times: Times,
    found: VersionResult,
    choice: Options,
    watch: _Watch,
    say: Say,
    progress: Progress,
) -> None:
    """Make what the chart rolls out; a commit that goes back takes what the archive has."""
    if found.rollback:
        release = fetch_release(project, site, who, found.rollback, times, say)
        watch.note("archive", f"release {release.version}")
        return
    tree = build(project, project / "out" / "site", site, choice, progress=progress)
    watch.note("build", f"{tree.pages} pages", tree.bytes)
    progress.phase("image web", 0)
    bases = Store(site.registry, who.pull or who.registry, access.PULL, who.authority)
    image = web(project, site, bases)
    watch.note("web image", image.digest[:19], image.size)
    if site.login:
        progress.phase("image api", 0)
        image = api(project, site, say, bases)
        watch.note("api image", image.digest[:19], image.size)
