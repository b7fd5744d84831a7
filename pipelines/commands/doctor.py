"""`doctor`: check the prerequisites of docs/operator.md, and name the fix of each that is missing."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.commands.arguments import Subparsers, add_deadline, add_json, seconds
from pipelines.commands.context import Context
from pipelines.commands.kubeconfig import kubeconfig
from pipelines.commands.output import print_json, write_stdout
from pipelines.core.credentials import Credentials
from pipelines.core.errors import PipelineError
from pipelines.core.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.core.config import Environment, SiteConfig
    from pipelines.doctor.outcome import Finding

_COLOURS = {"ok": "green", "failed": "red", "later": "yellow", "unknown": "yellow"}


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("doctor", help="check the prerequisites of a cluster and its services")
    parser.add_argument("--environment", metavar="NAME",
                        help="the one of the kubeconfig's cluster (default: production)")  # fmt: skip
    parser.add_argument("--timeout", type=seconds, default=10, metavar="SECONDS",
                        help="time limit of each request (default: 10)")  # fmt: skip
    add_deadline(parser, 60, "time limit of all services together")
    add_json(parser)
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Run the checks and print all findings; return 1 when one has failed."""
    from pipelines.commands.arguments import deadlines
    from pipelines.core.context import FlowContext
    from pipelines.doctor.run import DoctorInputs, examine

    options, fault = context.options, ""
    one = _environment(context.site, options.environment)
    credentials = Credentials(None, None, None, None, (), None)
    try:
        credentials = context.credentials
    except PipelineError as error:
        fault = str(error)
    flow = FlowContext(context.project, context.site, credentials, deadlines(options), context.clock,
                       context.log, NoProgress())  # fmt: skip
    inputs = DoctorInputs(flow, fault, one, kubeconfig(context), options.timeout, context.now())
    findings = examine(inputs)
    failures = sum(finding.state == "failed" for finding in findings)
    if options.json:
        rows = [asdict(finding) for finding in findings]
        print_json({"environment": one.name, "ok": not failures, "checks": rows})
    else:
        write_stdout(findings_table(findings))
    if failures:
        print(f"error: {failures} of {len(findings)} findings are failures", file=sys.stderr)
    return 1 if failures else 0


def _environment(site: SiteConfig, name: str | None) -> Environment:
    """Return the environment *name*; without one production, or the only one."""
    known = {one.name: one for one in site.environments}
    if name is None:
        return known.get("production") or site.environments[0]
    if name not in known:
        raise PipelineError(f"site.toml: unknown environment {name!r}; known: {', '.join(known)}")
    return known[name]


def findings_table(findings: Sequence[Finding]) -> str:
    """Return a row for each finding; in colours where stdout is a terminal."""
    from rich.console import Console
    from rich.text import Text

    from pipelines.commands.tables import render, table

    grid = table()
    for one in findings:
        text = f"{one.text}; {one.fix}" if one.fix else one.text
        grid.add_row(Text(one.state, style=_COLOURS[one.state]), one.check, text)
    return render(grid, colours=Console(file=sys.stdout).is_terminal)
