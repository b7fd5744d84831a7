"""`checks`: record which checks this commit has passed."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers
from pipelines.commands.context import Context
from pipelines.commands.gitlab import pipeline_from
from pipelines.commands.output import write_stdout
from pipelines.core.errors import UsageError

_ACTIONS = ("due", "begin", "passed")


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("checks", help="record the checks that this commit has passed")
    parser.add_argument("action", choices=_ACTIONS, metavar="ACTION",
                        help="due: print if they have to run; begin, passed: around a check")  # fmt: skip
    parser.add_argument(
        "name", nargs="?", default="", help="for begin and passed: lint, types, test or test-slow"
    )
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Print whether the checks are due, or record one."""
    from pipelines.flow import check_records

    options, project = context.options, context.project
    if options.action == "due":
        return _print_due(context)
    if options.name not in check_records.CHECKS:
        raise UsageError(f"checks {options.action}: name one of {', '.join(check_records.CHECKS)}")
    if options.action == "begin":
        check_records.record_begin(project, options.name)
    elif check_records.record_passed(project, options.name) is None:
        context.log(f"{options.name}: not recorded, since the tree is not that of a commit")
    return 0


def _print_due(context: Context) -> int:
    from pipelines.flow import check_records
    from pipelines.flow.versioning import determine_version

    base = context.environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    version = determine_version(context.project, context.site, pipeline_from(context.environ))
    due, reason = check_records.checks_due(context.project, base, version.rollback)
    context.log(reason)
    write_stdout("yes\n" if due else "no\n")
    return 0
