"""Connections to a machine, and what changes on it; over SSH on loopback."""

from __future__ import annotations

import getpass
import grp
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import paramiko
import pytest

from nodes import runs
from nodes.host import CommandError, Host, HostError
from nodes.inventory import Inventory
from nodes.runs import Session, read_all, run_changes
from nodes.tables import Node
from tests.nodes import labs
from tests.nodes.ssh_server import SshServer, ssh_server

OWNER = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def session(server: SshServer, tmp_path: Path) -> Session:
    (tmp_path / "known_hosts").write_text(server.known_hosts())
    server.client_key.write_private_key_file(str(tmp_path / "id"))
    return Session(inventory(server.port), tmp_path / "known_hosts", (str(tmp_path / "id"),))


def inventory(port: int) -> Inventory:
    """Return the inventory of the tests with all machines on loopback."""
    found = labs.inventory()
    nodes = tuple(replace(one, address="127.0.0.1", jump="") for one in found.nodes)
    return replace(
        found, nodes=nodes, ssh=replace(found.ssh, port=port, connect_timeout=2, command_timeout=10)
    )


def node(session: Session) -> Node:
    return session.inventory.node("edge1")


def failure(session: Session) -> str:
    with pytest.raises(HostError) as caught:
        session.connect(node(session))
    return str(caught.value)


def test_an_unknown_host_key_is_refused_with_the_line_to_add(session: Session, server: SshServer) -> None:
    """Fabric accepts any key by default: somebody in between would get sudo on every machine."""
    session.known_hosts.write_text("# none\n")
    message = failure(session)
    assert message.startswith("edge1: its host key ecdsa-sha2-nistp256 SHA256:")
    assert message.endswith(f"and add the line: {server.known_hosts().strip()}")


def test_another_host_key_is_refused(session: Session, server: SshServer) -> None:
    session.known_hosts.write_text(server.known_hosts(paramiko.ECDSAKey.generate()))
    assert failure(session).startswith("edge1: presents another host key than in nodes/known_hosts")


def test_a_known_hosts_that_paramiko_cannot_read_is_a_fault(session: Session, server: SshServer) -> None:
    session.known_hosts.write_text(f"@cert-authority {server.known_hosts()}")
    assert failure(session).startswith("nodes/known_hosts: cannot be read")


def test_another_user_key_is_refused(session: Session, tmp_path: Path) -> None:
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "other"))
    message = failure(replace(session, identity=(str(tmp_path / "other"),)))
    assert re.fullmatch(r"edge1: refuses the user deploy; name the private key with .+", message)


