"""Build the site and print the result, for `build` and `check`.

Reads and writes what a build does. Writes to stdout and stderr. No network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pipelines.commands.as_of import resolve_as_of
from pipelines.commands.context import Context
from pipelines.commands.output import print_result, print_warnings

if TYPE_CHECKING:
    from pipelines.site.build import BuildOptions


def build_options(context: Context, as_of: str | None, *, drafts: bool, workers: int | None) -> BuildOptions:
    """Return the options of a build: due posts by *as_of*, one worker a core unless *workers* is given."""
    from pipelines.site.build import BuildOptions

    return BuildOptions(
        as_of=resolve_as_of(context, as_of),
        drafts=drafts,
        workers=workers or len(os.sched_getaffinity(0)),
    )


def build_and_print(
    context: Context, *, drafts: bool = False, workers: int | None = None, as_json: bool = False
) -> None:
    """Build out/site and print a summary, or the result as JSON."""
    from pipelines.commands.summaries import build_summary
    from pipelines.site.build import build

    site = context.site
    options = build_options(context, context.options.as_of, drafts=drafts, workers=workers)
    with context.progress() as progress:
        result = build(context.project, context.project / "out" / "site", site, options, progress=progress)
    print_result(result, build_summary(result), as_json=as_json)
    print_warnings(result.warnings)
