"""Work that goes on beside the request: finding out whom to write to, writing mails, sending them.

A request that did any of it would take longer for the address of a member. What waits is in memory: a
process that ends by SIGTERM finishes it (finish), one that is killed loses it.

Network: the mail server. Errors are logged in one line, without the address.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from queue import Queue
from smtplib import SMTPException
from threading import Lock, Thread
from time import monotonic

from django.core.mail import EmailMessage
from django.db import connection

_log = logging.getLogger(__name__)
MOST = 1000  # jobs that wait, before new requests for mails are refused: a mail server that hangs takes 10 s
_waiting: Queue[Callable[[], object]] = Queue()
_start = Lock()
_workers: list[Thread] = []


def crowded() -> bool:
    """Return whether so many jobs wait that a request for a mail should be refused, whoever asks."""
    return _waiting.qsize() >= MOST


def soon(job: Callable[[], object]) -> None:
    """Run *job* beside the request, with a database connection of its own."""
    with _start:
        if not _workers:  # in the process that serves, not in the one that it was forked from
            _workers.extend(Thread(target=_work, name="mail", daemon=True) for _ in range(2))
            for worker in _workers:
                worker.start()
    _waiting.put(job)


def send_soon(mail: EmailMessage) -> None:
    """Send *mail* beside the request."""
    soon(mail.send)


def finish(patience: float) -> None:
    """Wait, at most *patience* seconds, until every mail is sent: at the end of a process."""
    end = monotonic() + patience
    with _waiting.all_tasks_done:
        while _waiting.unfinished_tasks and (left := end - monotonic()) > 0:
            _waiting.all_tasks_done.wait(left)
    if _waiting.unfinished_tasks:
        _log.error("%d mails were not sent before the end", _waiting.unfinished_tasks)


def _work() -> None:
    while True:
        job = _waiting.get()
        try:
            job()
        except (OSError, SMTPException) as error:
            _log.error("a mail was not sent: %s", type(error).__name__)
        except Exception:  # a fault of ours: it is told, and the next mail is sent
            _log.exception("a mail was not sent")
        finally:
            connection.close()  # or this thread would keep one of the pool's
            _waiting.task_done()