def test_a_machine_that_is_away_is_a_fault(session: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    away = replace(session, inventory=inventory(port))
    assert failure(away).startswith("edge1: away (Unable to connect to port ")


def test_small_packets_are_sent_at_once(session: Session) -> None:
    """With Nagle's algorithm each command waits for a delayed acknowledgement: 40 ms."""
    with session.connect(node(session)) as host:
        transport: Any = host._transport
        sock = transport._connection.transport.sock
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_arguments_reach_a_command_as_they_are(session: Session, tmp_path: Path) -> None:
    """Values of the inventory never become part of a command."""
    values = ("a b", "$HOME", "`id`", "x;y", "it's", '"', "*", "ü")
    with session.connect(node(session)) as host:
        assert host.read("printf", "%s\\n", *values).stdout.splitlines() == list(values)


def test_a_command_that_fails_or_takes_too_long_is_an_error(session: Session) -> None:
    with session.connect(node(session)) as host:
        assert host.read("false", check=False).status == 1
        with pytest.raises(CommandError, match=r"^edge1: ls --: exit status 2: .*/none.*No such file"):
            host.read("ls", "--", "/none")
        with pytest.raises(HostError, match=r"^edge1: sleep: gave no result within 1 s; look at"):
            host.read("sleep", "9", timeout=1)
        with pytest.raises(HostError, match=r"^edge1: sh: ended without an exit status: it was killed, or"):
            host.read("sh", "-c", "kill -9 $$")


def test_a_timeout_is_one_while_its_timer_still_runs(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread closes the channel, and may go on after the end of the command was seen."""
    close = paramiko.Channel.close

    def close_slowly(channel: paramiko.Channel) -> None:
        close(channel)
        time.sleep(0.5)

    with session.connect(node(session)) as host:
        monkeypatch.setattr(paramiko.Channel, "close", close_slowly)
        with pytest.raises(HostError, match=r"^edge1: sleep: gave no result within 1 s; look at"):
            host.read("sleep", "9", timeout=1)
        assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def test_a_file_is_written_once(session: Session, tmp_path: Path) -> None:
    """A second run changes nothing: content, mode and owner are compared before."""
    path = tmp_path / "etc" / "a b" / "one.conf"
    with session.connect(node(session)) as host:
        assert host.write(str(path), "one\ntwo\n", mode=0o640, owner=OWNER)
        assert not host.write(str(path), "one\ntwo\n", mode=0o640, owner=OWNER)
        assert host.write(str(path), "one\nTWO\n", mode=0o640, owner=OWNER)
        assert host.write(str(path), "one\nTWO\n", mode=0o600, owner=OWNER)
    assert path.read_text() == "one\nTWO\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["one.conf"]
    assert [change.what for change in host.changes] == [
        f"write {path}",
        f"write {path}",
        f"write {path} (640 {OWNER.replace(':', ' ')} becomes 600 {OWNER.replace(':', ' ')})",
    ]
    assert host.changes[1].diff.splitlines() == [
        f"--- {path}", f"+++ {path}", "@@ -1,2 +1,2 @@", " one", "-two", "+TWO",
    ]  # fmt: skip


def test_the_content_of_a_secret_is_neither_read_nor_shown(
    session: Session, server: SshServer, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    path.write_text("old secret\n")
    with session.connect(node(session)) as host:
        assert host.write(str(path), "new secret\n", mode=0o600, owner=OWNER, secret=True)
        assert not host.write(str(path), "new secret\n", mode=0o600, owner=OWNER, secret=True)
    assert path.read_text() == "new secret\n"
    assert " secret" not in str(host.changes)
    assert not any(" secret" in command for command in server.commands)


def test_a_dry_run_leaves_the_machine_as_it_is(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "one.conf"
    with replace(session, dry_run=True).connect(node(session)) as host:
        assert host.write(str(path), "one\n", owner=OWNER, then="service")
        host.change("make a file", "touch", str(tmp_path / "made"))
        assert host.settle("service", "reload it", "touch", str(tmp_path / "reloaded"))
    assert [change.what for change in host.changes] == [f"write {path}", "make a file", "reload it"]
    assert {file.name for file in tmp_path.iterdir()} == {"id", "known_hosts"}


def test_a_reload_that_failed_is_done_by_the_next_run(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is the same then, so a run that looks at files alone would leave the old one in use."""
    monkeypatch.setattr("nodes.host.PENDING", str(tmp_path / "pending"))
    path, flag = tmp_path / "one.conf", tmp_path / "ready"
    with session.connect(node(session)) as host:
        host.write(str(path), "one\n", owner=OWNER, then="service")
        with pytest.raises(CommandError):
            host.settle("service", "reload it", "test", "-e", str(flag))
    flag.touch()
    with session.connect(node(session)) as host:
        assert not host.write(str(path), "one\n", owner=OWNER, then="service")
        assert host.settle("service", "reload it", "test", "-e", str(flag))
    with session.connect(node(session)) as host:
        assert not host.settle("service", "reload it", "test", "-e", str(flag))


def test_changes_stop_at_the_first_machine_that_fails(session: Session) -> None:
    """What is done stays, and the summary names it."""

    def apply(host: Host) -> None:
        host.change("try", "test", host.node.name, "!=", "mail1")

    done = run_changes(session, "try", session.inventory.chosen(), apply)
    assert [(one.host, one.state, len(one.changes)) for one in done.hosts] == [
        ("edge1", runs.CHANGED, 1),
        ("mail1", runs.FAILED, 0),
        ("plane1", runs.NOT_STARTED, 0),
        ("worker1", runs.NOT_STARTED, 0),
    ]
    assert done.has_failed
    assert done.hosts[1].fault == "mail1: try: exit status 1: (it wrote no message)"


def test_a_machine_that_is_away_does_not_stop_the_reads_of_others(session: Session) -> None:
    def read(host: Host) -> str:
        if host.node.name == "mail1":
            host.fail("broken", "mend it")
        with pytest.raises(AssertionError):
            assert host.changes
        return host.read("echo", host.node.name).stdout.strip()

    found = read_all(session, session.inventory.chosen(), read)
    assert {name: str(value) for name, value in found.items()} == {
        "edge1": "edge1",
        "mail1": "mail1: broken; mend it",
        "plane1": "plane1",
        "worker1": "worker1",
    }
