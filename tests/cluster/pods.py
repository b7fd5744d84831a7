"""Connections from the network of any pod, also of one without a shell: entered from the machine."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

# Exit status 0: a connection; 1: dropped or refused.
PROBE = (
    "import socket, sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()\n"
    "except OSError: sys.exit(1)\n"
)


def networks() -> dict[str, int]:
    """Return a process in the network namespace of each pod, by the pod's address."""
    processes: dict[str, int] = {}
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            processes.setdefault((directory / "ns" / "net").readlink().name, int(directory.name))
    found = {}
    for process in processes.values():
        argv = [
            "nsenter",
            f"--net=/proc/{process}/ns/net",
            "ip",
            "-o",
            "-4",
            "address",
            "show",
            "dev",
            "eth0",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        words = done.stdout.split()
        if "inet" in words:
            found[words[words.index("inet") + 1].partition("/")[0]] = process
    return found


def reaches(process: int, address: str, port: int) -> bool:
    """Return whether a TCP connection from the network of *process* is accepted within 3 s."""
    argv = ["nsenter", f"--net=/proc/{process}/ns/net", sys.executable, "-c", PROBE, address, str(port)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0
