"""What `status` reads from a control plane: the version of its API server, and the days of its certificate.

Network: the machine. No writes.
"""

from __future__ import annotations

from nodes.tasks.health import Probe

_DAYS = 21  # that the certificate must stay valid
_STATE = """cd /etc/kubernetes 2>/dev/null && [ -e pki/apiserver.crt ] || exit 3
end="$(openssl x509 -noout -enddate -in pki/apiserver.crt | cut -d= -f2)"
echo $((($(date +%s --date="$end") - $(date +%s)) / 86400))
sed -n 's/^ *image: .*://p' manifests/kube-apiserver.yaml
"""


def read_control_plane(probe: Probe) -> None:
    """Find an API server that is not that of nodes.toml, or whose certificate ends soon."""
    if not probe.host.node.is_control_plane:
        return
    output = probe.host.read("sh", "-c", _STATE, check=False)
    if output.status == 0:  # else it has not joined
        probe.faults += control_plane_faults(output.stdout, probe.inventory.cluster.kubernetes)


def control_plane_faults(text: str, wanted: str) -> list[str]:
    """Return what is wrong in the output of the script: days, then the version of the API server."""
    days, *versions = text.splitlines()
    faults = [
        f"API server is {one.removeprefix('v')}, that of nodes.toml {wanted}: kubernetes.upgrade"
        for one in versions
        if one.removeprefix("v") != wanted
    ]
    if int(days) < _DAYS:
        faults.append(f"the certificates of its control plane end in {days} days: kubernetes.certs")
    return faults
