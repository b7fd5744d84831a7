"""Name what a cluster needs and this machine lacks, with the command that installs it.

Reads the programs of this machine. No network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.cluster.layout import ROOT

THROWAWAY = "as root in a throwaway machine with Debian 12 or 13"
# Program: the package of Debian that has it.
DEBIAN = {
    "curl": "curl",
    "git": "git",
    "ip": "iproute2",
    "iptables": "iptables",
    "mount": "mount",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "runc": "runc",
    "skopeo": "skopeo",
    "docker-registry": "docker-registry",
    "nginx": "nginx-light",
    "debootstrap": "debootstrap",
    "chromium": "chromium",
    "age-keygen": "age",
}
MADE = {  # file of the checkout: the target that makes it
    ".venv/dev": "make .venv/dev",
    ".venv/kube": "make kube",
    "out/base/web": "make base",
    "out/base/api": "make base",
    "out/wheels": "make base",
}
CNI = "/usr/lib/cni/ptp"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(program: str) -> str | None:
    """Return the path of *program*, or None; /usr/sbin counts, where users have it not on PATH."""
    return shutil.which(program) or shutil.which(program, path=SYSTEM_PATH)


def missing(
    has: Callable[[str], object] = find,
    exists: Callable[[Path], bool] = Path.exists,
    uid: int | None = None,
    go_toolchain: str | None = None,
) -> list[str]:
    """Return a line for each thing that is missing, with its fix."""
    lines = []
    if (os.getuid() if uid is None else uid) != 0:
        lines.append(f"root is missing; run it {THROWAWAY}")
    packages = {package: program for program, package in reversed(DEBIAN.items()) if not has(program)}
    if not exists(Path(CNI)):
        packages["containernetworking-plugins"] = CNI
    if packages:
        names = ", ".join(sorted(packages.values()))
        lines.append(f"missing: {names}; run apt-get install {' '.join(sorted(packages))}")
    if not (has("go") and (_go_toolchain() if go_toolchain is None else go_toolchain)):
        lines.append("Go 1.26 or newer is missing; install it from https://go.dev/dl, or run make .venv/go")
    if not has("sops"):
        lines.append("sops is missing; run make sops")
    for command in dict.fromkeys(MADE.values()):
        absent = [name for name, made_by in MADE.items() if made_by == command and not exists(ROOT / name)]
        if absent:
            lines.append(f"missing: {', '.join(absent)}; run {command}")
    return lines


def _go_toolchain() -> str:
    """Return a setting that Go has from 1.21 on; "" without Go on the PATH, where builds look for it."""
    program = shutil.which("go")
    if not program:
        return ""
    done = subprocess.run([program, "env", "GOTOOLCHAIN"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def require() -> None:
    """Exit with all that is missing."""
    lines = missing()
    if lines:
        raise SystemExit("\n".join(f"error: {line}" for line in lines))
