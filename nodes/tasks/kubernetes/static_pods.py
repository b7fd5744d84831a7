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
# Arguments: port of the API server; then the words of a command that runs while the pods are stopped.
_WHILE_STOPPED = f"""set -eu
back() {{
  for one in {AWAY}/*.yaml; do [ ! -e "$one" ] || mv -f -- "$one" {MANIFESTS}/; done
}}
trap back EXIT
trap 'exit 1' HUP INT TERM
mkdir -p -m 700 {AWAY}
port="$1"; shift
mv -f -- {MANIFESTS}/*.yaml {AWAY}/
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


def while_stopped(host: Host, what: str, port: str, *argv: str, timeout: float = 60) -> None:
    """Stop etcd, API server, controller manager and scheduler, run *argv*, start them, and wait.

    Pods go on; whatever happens, the manifests come back.
    """
    script = ("sh", "-c", _WHILE_STOPPED, "sh", port, *(argv or ("true",)))
    host.change(what, *script, timeout=_STOP + timeout)
    if not host.dry_run:
        wait_ready(host)


def bring_back(host: Host) -> None:
    """Bring manifests back that a run has left away, whose machine lost its power."""
    if host.read("sh", "-c", f"ls {AWAY}/*.yaml", check=False).status == 0:
        host.change("bring back the manifests of an interrupted run", "sh", "-c", _BRING_BACK)
        if not host.dry_run:
            wait_ready(host)


def wait_ready(host: Host) -> None:
    """Wait until the API server of the machine answers."""
    deadline = time.monotonic() + _READY
    while fault := Api(host).fault():
        if time.monotonic() > deadline:
            host.fail(
                f"its API server does not answer after {_READY:.0f} s ({fault})",
                "read `journalctl -u kubelet`",
            )
        time.sleep(_PAUSE)
