"""Format what a build did and why, for ``build --why`` and ``build --timings``.

Functions of a report. No reads, no writes, no network.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pipelines.core.errors import PipelineError, suggest

if TYPE_CHECKING:  # it loads the build, which other commands do not need
    from pipelines.site.build_report import BuildReport, Work

_ROWS = 10  # of each list of timings


def explain_page(report: BuildReport, url: str) -> str:
    """Return why the page *url* was or was not built again, and what it depends on.

    Raises PipelineError for a URL that no page has.
    """
    from pipelines.site.build_report import describe_reads

    name = _find_page(report, url)
    source = report.sources.get(name, "")
    rendered = report.rendered[name]
    lines = ["nothing has changed since the last build"] if report.unchanged else []
    lines += [f"/{name.removesuffix('index.html')}" + (f"  from {source}" if source else "")]
    if source:
        lines.append(f"text    {_describe_work('converted', report.converted[source])}")
    lines.append(f"page    {_describe_work('rendered', rendered)}")
    lines += [f"{'reads' if not index else '':<8}{what}"
              for index, what in enumerate(describe_reads(report.reads.get(name, ())))]  # fmt: skip
    return "\n".join(lines) + "\n"


def _describe_work(done: str, work: Work) -> str:
    if work.now:
        return f"{done} in this build, in {work.seconds * 1000:.1f} ms: {work.why}"
    return f"reused; when it was last {done}: {work.why}"


def _find_page(report: BuildReport, url: str) -> str:
    """Return the name of the output file of *url*, a path or an absolute URL."""
    path = url.split("//", 1)[-1].partition("/")[2] if "//" in url else url.lstrip("/")
    path = path.split("#")[0].split("?")[0]
    for name in (path, f"{path}index.html", f"{path}/index.html"):
        if name in report.rendered:
            return name
    known = [f"/{name.removesuffix('index.html')}" for name in report.rendered]
    raise PipelineError(f"no page {url}; {suggest(url, known)}")


def timings_text(report: BuildReport) -> str:
    """Return the slowest phases, plugins, templates and pages of a build, slowest first."""
    templates: dict[str, list[float]] = defaultdict(list)
    for name, work in report.rendered.items():
        if work.now and name in report.templates:
            templates[report.templates[name]].append(work.seconds)
    totals = {f"{name}  {len(times)} pages": sum(times) for name, times in templates.items()}
    converted = {path: work.seconds for path, work in report.converted.items() if work.now}
    rendered = {f"/{name}": work.seconds for name, work in report.rendered.items() if work.now}
    parts = [
        _rows("phase", report.phases, "s"),
        _rows("plugin", report.plugins, "s"),
        _rows("template", totals, "s"),
        _rows("convert", converted, "ms"),
        _rows("render", rendered, "ms"),
    ]
    return "".join(parts)


def _rows(title: str, seconds: Mapping[str, float], unit: str) -> str:
    """Return the greatest of *seconds*, one a line."""
    scale, digits = (1000, 1) if unit == "ms" else (1, 3)
    slowest: Sequence[tuple[str, float]] = sorted(seconds.items(), key=lambda row: (-row[1], row[0]))[:_ROWS]
    return _lines(f"{title:<9} {time * scale:>9.{digits}f} {unit:<2}  {name}" for name, time in slowest)


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
