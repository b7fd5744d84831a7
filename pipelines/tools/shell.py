"""Run another program without a shell, and raise an error with its message when it fails.

Starts the programs that it is given. No reads, no writes of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pipelines.core.errors import ToolError


def find_program(program: str) -> str | None:
    """Return the full path of *program* on the PATH, or None."""
    return shutil.which(program)


def run_program(
    argv: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    timeout: float,
    env: Mapping[str, str] | None = None,
    clean_env: bool = False,
    cwd: Path | None = None,
    statuses: Collection[int] = (0,),
) -> bytes:
    """Run *argv* and return its standard output.

    *timeout* is in seconds. *env* is added to the environment of this process, or
    with *clean_env* replaces it: for programs that must not see a credential.
    Raises ToolError when the program is missing, takes longer, or exits with a
    status that is not one of *statuses*; the message ends with its stderr.
    """
    name = Path(argv[0]).name
    try:
        process = subprocess.run(
            [str(argument) for argument in argv],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env={**({} if clean_env else os.environ), **(env or {})},
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError:
        raise ToolError(f"{name}: not installed, or not on the PATH") from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"{name}: gave no result within {timeout:g} s and was ended") from None
    if process.returncode not in statuses:
        message = process.stderr.decode("utf-8", "replace").strip() or "(it wrote no message)"
        raise ToolError(f"{name}: exit status {process.returncode}: {message}")
    return process.stdout
