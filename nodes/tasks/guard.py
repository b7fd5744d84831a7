"""Write a file that can lock everybody out, and take it back unless a new connection succeeds.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.host import Host, HostError
from nodes.render.files import ConfigFile
from nodes.runs import Session
from nodes.tasks.system import write_file

_DIRECTORY = "/var/lib/nodes/guard"
# Unit, file, its copy, seconds, the script that loads the old file. The timer outlives the connection.
_ARM = """set -eu
mkdir -p -- "${3%/*}"
rm -f -- "$3"
[ ! -e "$2" ] || cp -p -- "$2" "$3"
systemd-run --quiet --collect --unit="$1" --on-active="$4" --timer-property=AccuracySec=1s \
  sh -c 'if [ -e "$2" ]; then mv -f -- "$2" "$1"; else rm -f -- "$1"; fi; eval "$3"' sh "$2" "$3" "$5"
"""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A file that decides who may connect."""

    name: str  # "firewall"
    file: ConfigFile
    check: tuple[str, ...]  # accepts the file, or fails
    load: tuple[str, ...]  # the command that puts it in use
    unload: str  # a script that puts the old file in use


def write_guarded(session: Session, host: Host, guarded: Guarded, *, is_loaded: bool = True) -> bool:
    """Write and load the file, if it differs or is not loaded; raise HostError when it locks us out.

    The old file returns by itself after `confirm` of [ssh], unless a new connection succeeds.
    """
    seconds = session.inventory.ssh.confirm
    unit = f"nodes-guard-{guarded.name}"
    if not host.read("systemctl", "is-active", f"{unit}.timer", check=False).status:
        host.fail(f"the old {guarded.name} is about to return", f"run it again in {seconds} s")
    file = guarded.file
    if is_loaded and not host.differs(file.path, file.text, mode=file.mode, owner=file.owner):
        return False
    path, copy = file.path, f"{_DIRECTORY}/{guarded.name}"
    arguments = (f"{unit}", path, copy, f"{seconds}s", guarded.unload)
    host.change(f"keep the old {guarded.name} for {seconds} s", "sh", "-c", _ARM, "sh", *arguments)
    write_file(host, guarded.file, guarded.check)
    host.change(f"load {path}", *guarded.load)
    if not host.dry_run:
        try:
            with session.connect(host.node, read_only=True) as other:
                other.read("true")
        except HostError as error:
            text = f"{error} (with the new {guarded.name}; the old one returns within {seconds} s)"
            raise HostError(text) from None
    host.change(f"confirm {path} by a new connection", "systemctl", "stop", f"{unit}.timer")
    return True
