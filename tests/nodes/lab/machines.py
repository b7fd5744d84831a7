"""Start and stop the machines of a lab, and run commands in it.

Starts ip, systemd-nspawn. Writes the directory that it is given, /run/netns and cgroups. Needs root.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

NETWORK = "172.31.0"  # of the underlay, in a namespace of its own
_BOOT = Path(__file__).parent / "boot.sh"
_START = 60.0  # seconds until sshd answers
_RETRY = 0.2


def run(*argv: str | Path, check: bool = True) -> str:
    """Run *argv* and return its stdout; raise CalledProcessError with *check*."""
    done = subprocess.run([str(one) for one in argv], check=check, capture_output=True, text=True)
    return done.stdout


@dataclass
class Machine:
    """One booted machine."""

    name: str
    number: int  # last number of its addresses
    directory: Path
    netns: str
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    @property
    def leader(self) -> int:
        """The process id of its systemd."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def argv(self, *argv: str) -> list[str]:
        """Return the command that runs *argv* as root inside."""
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        namespaces = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
        return ["nsenter", "--target", str(self.leader), *namespaces, "env", "-i", path, "LC_ALL=C", *argv]

    def run(self, *argv: str, check: bool = True) -> str:
        """Run *argv* as root inside, and return its stdout."""
        return run(*self.argv(*argv), check=check)


@dataclass
class Lab:
    """Machines that are joined by a bridge."""

    directory: Path
    base: Path
    netns: str = field(default_factory=lambda: f"lab-{os.getpid()}")
    machines: dict[str, Machine] = field(default_factory=dict)
    options: tuple[str, ...] = ()  # of systemd-nspawn; "{directory}" is that of the machine

    def command(self, *argv: str) -> list[str]:
        """Return the command that runs *argv* in the network of the lab."""
        return ["nsenter", f"--net=/run/netns/{self.netns}", *argv]

    @contextmanager
    def network(self) -> Iterator[None]:
        """Be in the network of the lab meanwhile, with the sockets and programs of this thread."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.netns}") as inside:
            _enter(inside)
            try:
                yield
            finally:
                _enter(home)

    def start(self, name: str, number: int, authorized_key: str) -> Machine:
        """Boot a machine; a machine of the same name gets its disk back."""
        directory, netns = self.directory / name, f"{self.netns}-{name}"
        for one in ("upper", "work", "root"):
            (directory / one).mkdir(parents=True, exist_ok=True)
        if not Path(f"/run/netns/{netns}").exists():
            self._join(name, number, netns)
            _write_identity(directory / "upper", name, authorized_key)
        with (directory / "console").open("ab") as console:
            process = subprocess.Popen(
                ["unshare", "--mount", "--propagation", "private", str(_BOOT), name, str(directory),
                 str(self.base), f"/run/netns/{netns}",
                 *(one.format(directory=directory) for one in self.options)],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True,
            )  # fmt: skip
        machine = self.machines[name] = Machine(name, number, directory, netns, process)
        self._wait(machine)
        return machine

    def _join(self, name: str, number: int, netns: str) -> None:
        """Make the network namespace of a machine, with a card on the bridge."""
        run("ip", "netns", "add", netns)
        card = f"v-{name}"
        run(*self.command("ip", "link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", netns))
        run(*self.command("ip", "link", "set", card, "master", "br0", "up"))
        inside = ("nsenter", f"--net=/run/netns/{netns}", "ip")
        run(*inside, "address", "add", f"{NETWORK}.{number}/24", "dev", "eth0")
        run(*inside, "link", "set", "eth0", "up")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "route", "add", "default", "via", f"{NETWORK}.1")

    def _wait(self, machine: Machine) -> None:
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline:
            if machine.process.poll() is not None:
                break
            script = f"exec 3<>/dev/tcp/{machine.address}/22 && head -c 4 <&3"
            answer = run(*self.command("bash", "-c", script), check=False)
            if answer == "SSH-":
                return
            time.sleep(_RETRY)
        console = (machine.directory / "console").read_text("utf-8", "replace")
        raise AssertionError(f"{machine.name} does not start:\n{console[-3000:]}")

    def host_key(self, name: str) -> str:
        """Return the line of known_hosts of a machine."""
        machine = self.machines[name]
        key = (machine.directory / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        return f"{machine.address} {key[0]} {key[1]}\n"

    def stop(self, name: str) -> None:
        """Stop a machine at once, as a power failure does."""
        machine = self.machines.pop(name)
        with suppress(OSError, IndexError):
            os.kill(machine.leader, signal.SIGKILL)
        machine.process.wait(30)


def _enter(netns: TextIO) -> None:
    """Move this thread into *netns*: setns(2), which `os` has since Python 3.12."""
    if ctypes.CDLL(None, use_errno=True).setns(netns.fileno(), 0):
        raise OSError(ctypes.get_errno(), "setns")


def _write_identity(upper: Path, name: str, authorized_key: str) -> None:
    """Write what tells a machine from the others: name, host key, the key of its user."""
    ssh = upper / "etc" / "ssh"
    ssh.mkdir(parents=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", ssh / "ssh_host_ed25519_key")
    (upper / "etc" / "hostname").write_text(f"{name}\n")
    (upper / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    home = upper / "home" / "deploy"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "authorized_keys").write_text(authorized_key)
    run("chown", "-R", "1000:1000", home)
    run("chmod", "700", home, home / ".ssh")


@contextmanager
def lab(
    directory: Path, base: Path, names: Sequence[str], authorized_key: str, options: tuple[str, ...] = ()
) -> Iterator[Lab]:
    """Run machines with these names, numbered from 11, until the block ends."""
    found = Lab(directory, base, options=options)
    run("ip", "netns", "add", found.netns)
    try:
        run(*found.command("ip", "link", "set", "lo", "up"))
        run(*found.command("ip", "link", "add", "br0", "type", "bridge"))
        run(*found.command("ip", "address", "add", f"{NETWORK}.1/24", "dev", "br0"))
        run(*found.command("ip", "link", "set", "br0", "up"))
        for number, name in enumerate(names, 11):
            found.start(name, number, authorized_key)
        yield found
    finally:
        for name in list(found.machines):
            found.stop(name)
        for name in names:
            run("ip", "netns", "delete", f"{found.netns}-{name}", check=False)
        run("ip", "netns", "delete", found.netns, check=False)
        for group in Path("/sys/fs/cgroup").glob("*/lab-*"):
            with suppress(OSError):  # of another lab
                group.rmdir()
