"""An SSH server on loopback that runs commands here: a machine for the tests of nodes/host.py.

It speaks the real protocol, with public keys and SFTP. `sudo` is a script that runs its command.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import paramiko
from paramiko import common

_SUDO = '#!/bin/sh\n[ "$1 $2" = "-n --" ] || exit 97\nshift 2\nexec "$@"\n'


@dataclass
class SshServer:
    """A running server."""

    port: int
    host_key: paramiko.PKey
    client_key: paramiko.PKey
    commands: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)

    def known_hosts(self, key: paramiko.PKey | None = None) -> str:
        """Return the line of known_hosts, with *key* in place of the right one."""
        one = key or self.host_key
        return f"[127.0.0.1]:{self.port} {one.get_name()} {one.get_base64()}\n"


KILLED = 128 + 9  # status of a shell whose command was killed


class _Session(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        is_known = username == "deploy" and key.asbytes() == self._server.client_key.asbytes()
        return common.AUTH_SUCCESSFUL if is_known else common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return common.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.commands.append(command.decode())
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        # The reply comes after the server has accepted the command: a client refuses output before that.
        channel.get_transport().global_request("keepalive@openssh.com", wait=True)
        run = subprocess.run(
            ["sh", "-c", command], env=self._server.environ, capture_output=True, check=False
        )
        try:
            channel.sendall(run.stdout)
            channel.sendall_stderr(run.stderr)
            if run.returncode != KILLED:  # sshd sends a signal then, and no status (RFC 4254, 6.10)
                channel.send_exit_status(run.returncode)
            channel.close()
        except OSError:  # the client did not wait
            pass


class _File(paramiko.SFTPHandle):
    writefile: BinaryIO  # to which the base class writes

    def stat(self) -> paramiko.SFTPAttributes:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self.writefile.fileno()))


class _Files(paramiko.SFTPServerInterface):
    def open(self, path: str, flags: int, attr: paramiko.SFTPAttributes) -> paramiko.SFTPHandle:
        handle = _File(flags)
        handle.writefile = os.fdopen(os.open(path, flags, 0o600), "wb")
        return handle

    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)


@contextmanager
def ssh_server(directory: Path) -> Iterator[SshServer]:
    """Serve on a free port of loopback; *directory* gets the script `sudo`."""
    sudo = directory / "bin" / "sudo"
    sudo.parent.mkdir(parents=True)
    sudo.write_text(_SUDO)
    sudo.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = SshServer(
            listener.getsockname()[1], paramiko.ECDSAKey.generate(), paramiko.ECDSAKey.generate()
        )
        server.environ["PATH"] = f"{sudo.parent}:{os.environ['PATH']}"
        server.environ["TMPDIR"] = str(directory)
        transports: list[paramiko.Transport] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:  # closed
                    return
                transport = paramiko.Transport(connection)
                transport.add_server_key(server.host_key)
                transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files)
                transports.append(transport)
                with suppress(paramiko.SSHException, EOFError, OSError):  # the client went away
                    transport.start_server(server=_Session(server))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for transport in transports:
                transport.close()
