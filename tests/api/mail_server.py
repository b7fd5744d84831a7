"""A real SMTP server that records the mails it receives."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.previews import TIMEOUT, free_port


class MailServer:
    """An SMTP server; *all* has the received mails, oldest first."""

    def __init__(self) -> None:
        self.port = free_port()
        self.all: list[EmailMessage] = []
        self.delay = 0.0  # seconds before a mail is accepted
        self.refuses = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's name
        """Record a mail."""
        if self.refuses:
            return "451 try again later"
        await asyncio.sleep(self.delay)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.all.append(mail)
        return "250 accepted"

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse every mail until the block ends."""
        self.refuses = True
        try:
            yield
        finally:
            self.refuses = False

    def to(self, address: str, subject: str = "") -> EmailMessage:
        """Wait for the newest mail to *address* with *subject* in its subject."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            found = [mail for mail in self.all if mail["To"] == address and subject in mail["Subject"]]
            if found:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(
            f"no mail to {address} with {subject!r}: {[mail['Subject'] for mail in self.all]}"
        )

    def key(self, address: str, subject: str = "") -> str:
        """Return the key of the link in the newest mail to *address*."""
        found = re.search(r"https?://\S+#(\S+)", self.to(address, subject).get_content())
        assert found
        return found[1]


@contextmanager
def run_mail_server() -> Iterator[MailServer]:
    """Run an SMTP server on a free port of 127.0.0.1 until the block ends."""
    mail_server = MailServer()
    controller = Controller(mail_server, hostname="127.0.0.1", port=mail_server.port)
    controller.start()
    try:
        yield mail_server
    finally:
        controller.stop()
