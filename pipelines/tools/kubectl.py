"""Run kubectl with one kubeconfig.

Starts kubectl, which reads the kubeconfig and requests the cluster. No writes of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.core.errors import ToolError
from pipelines.tools import shell


def run_kubectl(argv: Sequence[str], kubeconfig: str, timeout: float) -> bytes:
    """Run kubectl with *argv* and return its standard output; *timeout* is in seconds.

    *kubeconfig* is a value of KUBECONFIG. Raises ToolError with the last line of
    kubectl's error, which has the cause: the lines before log each attempt.
    """
    words = ["kubectl", *argv, f"--request-timeout={max(timeout, 1):.0f}s"]
    try:
        return shell.run_program(words, timeout=timeout + 2, env={"KUBECONFIG": kubeconfig})
    except ToolError as error:
        name, _, rest = str(error).partition(": ")
        raise ToolError(f"{name}: {rest.splitlines()[-1]}" if rest else name) from None
