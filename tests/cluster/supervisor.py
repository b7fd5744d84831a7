"""Hold the namespaces of a cluster, and remove everything of it when it ends, however that happens.

    python -m tests.cluster.supervisor [--owned]

The first process of a process namespace holds a network and a mount namespace: with it the kernel ends all
processes, mounts, addresses and firewall rules in them. What remains are cgroups, a few directories and the
files of the cluster. The supervisor removes those, and a guard does when the supervisor is killed.
With --owned it also ends when its standard input does, which is a pipe from the owner.

Reads and writes the directory of the cluster (layout.py) and /sys/fs/cgroup. No network.
"""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.cluster import cgroups, programs
from tests.cluster.layout import ROOT, Layout, layout

LOCK = "lock"
MADE = "made-directories"
# Directories that programs expect at these paths: mount points of the nodes' own.
MOUNT_POINTS = (
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/log/pods",
    "/var/log/containers",
)


def is_running(there: Layout) -> bool:
    """Return whether a supervisor or its guard holds the lock of the cluster."""
    try:
        with (there.base / LOCK).open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def supervise(there: Layout, owned: bool) -> int:
    """Hold the namespaces until a signal, or the end of the owner; then remove everything."""
    there.base.mkdir(parents=True, exist_ok=True)
    lock = (there.base / LOCK).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"error: {there.base}: a cluster runs there; run make cluster-down", file=sys.stderr)
        return 1
    clean(there)  # of one whose supervisor and guard were both killed
    wakes, woken = os.pipe()
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(woken)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    guard = _start_guard(there)
    try:
        holder, init = _hold(there)
        waited = {wakes, os.pidfd_open(holder.pid)} | ({0} if owned else set())
        while True:
            watched = os.pidfd_open(guard)
            ready, _, _ = select.select([*waited, watched], [], [])
            os.close(watched)
            if watched in ready:
                os.waitpid(guard, 0)
                guard = _start_guard(there)
            if set(ready) & waited and not (set(ready) == {0} and os.read(0, 4096)):
                break
        with suppress(ProcessLookupError):
            os.kill(init, signal.SIGKILL)
        holder.wait()
    finally:
        clean(there)
    return 0


def _hold(there: Layout) -> tuple[subprocess.Popen[bytes], int]:
    """Start the first process of the namespaces; return its parent and its process ID."""
    directories = (there.run, there.logs, there.pki, there.images, there.bin)
    for directory in directories:
        directory.mkdir(parents=True, exist_ok=True)
    _make_mount_points(there)
    unshare = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
    # setpriv: unshare ends with the supervisor, even one that is killed, and its child with it.
    argv = ["setpriv", "--pdeathsig", "KILL", *unshare, str(programs.PAUSE.program(there.cache))]
    holder = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    children = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    end = time.monotonic() + 20
    found: list[str] = []
    while not found or not _is_pause(int(found[0])):
        if holder.poll() is not None or time.monotonic() > end:
            raise SystemExit("error: unshare cannot make namespaces; run it as root, outside of a container")
        time.sleep(0.01)
        with suppress(OSError):
            found = children.read_text().split()
    partial = there.init.with_suffix(".new")
    partial.write_text(found[0])
    partial.rename(there.init)
    return holder, int(found[0])


def _is_pause(pid: int) -> bool:
    """Return whether the process runs the program that holds namespaces: its mounts are its own then."""
    try:
        return Path(f"/proc/{pid}/comm").read_text() == "program\n"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _make_mount_points(there: Layout) -> None:
    with (there.base / MADE).open("a") as file:
        for path in map(Path, MOUNT_POINTS):
            absent = [one for one in (path, *path.parents) if not one.exists()]
            path.mkdir(parents=True, exist_ok=True)
            file.writelines(f"{one}\n" for one in absent)


def _start_guard(there: Layout) -> int:
    """Fork a process that cleans once this one is gone, however it ended; return its process ID.

    It inherits the lock, so that no other cluster starts before.
    """
    parent = os.pidfd_open(os.getpid())
    pid = os.fork()
    if pid:
        os.close(parent)
        return pid
    signal.set_wakeup_fd(-1)
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    select.select([parent], [], [])
    clean(there)
    os._exit(0)


def clean(there: Layout) -> None:
    """End what runs, and remove all that the kernel does not; does nothing where nothing is left."""
    if there.init.exists():
        _end(int(there.init.read_text()))
    left = cgroups.remove(there.cgroup)
    if left:
        print(
            f"error: {left[0]}: still in use; end its processes, and run make cluster-down", file=sys.stderr
        )
    made = there.base / MADE
    if made.exists():
        for line in made.read_text().splitlines():
            with suppress(OSError):  # somebody else uses it by now
                if not mounted(line):
                    Path(line).rmdir()
    if any(f" {there.base}/" in line for line in Path("/proc/self/mountinfo").read_text().splitlines()):
        raise SystemExit(f"error: {there.base}: something is mounted there; unmount it")
    for one in sorted(there.base.iterdir()) if there.base.exists() else []:
        if one.name in (LOCK, "supervisor.log"):
            continue
        # A program of its own: Python takes minutes for the files of three nodes' images.
        subprocess.run(["rm", "-rf", "--one-file-system", str(one)], check=False)


def mounted(path: str, proc: Path = Path("/proc")) -> bool:
    """Return whether something is mounted at *path* in the mount namespace of any process.

    The removal of a mount point unmounts it there: a second cluster would lose the files of its nodes.
    """
    for file in proc.glob("[0-9]*/mountinfo"):
        with suppress(OSError):  # the process has ended
            if any(line.split()[4] == path for line in file.read_text().splitlines()):
                return True
    return False


def _end(init: int) -> None:
    """Kill the first process of the namespaces, and wait until the kernel has ended all others."""
    if not _is_pause(init):
        return
    with suppress(ProcessLookupError):
        ending = os.pidfd_open(init)
        signal.pidfd_send_signal(ending, signal.SIGKILL)
        select.select([ending], [], [], 20)
        os.close(ending)


def start(there: Layout, owned: bool) -> subprocess.Popen[bytes]:
    """Start a supervisor, and wait until its namespaces are there; with *owned* it ends with this process."""
    programs.build(programs.PAUSE, there.cache)
    there.base.mkdir(parents=True, exist_ok=True)
    environ = os.environ | {"SITE_CLUSTER_DIR": str(there.base), "SITE_CLUSTER_CACHE": str(there.cache)}
    argv = [sys.executable, "-m", "tests.cluster.supervisor", *(["--owned"] if owned else [])]
    with (there.base / "supervisor.log").open("wb") as log:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE if owned else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    end = time.monotonic() + 60
    while not there.init.exists():
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(
                (there.base / "supervisor.log").read_text() or "error: the supervisor does not start"
            )
        time.sleep(0.02)
    return process


def stop(there: Layout) -> None:
    """End a cluster, and wait until everything is removed."""
    if is_running(there):
        for pid in supervisors(there):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 300  # a busy disk
    while is_running(there):
        if time.monotonic() > end:
            raise SystemExit(f"error: {there.base}: the cluster does not end; read supervisor.log there")
        time.sleep(0.05)
    clean(there)
    shutil.rmtree(there.base, ignore_errors=True)


def supervisors(there: Layout) -> list[int]:
    """Return the processes that hold the lock, supervisor and guard."""
    lock = there.base / LOCK
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(one) == str(lock) for one in (directory / "fd").iterdir()):
                found.append(int(directory.name))
    return found


if __name__ == "__main__":
    sys.exit(supervise(layout(), "--owned" in sys.argv[1:]))
