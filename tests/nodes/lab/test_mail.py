"""The mail server: what it takes, refuses and signs, over SMTP and IMAP; after test_tasks."""

from __future__ import annotations

import imaplib
import json
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.api.live_site import API, Site, login_environment
from tests.api.processes import run_gunicorns
from tests.nodes.lab.conftest import Operator
from tests.nodes.lab.machines import Machine
from tests.nodes.lab.pebble import Pebble, pebble
from tests.nodes.lab.test_tasks import check_three_runs
from tests.support.previews import free_port
from tests.support.project import ROOT

pytestmark = pytest.mark.nodes

SERVER = "172.31.0.12"
ANNA, BERT, FULL, LOGIN = (f"{name}@lab.example" for name in ("anna", "bert", "full", "login"))
PASSWORD = "a password of the lab"
HOST = "mail.lab.example"
LIVE = f"/etc/letsencrypt/live/{HOST}"
# Runs Python with another /etc/hosts, in a mount namespace of its own.
_PYTHON = """#!/bin/sh
exec unshare --mount sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' {hosts} {python} "$@"
"""
_INVENTORY = """
[mail]
host = "mail.lab.example"

[[mailbox]]
address = "anna@lab.example"

[[mailbox]]
address = "bert@lab.example"

[[mailbox]]
address = "full@lab.example"
quota = "1M"

[[mailbox]]
address = "login@lab.example"

[[alias]]
address = "postmaster@lab.example"
mailboxes = ["anna@lab.example"]

[[alias]]
address = "info@lab.example"
mailboxes = ["anna@lab.example", "bert@lab.example"]
"""
# Prints whether a mail is signed by the key of the record: as it came, then with another subject.
_VERIFY = """
import re, sys, dkim
mail = sys.stdin.buffer.read()
record = b"".join(re.findall(rb'"([^"]*)"', open("/etc/dkimkeys/lab.example/s1.txt", "rb").read()))
def find(name, timeout=5):
    return record if name == b"s1._domainkey.lab.example." else None
for one in (mail, re.sub(rb"(?m)^Subject: ", b"Subject: x", mail, count=1)):
    print(dkim.verify(one, dnsfunc=find))
"""


@pytest.fixture(scope="module")
def machine(operator: Operator) -> Iterator[Machine]:
    """The mail server; the inventory has it until the end."""
    text = operator.inventory.read_text()
    operator.edit(r'(name = "n2"\n(?:public_key.*\n)?roles = \[)', r'\1"mail", ')
    operator.inventory.write_text(operator.inventory.read_text() + _INVENTORY)
    assert operator.states("firewall.apply", "--hosts", "n2") == {"n2": "changed"}
    yield operator.lab.machines["n2"]
    operator.inventory.write_text(text)


@pytest.fixture(scope="module")
def authority(operator: Operator, machine: Machine) -> Iterator[Pebble]:
    """An authority on n3."""
    with pebble(operator.lab.machines["n3"], "n3", machine, hosts={HOST: SERVER}) as running:
        yield running


