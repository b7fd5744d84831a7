"""A queue of background jobs that look users up and send mails.

A request that did this itself would take longer for the address of a member. The queue is in memory: after
SIGTERM the process drains it, after SIGKILL its jobs are lost.

Network: the mail server. An error is logged in one line, without the address.
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
MAX_QUEUED = 1000  # jobs, before new requests for mails are refused; one takes 10 s when the server hangs
_queue: Queue[Callable[[], object]] = Queue()
_start_lock = Lock()
_workers: list[Thread] = []


def is_full() -> bool:
    """Return whether the queue is full, so that every request for a mail must be refused."""
    return _queue.qsize() >= MAX_QUEUED


def enqueue(job: Callable[[], object]) -> None:
    """Run *job* in a worker thread, with its own database connection."""
    with _start_lock:
        if not _workers:  # start them in gunicorn's worker, after the fork
            _workers.extend(Thread(target=_run_jobs, name="mail", daemon=True) for _ in range(2))
            for worker in _workers:
                worker.start()
    _queue.put(job)


def enqueue_mail(mail: EmailMessage) -> None:
    """Send *mail* in a worker thread."""
    enqueue(mail.send)


def drain(timeout: float) -> None:
    """Wait until every job is done, for at most *timeout* seconds: called when the process ends."""
    end = monotonic() + timeout
    with _queue.all_tasks_done:
        while _queue.unfinished_tasks and (left := end - monotonic()) > 0:
            _queue.all_tasks_done.wait(left)
    if _queue.unfinished_tasks:
        _log.error("%d mails were not sent before the process ended", _queue.unfinished_tasks)


def _run_jobs() -> None:
    while True:
        job = _queue.get()
        try:
            job()
        except (OSError, SMTPException) as error:
            _log.error("a mail was not sent: %s", type(error).__name__)
        except Exception:  # a bug: log it, and continue with the next job
            _log.exception("a mail was not sent")
        finally:
            connection.close()  # return it to the pool
            _queue.task_done()
