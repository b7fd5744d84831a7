"""The process of a publisher: preloaded once per worker, then forked for each command.

A forked process unpickles its target, so ``run_command`` is here and imports
none of the tests' servers: those take half a second of CPU time.
"""

import os
import sys
from pathlib import Path

import h11
import httpcore

from pipelines import cli
from pipelines.commands import archive as archive_command
from pipelines.commands import promote as promote_command
from pipelines.commands import publish, run, status, tables
from pipelines.commands import rollback as rollback_command
from pipelines.core.credentials import Login
from pipelines.flow import archive, check_records, plan, promote, release, rollback
from pipelines.tools import s3, terminal
from pipelines.tools.retry import RetryPolicy

PLACE = s3.BucketLocation("warm bucket", "http://127.0.0.1:9", "us-east-1", "warm", "")
BUCKET = s3.Bucket(PLACE, Login("nobody", "nothing"), RetryPolicy(60))
LOADED = (
    *(archive, check_records, plan, promote, release, rollback, terminal, h11, httpcore),
    *(archive_command, promote_command, rollback_command, publish, run, status, tables),
)


def run_command(argv: list[str], environ: dict[str, str], output: str) -> None:
    """Run ``python -m pipelines`` *argv* with *environ* alone; write to *output*.out and *output*.err."""
    for number, suffix in ((1, "out"), (2, "err")):
        os.dup2(os.open(f"{output}.{suffix}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    Path(output).touch()
    os.environ.clear()
    os.environ.update(environ)
    sys.stdout.flush()
    sys.exit(cli.main(argv))
