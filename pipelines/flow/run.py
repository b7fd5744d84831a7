"""Run all steps in order on one machine: from the checkout to a published chart.

Reads the project. Writes out/. Network: as for publishing, and the packages and
bases of the images where they are not cached.

The site is built in a process of its own. This one imports meanwhile what publishes
(run_steps.py), which takes as long as a build with one changed text.
"""

from __future__ import annotations

from contextlib import nullcontext

from pipelines.core import results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.progress import Progress
from pipelines.core.results import RunResult, SiteResult
from pipelines.flow.versioning import Pipeline, determine_version
from pipelines.site.build import BuildOptions, build
from pipelines.site.build_cache import open_build_cache
from pipelines.tools.side_process import side_process


def run_pipeline(
    context: FlowContext, pipeline: Pipeline, options: BuildOptions, *, unchecked: bool
) -> RunResult:
    """Build, pack and publish HEAD; finished steps are not repeated.

    Raises PipelineError for code that has not passed the checks, unless
    *unchecked*, and what each step raises. The output of earlier steps is kept, and
    another run continues from there.
    """
    start = context.clock()
    version = determine_version(context.project, context.site, pipeline)
    if version.dirty:
        raise PipelineError(
            f"version {version.version}: the tree is not that of commit {version.commit[:12]}, and only"
            " commits are published; commit, then run it again"
        )

    def build_site(progress: Progress) -> SiteResult:
        out = context.project / "out"
        with open_build_cache(out, context.log) as cache:
            return build(context.project, out / "site", context.site, options, cache, progress)

    with nullcontext() if version.rollback else side_process(build_site) as building:
        from pipelines.flow.run_steps import pack_and_publish

        steps = pack_and_publish(context, version, building, start, unchecked=unchecked)
    result = RunResult(version.version, version.commit, steps, round(context.clock() - start, 3))
    results.write(context.project / "out" / "run.json", result)
    return result
