"""Sending mails, without telling by the time it takes that there was one to send.

Network: the mail server. Errors are logged in one line, without the address.
"""

from __future__ import annotations

import logging
from queue import Queue
from smtplib import SMTPException
from threading import Lock, Thread
from time import monotonic

from django.core.mail import EmailMessage

_log = logging.getLogger(__name__)
_waiting: Queue[EmailMessage] = Queue()
_start = Lock()
_senders: list[Thread] = []


def send_soon(mail: EmailMessage) -> None:
    """Send *mail* beside the request: whoever asked need not wait, and cannot measure."""
    with _start:
        if not _senders:  # in the process that serves, not in the one that it was forked from
            _senders.extend(Thread(target=_send, name="mail", daemon=True) for _ in range(2))
            for sender in _senders:
                sender.start()
    _waiting.put(mail)


def finish(patience: float) -> None:
    """Wait, at most *patience* seconds, until every mail is sent: at the end of a process."""
    end = monotonic() + patience
    with _waiting.all_tasks_done:
        while _waiting.unfinished_tasks and (left := end - monotonic()) > 0:
            _waiting.all_tasks_done.wait(left)
    if _waiting.unfinished_tasks:
        _log.error("%d mails were not sent before the end", _waiting.unfinished_tasks)


def _send() -> None:
    while True:
        mail = _waiting.get()
        try:
            mail.send()
        except (OSError, SMTPException) as error:
            _log.error("a mail was not sent: %s", type(error).__name__)
        except Exception:  # a fault of ours: it is told, and the next mail is sent
            _log.exception("a mail was not sent")
        finally:
            _waiting.task_done()
