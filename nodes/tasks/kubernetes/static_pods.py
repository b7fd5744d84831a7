"""Stop the control plane of one machine for a moment, and start it again.

Network: the machine. Writes on it. Source: kubernetes.io, "Certificate Management with kubeadm": static pods
are restarted by moving their manifests away, and back.
"""

from __future__ import annotations

import time

from nodes.host import Host
from nodes.render.kubeadm import DIRECTORY
from nodes.tasks.kubernetes.api import Api

MANIFESTS = "/etc/kubernetes/manifests"
AWAY = f"{DIRECTORY}/manifests"  # where they are meanwhile; the next run brings back what it finds here
_STOP = 120  # seconds
_READY = 180.0
_PAUSE = 2.0
_LOCK = "/run/nodes-static-pods.lock"
# Arguments: port of the API server; then the words of a command that runs while the pods are stopped. The
# manifests are away already where a run lost its power.
_WHILE_STOPPED = f"""set -eu
exec 9> {_LOCK}
flock -n 9 || {{ echo "another run has stopped the control plane of this machine" >&2; exit 1; }}
back() {{
  for one in {AWAY}/*.yaml; do [ ! -e "$one" ] || mv -f -- "$one" {MANIFESTS}/; done
}}
trap back EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -m 700 {AWAY}
port="$1"; shift
for one in {MANIFESTS}/*.yaml; do [ ! -e "$one" ] || mv -f -- "$one" {AWAY}/; done
end=$(($(date +%s) + {_STOP}))
for one in "$port" 2379 10257 10259; do
  while [ -n "$(ss -Hltn "sport = :$one")" ]; do
    [ "$(date +%s)" -lt "$end" ] || {{ echo "port $one is still in use after {_STOP} s" >&2; exit 1; }}
    sleep 1
  done
done
"$@"
"""
_BRING_BACK = f'for one in {AWAY}/*.yaml; do mv -f -- "$one" {MANIFESTS}/; done'


def while_stopped(
    host: Host, what: str, port: int, *argv: str, timeout: float = 60, pending: str = ""
) -> None:
    """Stop etcd, API server, controller manager and scheduler, run *argv*, start them, and wait.

    Pods go on; whatever happens, the manifests come back. With the name *pending*, only
    where `Host.settle` has a change to make for it.
    """
    script = ("sh", "-c", _WHILE_STOPPED, "sh", str(port), *(argv or ("true",)))
    if pending:
        is_done = host.settle(pending, what, *script, timeout=_STOP + timeout)
    else:
        host.change(what, *script, timeout=_STOP + timeout)
        is_done = True
    if is_done and not host.dry_run:
        wait_ready(host, port)


def bring_back(host: Host, port: int) -> None:
    """Bring manifests back that a run has left away, whose machine lost its power, and wait."""
    if host.read("sh", "-c", f"ls {AWAY}/*.yaml", check=False).status == 0:
        host.change("bring back the manifests of an interrupted run", "sh", "-c", _BRING_BACK)
        if not host.dry_run:
            wait_ready(host, port)


def wait_ready(host: Host, port: int) -> None:
    """Wait until the API server of the machine answers."""
    api = Api(host, port)
    deadline = time.monotonic() + _READY
    while fault := api.fault():
        if time.monotonic() > deadline:
            host.fail(
                f"its API server does not answer after {_READY:.0f} s ({fault})",
                "read `journalctl -u kubelet`",
            )
        time.sleep(_PAUSE)
