"""A cluster leaves nothing behind, also when its own processes are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import cgroups, processes, supervisor
from tests.cluster.layout import ROOT, Layout, layout

pytestmark = pytest.mark.cluster

# What a cluster makes: a mount, a network namespace, a firewall rule, a process that ignores signals.
CONTENT = """
trap '' TERM HUP INT
mount -t tmpfs tmpfs /run
ip netns add node1
ip link add node1 type veth peer name eth0 netns node1
iptables -A FORWARD -j DROP
echo made
while :; do sleep 1; done
"""


@dataclass
class Empty:
    """A cluster without Kubernetes, and the processes of this test that belong to it."""

    there: Layout
    children: list[subprocess.Popen[Any]] = field(default_factory=list)

    def start(self, *, owned: bool = False) -> subprocess.Popen[bytes]:
        """Start its supervisor, and make all that a cluster makes."""
        process = supervisor.start(self.there, owned)
        self.children.append(process)
        cgroups.create(f"{self.there.cgroup}/node1")
        argv = processes.enter(self.there, ["sh", "-c", CONTENT])
        inside = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.children.append(inside)
        assert inside.stdout
        assert inside.stdout.readline() == "made\n"
        (self.there.run / "data").write_text("data")
        return process


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Empty]:
    """A cluster that does not run yet."""
    if os.getuid() != 0:
        pytest.skip("makes namespaces as root: make e2e")
    one = Empty(Layout(cache=layout().cache, base=tmp_path / "cluster"))
    yield one
    supervisor.stop(one.there)
    for child in one.children:
        child.wait(20)
        for pipe in (child.stdin, child.stdout):
            if pipe:
                pipe.close()


def snapshot() -> dict[str, list[str]]:
    """Return what a cluster could leave on the machine."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    return {
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "links": sorted(os.listdir("/sys/class/net")),
        "namespaces": sorted(os.listdir("/run/netns")) if Path("/run/netns").exists() else [],
        "rules": sorted(line for line in rules.splitlines() if line.startswith("-")),
        "cgroups": sorted(str(one) for root in cgroups.hierarchies() for one in root.glob("site-cluster-*")),
        "mount points": [path for path in supervisor.MOUNT_POINTS if Path(path).exists()],
    }


def running(there: Layout) -> list[str]:
    """Return the command lines of the processes that belong to the cluster."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (directory / "cmdline").read_bytes() + (directory / "environ").read_bytes()
            if str(there.base).encode() in words and int(directory.name) != os.getpid():
                found.append((directory / "cmdline").read_bytes().decode())
    return found


def assert_nothing_left(there: Layout, before: dict[str, list[str]]) -> None:
    processes.wait_until(lambda: not supervisor.is_running(there), 30, "supervisor and guard do not end")
    assert snapshot() == before
    assert running(there) == []
    assert {one.name for one in there.base.iterdir()} <= {supervisor.LOCK, "supervisor.log"}


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def test_a_stopped_cluster_leaves_nothing(empty: Empty) -> None:
    before = snapshot()
    process = empty.start()
    assert snapshot()["cgroups"] != before["cgroups"]
    supervisor.stop(empty.there)
    assert process.wait() == 0
    assert snapshot() == before
    assert not empty.there.base.exists()


@pytest.mark.parametrize("victim", ["supervisor", "init", "owner"])
def test_a_killed_cluster_leaves_nothing(empty: Empty, victim: str) -> None:
    """Each is killed by SIGKILL, which nobody can handle: the others clean."""
    before = snapshot()
    process = empty.start(owned=True)
    if victim == "supervisor":
        kill(process.pid)
    elif victim == "init":
        kill(int(empty.there.init.read_text()))
    else:
        assert process.stdin
        process.stdin.close()  # as the kernel does when the owner is killed
    process.wait()
    assert_nothing_left(empty.there, before)


def test_a_killed_guard_is_replaced(empty: Empty) -> None:
    before = snapshot()
    process = empty.start()
    (guard,) = (pid for pid in supervisor.supervisors(empty.there) if pid != process.pid)
    kill(guard)
    processes.wait_until(
        lambda: guard not in supervisor.supervisors(empty.there), 10, "the guard is still there"
    )
    processes.wait_until(lambda: len(supervisor.supervisors(empty.there)) == 2, 10, "no new guard")
    kill(process.pid)
    process.wait()
    assert_nothing_left(empty.there, before)


def test_the_next_command_cleans_after_both_were_killed(empty: Empty) -> None:
    """The kernel has ended the processes; `make cluster-down`, or the next start, removes the rest."""
    before = snapshot()
    process = empty.start()
    for pid in supervisor.supervisors(empty.there):
        os.kill(pid, signal.SIGSTOP)
    for pid in supervisor.supervisors(empty.there):
        kill(pid)
    process.wait()
    processes.wait_until(lambda: not supervisor.is_running(empty.there), 10, "the lock is held")
    supervisor.stop(empty.there)
    assert snapshot() == before
    assert running(empty.there) == []


def test_a_second_cluster_in_one_directory_is_refused(empty: Empty) -> None:
    empty.start()
    environ = os.environ | {"SITE_CLUSTER_DIR": str(empty.there.base)}
    argv = [sys.executable, "-m", "tests.cluster.supervisor"]
    second = subprocess.run(argv, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (second.returncode, second.stderr) == (
        1,
        f"error: {empty.there.base}: a cluster runs there; run make cluster-down\n",
    )


def test_an_end_takes_seconds(empty: Empty) -> None:
    """A signal that processes ignore, or a wait for each of them, would show here."""
    empty.start()
    begun = time.monotonic()
    supervisor.stop(empty.there)
    assert time.monotonic() - begun < 10
