"""Parse the command line, run one command, report its faults.

Results go to stdout (``--json`` for machines), progress and faults to stderr.
Exit status: 0 done, 1 a fault, 2 wrong usage, 130 interrupted. The only module
that reads the clock and the environment.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from pipelines.commands.context import Context
from pipelines.commands.findings import print_findings
from pipelines.commands.output import open_closed_streams, write_stdout
from pipelines.core.errors import PipelineError, SourceError

SCRIPT = "site-pipelines"  # [project.scripts] of pyproject.toml
COMMANDS = (
    *("build", "check", "diagrams", "serve", "user", "admin", "version", "image", "chart", "base", "wheels"),
    *("plan", "checks", "publish", "archive", "status", "promote", "rollback", "settings", "secrets"),
    *("run", "new", "doctor"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    open_closed_streams()
    try:
        options = parser(arguments).parse_args(arguments)
        project, clocks = options.project.resolve(), (time.time, time.monotonic, time.sleep)
        status = options.run(Context(options, project, os.environ, Path.home(), *clocks, _log))
        write_stdout("")  # flush it here, where a closed pipe can be handled
        return int(status)
    except SourceError as error:
        print_findings(error.faults, verbose=True, written=False)
        return error.exit_code
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of stdout has closed it
        return 0


def parser(arguments: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Return the parser of the commands that *arguments* name; without one, that of all commands.

    Modules of other commands are not imported: each would delay every command.
    """
    prog = SCRIPT if Path(sys.argv[0]).name == SCRIPT else "python -m pipelines"
    about = "From Markdown to a live page, one step a command."
    found = argparse.ArgumentParser(prog=prog, description=about)
    found.add_argument("--project", type=Path, default=Path(), help="the directory of site.toml (default: .)")
    found.set_defaults(run=lambda _: _print_usage(found))
    commands = found.add_subparsers(title="commands", metavar="COMMAND")
    for name in [name for name in COMMANDS if name in arguments] or COMMANDS:
        import_module(f"pipelines.commands.{name}").add(commands)
    return found


def _print_usage(of: argparse.ArgumentParser) -> int:
    of.print_help(sys.stderr)
    return 2


def _log(line: str) -> None:
    with suppress(OSError):  # stderr is closed: the command goes on
        print(line, file=sys.stderr, flush=True)
