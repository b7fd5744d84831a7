"""The programs of Kubernetes on a machine: one version, held.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from nodes.host import Host
from nodes.inventory import Inventory
from nodes.render.files import ConfigFile
from nodes.render.kubeadm import APT_KEY, apt_file
from nodes.tasks.system import write_file
from nodes.versions import minor_of

PROGRAMS = ("kubeadm", "kubelet", "kubectl")
_TIMEOUT = 600.0  # seconds
# The hold ends for this command alone. Arguments: version, names.
_INSTALL = """set -eu
export DEBIAN_FRONTEND=noninteractive
version="$1"; shift
apt-get update -qq
for name in "$@"; do
  set -- "$@" "$name=$version-*"
  shift
done
apt-get install -y -qq --no-install-recommends --allow-change-held-packages \
  -o Dpkg::Options::=--force-confold "$@"
for name in "$@"; do
  set -- "$@" "${name%%=*}"
  shift
done
apt-mark hold "$@" >/dev/null
"""


def installed_versions(host: Host) -> dict[str, str]:
    """Return the version of each program that is installed: {"kubelet": "1.35.4"}."""
    form = "${Package} ${Version} ${db:Status-Status}\\n"
    rows = host.read("dpkg-query", "-W", "-f", form, *PROGRAMS, check=False).stdout.splitlines()
    found = (row.split() for row in rows if row.endswith(" installed"))
    return {name: version.partition("-")[0] for name, version, _ in found}


def ensure_programs(host: Host, inventory: Inventory, key: str, *names: str) -> bool:
    """Install *names* in the version of nodes.toml, and hold them; return whether one was missing or older.

    *key* is the public key of the archive (ASCII-armored).
    """
    version = inventory.cluster.kubernetes
    write_file(host, ConfigFile(APT_KEY, key))
    write_file(host, apt_file(inventory, minor_of(version)))
    installed = installed_versions(host)
    wanted = [name for name in names if installed.get(name) != version]
    if not wanted:
        return False
    what = f"install {', '.join(wanted)} {version}"
    host.change(what, "sh", "-c", _INSTALL, "sh", version, *wanted, timeout=_TIMEOUT)
    return True
