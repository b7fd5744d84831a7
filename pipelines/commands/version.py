"""`version`: print the version of the commit that is checked out."""

from __future__ import annotations

from pipelines.commands.arguments import Subparsers, add_json
from pipelines.commands.context import Context
from pipelines.commands.gitlab import pipeline_from
from pipelines.commands.output import print_result, print_warnings


def add(commands: Subparsers) -> None:
    """Declare the arguments."""
    parser = commands.add_parser("version", help="print the version of HEAD, and write out/version.json")
    form = parser.add_mutually_exclusive_group()
    add_json(form)
    form.add_argument("--rollback", action="store_true",
                      help="print the release that this commit rolls back to, if it does")  # fmt: skip
    parser.set_defaults(run=run)


def run(context: Context) -> int:
    """Print the version, or the release of a rollback."""
    from pipelines.flow.versioning import determine_version

    options = context.options
    result = determine_version(context.project, context.site, pipeline_from(context.environ))
    if result.dirty:
        print_warnings(["the tree is not that of the commit, so nothing of it is published; commit it"])
    line = result.rollback if options.rollback else result.version
    print_result(result, f"{line}\n" * bool(line), as_json=options.json)
    return 0
