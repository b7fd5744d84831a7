"""Write the files of a service, check them together, load them; on a failure the old ones return.

Network: the machine. Writes on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from nodes.host import PENDING, CommandError, Host, HostError
from nodes.render.files import ConfigFile
from nodes.tasks.system import write_files

_DIRECTORY = "/var/lib/nodes/kept"
# Directory, marker in PENDING, files. After a run that broke off, the copies are older than what it wrote.
_KEEP = """set -eu
kept="$1" marker="$2"; shift 2
[ ! -e "$marker" ] || [ ! -d "$kept" ] || exit 0
rm -rf -- "$kept"
mkdir -p -m 700 -- "$kept"
for file; do
  [ -e "$file" ] || continue
  mkdir -p -- "$kept${file%/*}"
  cp -p -- "$file" "$kept$file"
done
"""
_RESTORE = """set -eu
kept="$1" marker="$2"; shift 2
[ -d "$kept" ] || exit 0
for file; do
  if [ -e "$kept$file" ]; then
    cp -p -- "$kept$file" "$file.nodes-new"
    mv -f -- "$file.nodes-new" "$file"
  else
    rm -f -- "$file"
  fi
done
rm -f -- "$marker"
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """The files of a service, each with *name* as its `then`."""

    name: str  # "postfix"
    files: tuple[ConfigFile, ...]
    check: tuple[str, ...]  # a command that reads all of the files in their places, and fails for a fault
    load: tuple[str, ...]  # the command that puts them in use


def write_checked(host: Host, service: Checked) -> bool:
    """Write, check and load the files, if one differs or was not loaded; return whether.

    Raises HostError when check or load fails; the old files are back, and in use, then.
    """
    differ = [
        one for one in service.files if host.differs(one.path, one.text, mode=one.mode, owner=one.owner)
    ]
    if not differ and not host.is_pending(service.name):
        return False
    places = (f"{_DIRECTORY}/{service.name}", f"{PENDING}/{service.name}")
    paths = [one.path for one in service.files]
    host.change(f"keep the old files of {service.name}", "sh", "-c", _KEEP, "sh", *places, *paths)
    write_files(host, differ)
    is_checked = False
    try:
        host.change(f"check the files of {service.name}", *service.check)
        is_checked = True
        host.settle(service.name, f"load the files of {service.name}", *service.load)
    except CommandError as error:
        host.change(f"take back the files of {service.name}", "sh", "-c", _RESTORE, "sh", *places, *paths)
        if is_checked:
            host.change(f"load the old files of {service.name}", *service.load)
        raise HostError(f"{error} (the old files are back)") from None
    return True