@pytest.fixture(scope="module")
def trust(authority: Pebble, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the root that clients trust."""
    file = tmp_path_factory.mktemp("mail") / "ca.pem"
    file.write_text(authority.root(machine))
    return file


class _Smtp(smtplib.SMTP):
    """A client that finds the server by its address, and checks its name."""

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((SERVER, port), timeout)


class _Smtps(smtplib.SMTP_SSL):
    """The same on port 465."""

    context: ssl.SSLContext

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((SERVER, port), timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


class _Imap(imaplib.IMAP4_SSL):
    """The same for IMAP."""

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = socket.create_connection((SERVER, self.port), timeout)
        secure: socket.socket = self.ssl_context.wrap_socket(plain, server_hostname=self.host)
        return secure


def mail(sender: str, to: str, subject: str, text: str = "Hello.\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, to, subject
    message.set_content(text)
    return message


@contextmanager
def submission(
    operator: Operator, trust: Path, user: str = "", *, tls: bool = True
) -> Iterator[smtplib.SMTP]:
    """A connection to port 465, or with STARTTLS to 587; logged in as *user*."""
    context = ssl.create_default_context(cafile=str(trust))
    with operator.lab.network():
        smtp: smtplib.SMTP
        if tls:
            smtp = _Smtps(HOST, 465, context=context, timeout=20)
        else:
            smtp = _Smtp(HOST, 587, timeout=20)
    with smtp:
        if not tls:
            smtp.starttls(context=context)
        if user:
            smtp.login(user, PASSWORD)
        yield smtp


@contextmanager
def mailbox(operator: Operator, trust: Path, user: str) -> Iterator[imaplib.IMAP4_SSL]:
    context = ssl.create_default_context(cafile=str(trust))
    with operator.lab.network():
        imap = _Imap(HOST, 993, ssl_context=context, timeout=20)
    with imap:
        imap.login(user, PASSWORD)
        imap.select()
        yield imap


def received(operator: Operator, trust: Path, user: str, subject: str) -> bytes:
    """Return the mail of *user* with *subject*, as it is in the mailbox; wait for it."""
    deadline = time.monotonic() + 20
    with mailbox(operator, trust, user) as imap:
        while True:
            imap.noop()
            _, (numbers,) = imap.search(None, "SUBJECT", f'"{subject}"')
            if numbers:
                _, parts = imap.fetch(numbers.split()[0].decode(), "(RFC822)")
                assert isinstance(parts[0], tuple)
                return parts[0][1]
            assert time.monotonic() < deadline, f"no mail {subject!r} to {user}"
            time.sleep(0.2)


def parse(data: bytes) -> EmailMessage:
    return message_from_bytes(data, policy=default)


def signatures(machine: Machine, data: bytes) -> list[str]:
    """Return what dkimpy says of a mail, and of the same with another subject."""
    argv = machine.argv("python3", "-c", _VERIFY)
    return subprocess.run(argv, input=data, stdout=subprocess.PIPE, check=True).stdout.decode().split()


def test_mail(operator: Operator, machine: Machine) -> None:
    """Until a certificate is there, a self-signed one serves: mail of other servers comes all the same."""
    # Keys come first: DNS has their record when the first mail is signed.
    assert [operator.states("mail.keys")["n2"] for _ in range(2)] == ["changed", "unchanged"]
    check_three_runs(operator, "mail.apply", ("n2",))
    assert machine.run("readlink", "/etc/nodes/mail/mail.lab.example").startswith("/etc/nodes/self-signed/")
    record = machine.run("cat", "/etc/dkimkeys/lab.example/s1.txt")
    assert record.startswith('s1._domainkey\tIN\tTXT\t( "v=DKIM1;')
    assert machine.run("stat", "-c", "%a %U", "/etc/dkimkeys/lab.example/s1.private") == "600 opendkim\n"


def test_a_password_is_kept_as_a_hash_on_the_machine(operator: Operator, machine: Machine) -> None:
    for address in (ANNA, LOGIN):
        printed = operator.fab("mail.password", "--user", address, stdin=f"{PASSWORD}\n")
        assert f"set the password of {address}" in printed.stdout, printed.stderr
    kept = machine.run("cat", "/etc/dovecot/passwords")
    assert [line.partition("$argon2id$")[0] for line in kept.splitlines()] == [
        f"{ANNA}:{{ARGON2ID}}",
        f"{LOGIN}:{{ARGON2ID}}",
    ]
    # The others take the hash of anna; somebody without a mailbox loses his.
    script = 'for one; do sed -n "s/^anna@[^:]*/$one/p" passwords >> passwords; done'
    machine.run("env", "--chdir=/etc/dovecot", "sh", "-c", script, "sh", BERT, FULL, "gone@lab.example")
    assert machine.run("stat", "-c", "%a %U %G", "/etc/dovecot/passwords") == "640 root dovecot\n"
    done = operator.run("mail.apply")["n2"]
    assert [one["what"] for one in done["changes"]] == ["remove the password of gone@lab.example"]
    assert done["notes"] == [f"{HOST} has a self-signed certificate until certbot has made {LIVE}"]
    refused = operator.fab("mail.password", "--user", "ann@lab.example", stdin="a long password\n")
    assert (refused.returncode, "did you mean anna@lab.example?" in refused.stderr) == (2, True)


def served(operator: Operator) -> list[str]:
    """Return the certificates that Postfix and Dovecot show."""
    with operator.lab.network():
        return [ssl.get_server_certificate((SERVER, port)) for port in (465, 993)]


def test_a_certificate_is_requested_and_a_renewed_one_served(
    operator: Operator, machine: Machine, authority: Pebble
) -> None:
    """Postfix and Dovecot read a certificate once: without a reload they serve the old one until it ends."""
    text = operator.inventory.read_text()
    operator.inventory.write_text(f'{text}\n[acme]\ndirectory = "{authority.directory}"\n')
    assert operator.states("firewall.apply", "--hosts", "n2") == {"n2": "changed"}  # certbot listens on 80
    first = served(operator)
    planned = operator.run("mail.apply", "--dry-run")["n2"]["changes"]
    assert operator.run("mail.apply")["n2"]["changes"] == planned
    second = await_served(operator, machine)
    assert operator.states("edge.renew", "--hosts", "n2", "--force") == {"n2": "changed"}
    assert len({*first, *second, *await_served(operator, machine)}) == 3
    assert operator.states("mail.apply") == {"n2": "unchanged"}


def await_served(operator: Operator, machine: Machine) -> list[str]:
    """Return the certificates that the ports show, once they are that of the file."""
    file = machine.run("cat", f"{LIVE}/cert.pem")
    deadline = time.monotonic() + 10  # systemd returns before the processes with the old one are gone
    while (found := served(operator)) != [file, file]:
        assert time.monotonic() < deadline, "the old certificate is served"
        time.sleep(0.2)
    return found


def test_a_mail_is_signed_and_delivered(operator: Operator, machine: Machine, trust: Path) -> None:
    with submission(operator, trust, ANNA) as smtp:
        smtp.send_message(mail(ANNA, BERT, "From anna"))
    data = received(operator, trust, BERT, "From anna")
    assert signatures(machine, data) == ["True", "False"]
    assert b"ESMTPSA" in data


def test_an_alias_is_received_and_may_send(operator: Operator, trust: Path) -> None:
    """An alias belongs to all of its mailboxes; "+x" reaches a mailbox without being declared."""
    with submission(operator, trust, BERT, tls=False) as smtp:
        smtp.send_message(mail("info@lab.example", "info@lab.example", "To info"))
        smtp.send_message(mail(BERT, "Anna+list@lab.example", "To a tag"))
    for user, subject in ((ANNA, "To info"), (BERT, "To info"), (ANNA, "To a tag")):
        received(operator, trust, user, subject)


def test_mail_of_the_machine_itself_reaches_the_postmaster(
    operator: Operator, machine: Machine, trust: Path
) -> None:
    machine.run("sh", "-c", "printf 'Subject: From cron\\n\\nFailed.\\n' | sendmail root")
    received(operator, trust, ANNA, "From cron")


def test_what_is_refused(operator: Operator, trust: Path) -> None:
    """Nobody sends without a login, under the address of another, or through this server elsewhere."""
    with operator.lab.network(), ThreadPoolExecutor(1) as pool:  # port 25 greets after 6 s
        greeting = pool.submit(smtplib.SMTP, SERVER, 25, timeout=20)
        _check_submission(operator, trust)
    with greeting.result() as outside:
        _check_relay(outside)
        outside.data("From: somebody@elsewhere.example\r\nSubject: From outside\r\n\r\nHello.\r\n")
    results = parse(received(operator, trust, BERT, "From outside"))["Authentication-Results"]
    assert str(results).startswith(f"{HOST}; dkim=none;")


def _check_submission(operator: Operator, trust: Path) -> None:
    with submission(operator, trust) as smtp:
        smtp.ehlo()
        assert smtp.mail(ANNA)[0] == 250
        assert smtp.rcpt(BERT)[0] == 554
        smtp.rset()
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            smtp.login(ANNA, "a wrong password")
        assert caught.value.smtp_code == 535
    with submission(operator, trust, ANNA) as smtp:
        smtp.mail(BERT)
        assert smtp.rcpt(BERT)[0] == 553
        smtp.rset()
        smtp.mail(ANNA)
        assert smtp.rcpt("nobody@lab.example")[0] == 550
        smtp.rset()
        assert smtp.mail(ANNA, [f"size={30 << 20}"])[0] == 552
    with smtplib.SMTP(SERVER, 587, timeout=20) as plain:
        plain.ehlo("client.example.org")
        assert not plain.has_extn("auth")  # before STARTTLS
    old = ssl.create_default_context(cafile=str(trust))
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        _Smtps(HOST, 465, context=old, timeout=20)


def _check_relay(outside: smtplib.SMTP) -> None:
    outside.ehlo("client.example.org")
    assert outside.has_extn("starttls")
    assert not outside.has_extn("auth")
    assert outside.verify(ANNA)[0] == 502
    outside.mail("")
    assert outside.rcpt("somebody@elsewhere.example")[0] == 554
    assert outside.rcpt("nobody@lab.example")[0] == 550
    assert outside.rcpt("deploy@mail.lab.example")[0] == 550
    assert outside.rcpt(BERT)[0] == 250


def test_a_full_mailbox_is_refused_before_the_mail_is_taken(
    operator: Operator, machine: Machine, trust: Path
) -> None:
    """A bounce would go to a sender that may be forged."""
    line = "x" * 70 + "\n"
    with submission(operator, trust, ANNA) as smtp:
        smtp.send_message(mail(ANNA, FULL, "The last one", line * 16_000))
        received(operator, trust, FULL, "The last one")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            smtp.send_message(mail(ANNA, FULL, "One more"))
    assert caught.value.recipients[FULL][0] == 552
    with mailbox(operator, trust, FULL) as imap:
        _, (_, (root,)) = imap.getquotaroot("INBOX")
    assert b"1024" in root
    assert machine.run("mailq").startswith("Mail queue is empty")


def test_the_mail_of_a_password_reset_arrives_signed(
    operator: Operator,
    machine: Machine,
    trust: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The two halves of the product together: the login API sends through the mail server of nodes/."""
    settings = {
        **login_environment("https://small.example", f"sqlite:///{tmp_path}/login.sqlite3", 587),
        "LOGIN_MAIL_HOST": HOST,
        "LOGIN_MAIL_TLS": "starttls",
        "LOGIN_MAIL_USER": LOGIN,
        "LOGIN_MAIL_PASSWORD": PASSWORD,
        "LOGIN_MAIL_FROM": LOGIN,
        "SSL_CERT_FILE": str(trust),
    }
    (tmp_path / "hosts").write_text(f"127.0.0.1 localhost\n{SERVER} {HOST}\n")
    python = tmp_path / "python"
    python.write_text(_PYTHON.format(hosts=tmp_path / "hosts", python=sys.executable))
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    port = free_port()
    site = Site(SimpleNamespace(port=port), None, settings, [port])  # type: ignore[arg-type]
    client = {"X-Real-IP": "198.51.100.7"}
    with operator.lab.network():
        site.manage("migrate", "-v", "0")
        site.manage("invite", BERT)
        with run_gunicorns(tmp_path, [port], settings):
            browser = site.browser()
            browser.send("GET", f"{API}/config", headers=client)
            invitation = parse(received(operator, trust, BERT, "You are invited"))
            found = re.search(r"https://small\.example/\S+#(\S+)", invitation.get_content())
            assert found
            body = {"key": found[1], "password": "a long walk at dusk"}
            assert browser.call("POST", "auth/password/reset", body, headers=client).status == 401
            browser.call("POST", "auth/password/request", {"email": BERT}, headers=client)
            data = received(operator, trust, BERT, "Set a new password")
    message = parse(data)
    assert (message["From"], message["To"]) == (LOGIN, BERT)
    assert "https://small.example/" in message.get_content()
    assert signatures(machine, data) == ["True", "False"]


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("main.cf", "no_such_parameter = 1", "no_such_parameter"),
        ("dovecot.conf", "no_such_setting = 1", "no_such_setting"),
    ],
)
def test_a_configuration_that_is_refused_is_taken_back(
    operator: Operator, machine: Machine, tmp_path: Path, template: str, line: str, message: str
) -> None:
    """As when a new release of the tasks has a setting that the release of Debian does not know."""
    shutil.copytree(ROOT / "nodes", tmp_path / "nodes")
    (tmp_path / "pipelines").symlink_to(ROOT / "pipelines")
    with (tmp_path / "nodes/templates/mail" / template).open("a") as file:
        file.write(f"{line}\n")
    paths = ("/etc/opendkim.conf", "/etc/postfix/main.cf", "/etc/dovecot/dovecot.conf")
    before = machine.run("sha256sum", *paths)
    done = operator.states("mail.apply", root=tmp_path / "nodes")
    assert message in done["n2"]
    assert done["n2"].endswith("(the old files are back)")
    assert machine.run("sha256sum", *paths) == before


def test_status_shows_the_queue_and_what_does_not_run(operator: Operator, machine: Machine) -> None:
    """Also after runs that failed, nothing is left to do."""
    assert operator.states("mail.apply") == {"n2": "unchanged"}
    (row,) = json.loads(operator.fab("status", "--hosts", "n2", "--json").stdout)
    assert (row["mail_queue"], row["certificate_days"]) == (0, 89)
    assert not [one for one in row["faults"] if "mail" in one], row["faults"]
    machine.run("systemctl", "stop", "opendkim")
    machine.run("sed", "-i", "/^anna@/d", "/etc/dovecot/passwords")
    (row,) = json.loads(operator.fab("status", "--hosts", "n2", "--json").stdout)
    assert "opendkim does not run: mail.apply" in row["faults"]
    assert f"no password for {ANNA}: mail.password" in row["faults"]
    assert [one["what"] for one in operator.run("mail.apply")["n2"]["changes"]] == ["start opendkim.service"]
