"""Build the site and print the result, for `build` and `check`.

Reads and writes what a build does. Writes to stdout and stderr. No network.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from pipelines.commands.as_of import resolve_as_of
from pipelines.commands.code_quality import code_quality_report
from pipelines.commands.context import Context
from pipelines.commands.findings import print_findings
from pipelines.commands.output import print_json, print_result
from pipelines.core import results
from pipelines.core.errors import Fault, SourceError

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
    context: Context,
    *,
    drafts: bool = False,
    workers: int | None = None,
    as_json: bool = False,
    why: str = "",
    timings: bool = False,
) -> int:
    """Build out/site; print a summary, or the result as JSON; print the findings.

    *why* is the URL of a page to explain. Return the exit status: 1 if a finding is
    an error, so that nothing was written.
    """
    from pipelines.commands.build_details import explain_page, timings_text
    from pipelines.commands.summaries import build_summary
    from pipelines.site.build import build
    from pipelines.site.build_cache import open_build_cache
    from pipelines.site.build_report import BuildReport

    options, report = context.options, BuildReport(explain=bool(why))
    try:
        site = context.site
        choice = build_options(context, options.as_of, drafts=drafts, workers=workers)
        choice = replace(choice, strict=options.strict)
        with context.progress() as progress:
            tree = context.project / "out" / "site"
            with nullcontext() if options.clean else open_build_cache(tree.parent, context.log) as cache:
                result = build(context.project, tree, site, choice, cache, progress, report)
    except SourceError as error:
        if as_json:
            print_json({"findings": [asdict(one) for one in error.faults]})
        _report(context, error.faults, written=False, summary_only=as_json)
        return error.exit_code
    summary = build_summary(result, report)
    summary += timings_text(report) if timings else ""
    summary += explain_page(report, why) if why else ""
    print_result(result, summary, as_json=as_json)
    _report(context, result.findings, written=True, summary_only=as_json)
    return 0


def _report(context: Context, findings: Sequence[Fault], *, written: bool, summary_only: bool) -> None:
    options = context.options
    print_findings(findings, verbose=options.verbose, written=written, summary_only=summary_only)
    if options.code_quality:
        report = code_quality_report(findings, context.project)
        results.put(options.code_quality, report.encode())
