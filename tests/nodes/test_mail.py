"""The mail server without a machine: its tables, passwords, and files that return when a check fails."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nodes.host import Host, HostError
from nodes.render.files import ConfigFile
from nodes.render.mail import dovecot_files, hook_file, opendkim_files, postfix_files
from nodes.runs import Session
from nodes.tasks.checked import Checked, write_checked
from nodes.tasks.passwords import read_password
from pipelines.core.errors import UsageError
from tests.nodes import labs
from tests.nodes.ssh_server import SshServer, ssh_server
from tests.nodes.test_host import OWNER, inventory


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def host(server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for module in ("nodes.host", "nodes.tasks.checked"):
        monkeypatch.setattr(f"{module}.PENDING", str(tmp_path / "pending"))
    monkeypatch.setattr("nodes.tasks.checked._DIRECTORY", str(tmp_path / "kept"))
    (tmp_path / "known_hosts").write_text(server.known_hosts())
    server.client_key.write_private_key_file(str(tmp_path / "id"))
    session = Session(inventory(server.port), tmp_path / "known_hosts", (str(tmp_path / "id"),))
    with session.connect(session.inventory.node("mail1")) as connected:
        yield connected


def service(directory: Path, text: str) -> Checked:
    """Return a service of two files: its check wants "good" in both, and its load the file `ready`."""
    files = tuple(ConfigFile(f"{directory}/{name}", text, owner=OWNER, then="it") for name in ("one", "two"))
    check = ("grep", "-q", "good", files[0].path, files[1].path)
    return Checked("it", files, check, ("cp", f"{directory}/ready", f"{directory}/loaded"))


def test_files_that_their_program_refuses_are_taken_back(host: Host, tmp_path: Path) -> None:
    """The next restart of the program, at night, would end it."""
    (tmp_path / "one").write_text("old\n")
    (tmp_path / "ready").touch()
    with pytest.raises(
        HostError, match=r"^mail1: check the files of it: exit status 1: .*\(the old files are back\)$"
    ):
        write_checked(host, service(tmp_path, "bad\n"))
    assert (tmp_path / "one").read_text() == "old\n"
    assert not (tmp_path / "two").exists()
    assert not host.read("find", str(tmp_path / "pending"), "-type", "f").stdout
    assert not (tmp_path / "loaded").exists()


def test_files_that_cannot_be_loaded_are_taken_back(host: Host, tmp_path: Path) -> None:
    (tmp_path / "one").write_text("old\n")
    with pytest.raises(HostError, match=r"^mail1: load the (old )?files of it"):
        write_checked(host, service(tmp_path, "good\n"))
    assert (tmp_path / "one").read_text() == "old\n"


def test_files_are_written_checked_and_loaded_once(host: Host, tmp_path: Path) -> None:
    (tmp_path / "ready").touch()
    assert write_checked(host, service(tmp_path, "good\n"))
    assert not write_checked(host, service(tmp_path, "good\n"))
    assert (tmp_path / "loaded").exists()
    assert [change.what for change in host.changes] == [
        "keep the old files of it",
        f"write {tmp_path}/one",
        f"write {tmp_path}/two",
        "check the files of it",
        "load the files of it",
    ]


def test_a_run_that_broke_off_is_checked_by_the_next(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are in place, and nobody has checked them; the copies are older than they."""
    (tmp_path / "one").write_text("old\n")
    broken = service(tmp_path, "bad\n")
    with monkeypatch.context() as patch:
        patch.setattr("nodes.tasks.checked.write_files", _write_and_break_off)
        with pytest.raises(HostError, match="the connection broke"):
            write_checked(host, broken)
    assert (tmp_path / "one").read_text() == "bad\n"
    with pytest.raises(HostError, match=r"\(the old files are back\)$"):
        write_checked(host, broken)
    assert (tmp_path / "one").read_text() == "old\n"


def _write_and_break_off(host: Host, files: list[ConfigFile]) -> None:
    for file in files:
        host.write(file.path, file.text, owner=file.owner, then=file.then)
    raise HostError("mail1: the connection broke")


def test_a_secret_goes_to_a_command_by_its_stdin(host: Host, server: SshServer, tmp_path: Path) -> None:
    """Every user reads arguments; the uploaded file is gone before the command starts."""
    before = len(server.commands)
    script = 'cat > "$1"; find "$2" -name upload >> "$1"'
    host.change_with(
        "set it", b"a walk at dusk\n", "sh", "-c", script, "sh", f"{tmp_path}/got", server.environ["TMPDIR"]
    )
    assert (tmp_path / "got").read_text() == "a walk at dusk\n"
    assert len(server.commands) > before
    assert not any("walk" in one for one in server.commands[before:])


@pytest.mark.parametrize(
    ("address", "typed", "message"),
    [
        ("ann@lab.example", "a long password\n", "--user: 'ann@lab.example' is not a mailbox of nodes/"),
        ("info@lab.example", "a long password\n", "--user: 'info@lab.example' is not a mailbox"),
        ("anna@lab.example", "too short\n", "the password has fewer than 12 printable characters"),
        ("anna@lab.example", "", "the password has fewer than 12 printable characters"),
        ("anna@lab.example", "with a\ttabulator\n", "the password has fewer than 12 printable characters"),
    ],
)
def test_a_password_that_cannot_be_set_is_refused(address: str, typed: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{message}") as caught:
        read_password(labs.inventory(), address, io.StringIO(typed))
    assert not typed.strip() or typed.strip() not in str(caught.value)


def test_a_password_is_the_first_line_of_stdin() -> None:
    found = read_password(labs.inventory(), "anna@lab.example", io.StringIO("a long password\r\nmore\n"))
    assert found == "a long password"


def test_further_domains_sign_with_keys_of_their_own() -> None:
    found = labs.inventory()
    mail = replace(found.mail, domains=("lab.example", "small.example"), selector="s2", host="lab.example")
    inventory = replace(found, mail=mail)
    files = {one.path: one.text for one in (*postfix_files(inventory), *opendkim_files(inventory))}
    assert files["/etc/opendkim/keytable"].splitlines()[1:] == [
        "s2._domainkey.lab.example lab.example:s2:/etc/dkimkeys/lab.example/s2.private",
        "s2._domainkey.small.example small.example:s2:/etc/dkimkeys/small.example/s2.private",
    ]
    main = files["/etc/postfix/main.cf"].splitlines()
    assert "virtual_mailbox_domains = lab.example, small.example" in main
    # A server named as a domain has mailboxes there: an alias domain of that name would refuse them.
    assert "virtual_alias_domains = localhost" in main


def test_no_file_has_a_secret_and_the_hook_alone_is_executable() -> None:
    found = labs.inventory()
    files = (*postfix_files(found), *dovecot_files(found), *opendkim_files(found), hook_file(found))
    assert {one.path for one in files if one.mode != 0o644} == {
        "/etc/letsencrypt/renewal-hooks/deploy/50-mail"
    }
