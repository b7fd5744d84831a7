"""Steps that tasks share: write files, install packages, keep a service running.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from collections.abc import Iterable

from nodes.host import Host
from nodes.render.files import ConfigFile

_APT_TIMEOUT = 600.0  # seconds
_INSTALL = """set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
"""


def write_file(host: Host, file: ConfigFile, check: tuple[str, ...] = ()) -> bool:
    """Write *file*, checked by *check*; return whether it differs."""
    return host.write(file.path, file.text, mode=file.mode, owner=file.owner, then=file.then, check=check)


def write_files(host: Host, files: Iterable[ConfigFile]) -> None:
    """Write each of *files* that differs."""
    for file in files:
        write_file(host, file)


def ensure_packages(host: Host, *names: str) -> bool:
    """Install those of *names* that are missing, by apt; return whether all were there before."""
    status = host.read("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *names, check=False)
    found = {line.split()[0] for line in status.stdout.splitlines() if line.endswith(" installed")}
    missing = [name for name in names if name not in found]
    if missing:
        host.change(
            f"install {', '.join(missing)}", "sh", "-c", _INSTALL, "sh", *missing, timeout=_APT_TIMEOUT
        )
    return not missing


def ensure_enabled(host: Host, unit: str) -> None:
    """Let *unit* start with the machine."""
    if host.read("systemctl", "is-enabled", unit, check=False).stdout.strip() != "enabled":
        host.change(f"enable {unit}", "systemctl", "enable", "--quiet", unit)


def ensure_service(host: Host, unit: str) -> None:
    """Enable and start *unit*, unless it runs, or its conditions do not hold on this machine."""
    ensure_enabled(host, unit)
    keys = "ActiveState,ConditionResult,ConditionTimestampMonotonic"
    shown = host.read("systemctl", "show", "-p", keys, unit).stdout
    found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    # A unit whose condition failed, as that of timesyncd in a container, stays inactive after a start.
    skipped = found.get("ConditionResult") == "no" and found.get("ConditionTimestampMonotonic") != "0"
    if found.get("ActiveState") != "active" and not skipped:
        host.change(f"start {unit}", "systemctl", "start", unit)
