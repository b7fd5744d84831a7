"""The kubeconfig that commands give to kubectl.

Reads the environment of the command. No writes, no network.
"""

from __future__ import annotations

from pipelines.commands.context import Context


def kubeconfig(context: Context) -> str:
    """Return the value of KUBECONFIG, else the path of ~/.kube/config; "" without either."""
    own = context.home / ".kube" / "config"
    return context.environ.get("KUBECONFIG") or (str(own) if own.is_file() else "")
