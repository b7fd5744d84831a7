"""Sending mails, without telling by the time it takes that there was one to send.

Network: the mail server. Errors are logged in one line, without the address.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException

from django.core.mail import EmailMessage

_log = logging.getLogger(__name__)
# Two are enough for members; what waits is sent before the process ends.
_senders = ThreadPoolExecutor(2, "mail")


def send_soon(mail: EmailMessage) -> None:
    """Send *mail* beside the request: whoever asked need not wait, and cannot measure."""
    _senders.submit(_deliver, mail)


def _deliver(mail: EmailMessage) -> None:
    try:
        mail.send()
    except (OSError, SMTPException) as error:
        _log.error("a mail was not sent: %s", type(error).__name__)
