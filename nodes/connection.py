"""Connect to a machine over SSH. The only importer of Fabric.

Reads known_hosts and the keys of SSH. No writes. Network: the machine, and the one that it is reached by.
"""

from __future__ import annotations

import base64
import hashlib
import io
import shlex
import socket
from contextlib import suppress
from pathlib import Path

from fabric import Config, Connection
from fabric.runners import Remote
from invoke.exceptions import CommandTimedOut
from paramiko import MissingHostKeyPolicy, PKey, SSHClient, SSHConfig
from paramiko.hostkeys import InvalidHostKey
from paramiko.ssh_exception import BadHostKeyException, SSHException

from nodes.host import Host, HostError, Output
from nodes.inventory import Inventory
from nodes.tables import Node

KNOWN_HOSTS = "nodes/known_hosts"
_KEEPALIVE = 15  # seconds between packets that find a dead connection
# Of paramiko's connect. A channel that does not open would otherwise be waited for an hour.
_TIMEOUTS = ("banner_timeout", "auth_timeout", "channel_timeout")
_NO_STATUS = -1  # of a channel that was closed before its command ended


def connect(
    inventory: Inventory,
    node: Node,
    known_hosts: Path,
    identity: tuple[str, ...] = (),
    *,
    dry_run: bool = False,
) -> Host:
    """Return *node*, connected; raise HostError when it is away, or its key is not that of *known_hosts*.

    *identity* are files of private keys; without any, those of the agent and of ~/.ssh are tried.
    """
    connection = _connection(inventory, node, known_hosts, identity)
    try:
        connection.open()
    except (HostError, OSError, EOFError, SSHException) as error:
        message = _why(error, connection, inventory, node)
        connection.client.close()
        raise HostError(message) from None
    if connection.transport is not None:
        connection.transport.set_keepalive(_KEEPALIVE)
    _disable_nagle(connection)
    transport = _FabricTransport(node.name, connection)
    return Host(node, transport, timeout=inventory.ssh.command_timeout, dry_run=dry_run)


def _disable_nagle(connection: Connection) -> None:
    """Send small packets at once, as OpenSSH does: else a command waits 40 ms for an acknowledgement."""
    first = connection.gateway if isinstance(connection.gateway, Connection) else connection
    if first.transport is not None and isinstance(first.transport.sock, socket.socket):
        first.transport.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _why(error: Exception, connection: Connection, inventory: Inventory, node: Node) -> str:
    """Return why the connection failed, and the fix."""
    if isinstance(error, HostError):
        return str(error)
    if isinstance(error, BadHostKeyException):
        return (
            f"{node.name}: presents another host key than in {KNOWN_HOSTS}, {_fingerprint(error.key)}; do not"
            " connect before you know why: a new installation, or somebody in between"
        )
    transport = connection.client.get_transport()
    # Of several types of keys, paramiko reports the one that it tried last: the state of the transport tells.
    if transport is not None and transport.is_active() and transport.initial_kex_done:
        fix = f"name the private key with `fab -i FILE`, or add the public one to {node.name}"
        return f"{node.name}: refuses the user {inventory.ssh.user}; {fix}"
    return f"{node.name}: away ({_line(error)}); start it, or check its address"


def _connection(inventory: Inventory, node: Node, known_hosts: Path, identity: tuple[str, ...]) -> Connection:
    ssh = inventory.ssh
    gateway = _connection(inventory, inventory.node(node.jump), known_hosts, identity) if node.jump else None
    keys = {"key_filename": list(identity), "look_for_keys": False, "allow_agent": False} if identity else {}
    connection = Connection(
        node.ssh_address,
        user=ssh.user,
        port=ssh.port,
        gateway=gateway,
        # Nothing of ~/.ssh/config: each operator gets the same.
        config=Config(ssh_config=SSHConfig(), overrides={"runners": {"remote": _Runner}}),
        connect_timeout=ssh.connect_timeout,
        connect_kwargs={**keys, **dict.fromkeys(_TIMEOUTS, ssh.connect_timeout)},
    )
    # Fabric's own policy accepts any host key.
    connection.client.set_missing_host_key_policy(_RefuseUnknown(node.name))
    try:
        connection.client.load_host_keys(str(known_hosts))
    except (InvalidHostKey, OSError, SSHException) as error:
        fix = "write lines of address, type and key, without @cert-authority"
        raise HostError(f"{KNOWN_HOSTS}: cannot be read ({_line(error)}); {fix}") from None
    return connection


class _Runner(Remote):  # type: ignore[misc]  # Fabric has no types
    """Fabric's runner, which knows that a command took too long as soon as its timer has begun to end it.

    Invoke asks whether the thread of the timer has ended, while that may still close the channel.
    """

    _late = False

    def kill(self) -> None:
        self._late = True
        with suppress(OSError, EOFError, SSHException):  # the connection has ended, too
            super().kill()

    @property
    def timed_out(self) -> bool:
        if self._late and self._timer:
            self._timer.join()
        return self._late


class _RefuseUnknown(MissingHostKeyPolicy):
    """Refuse a machine that known_hosts lacks, and print the line to add."""

    def __init__(self, name: str) -> None:
        self._name = name

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:
        raise HostError(
            f"{self._name}: its host key {_fingerprint(key)} is not in {KNOWN_HOSTS}; compare it at the"
            " console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), and add the line:"
            f" {hostname} {key.get_name()} {key.get_base64()}"
        )


class _FabricTransport:
    """Commands and uploads by Fabric."""

    def __init__(self, name: str, connection: Connection) -> None:
        self._name = name
        self._connection = connection

    def run(self, argv: tuple[str, ...], timeout: float, *, sudo: bool) -> Output:
        command = shlex.join(("sudo", "-n", "--", *argv) if sudo else argv)
        program = argv[2] if argv[0] == "env" else argv[0]
        try:
            result = self._connection.run(
                command, hide=True, warn=True, in_stream=False, timeout=timeout, encoding="utf-8"
            )
        except CommandTimedOut:
            text = f"{self._name}: {program}: gave no result within {timeout:g} s"
            raise HostError(f"{text}; look at the machine") from None
        except (OSError, EOFError, SSHException) as error:
            raise HostError(f"{self._name}: the connection broke ({_line(error)}); run it again") from None
        if result.exited == _NO_STATUS:
            text = f"{self._name}: {program}: ended without an exit status"
            raise HostError(f"{text}: it was killed, or the connection broke; run it again")
        return Output(result.exited, result.stdout, result.stderr)

    def upload(self, data: bytes, path: str) -> None:
        try:
            self._connection.put(io.BytesIO(data), remote=path)
        except (OSError, EOFError, SSHException) as error:
            raise HostError(f"{self._name}: the upload failed ({_line(error)}); run it again") from None

    def download(self, path: str) -> bytes:
        buffer = io.BytesIO()
        try:
            self._connection.get(path, local=buffer)
        except (OSError, EOFError, SSHException) as error:
            raise HostError(f"{self._name}: the download failed ({_line(error)}); run it again") from None
        return buffer.getvalue()

    def close(self) -> None:
        self._connection.close()
        if isinstance(self._connection.gateway, Connection):
            self._connection.gateway.close()


def _fingerprint(key: PKey) -> str:
    digest = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    return f"{key.get_name()} SHA256:{digest}"


def _line(error: BaseException) -> str:
    """Return *error* as one line, without the number that paramiko's NoValidConnectionsError lacks."""
    return " ".join(str(error).removeprefix("[Errno None] ").split()) or type(error).__name__
