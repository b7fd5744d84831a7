"""``python -m pipelines COMMAND``, and the command that the package installs."""

import atexit
import os
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def run() -> NoReturn:
    """Run the command of this process, and end it with its exit status."""
    try:
        from pipelines.cli import main  # takes a tenth of a second
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    status = main()
    if threading.active_count() > 1:  # the interpreter waits for the other threads
        sys.exit(status)
    # As mypy does: to free each object before the end takes 60 ms, an eighth of a small build.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it is closed
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
