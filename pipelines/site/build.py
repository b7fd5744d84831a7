"""Render content/ and theme/ into a tree of static files, unless nothing has changed.

Reads content/, theme/, pelicanconf.py and the Git history. Writes out/site and
out/site.json. No network.

What renders a site is imported when that begins: its import takes longer than to see
that nothing has changed.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.progress import NoProgress, Progress
from pipelines.core.results import SiteResult
from pipelines.site import unchanged
from pipelines.site.build_report import BuildReport
from pipelines.site.build_run import BuildOptions as BuildOptions
from pipelines.site.build_run import BuildRun
from pipelines.site.cache import Cache
from pipelines.site.inputs import Inputs, read_inputs
from pipelines.site.output import spare_tree
from pipelines.site.output.target import open_target
from pipelines.site.pelican.import_pelican import import_without_docutils

# Objects more, and collections of the younger generations, before garbage is collected (gc.set_threshold):
# more than a build of a few texts makes. That of a whole site sets its own.
_COLLECT_AFTER = (400_000, 10, 10)


def build(
    project: Path,
    out: Path,
    config: SiteConfig,
    options: BuildOptions,
    cache: Cache | None = None,
    progress: Progress | None = None,
    report: BuildReport | None = None,
) -> SiteResult:
    """Render *project* into the directory *out*; equal inputs give equal bytes.

    The inputs are the tree, the Git dates of its paths and ``options.as_of``.
    The result is built beside *out* and swapped with it atomically; it holds
    the warnings, *report* what was done and why. Raises SourceError with all
    findings if one of them is an error; *out* stays unchanged.
    """
    with _rare_collections():
        return _build(project, out, config, options, cache, progress or NoProgress(), report or BuildReport())


def _build(
    project: Path,
    out: Path,
    config: SiteConfig,
    options: BuildOptions,
    cache: Cache | None,
    progress: Progress,
    report: BuildReport,
) -> SiteResult:
    # A build without a cache uses nothing of earlier ones.
    spare = spare_tree.spare_path(out) if cache else None
    cache = cache or Cache()
    cache.begin_build()
    inputs = _read_inputs(project, config, options) if cache.store.lasting else None
    if inputs and (last := unchanged.last_result(cache.store, out, inputs)):
        report.unchanged = True
        if not report.explain:
            report.phases = last.phases
            return last
    with open_target(out, spare) as target:
        if inputs:  # without a plugin that may need more of Pelican
            import_without_docutils()
        from pipelines.site.full_build import build_fully

        return build_fully(project, target, BuildRun(config, options, progress), cache, report, inputs)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage rarely: a build makes many objects that live until its end, and few cycles.

    The worker processes inherit it.
    """
    before = gc.get_threshold()
    gc.set_threshold(*_COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _read_inputs(project: Path, config: SiteConfig, options: BuildOptions) -> Inputs | None:
    """Return the inputs of the build; None where they have no digest, or a fault that the build names."""
    try:
        return read_inputs(project, config, repr(replace(options, workers=1)))
    except PipelineError:
        return None
