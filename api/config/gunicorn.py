"""Configuration of gunicorn in the API's image: ``gunicorn --config python:api.config.gunicorn``."""

from __future__ import annotations

import ctypes
from typing import Any

wsgi_app = "api.config.wsgi:application"
bind = "0.0.0.0:8000"
# One process a pod: the cluster scales by replicas. Threads wait for the database and for hashes.
workers = 1
worker_class = "gthread"
# Three more than logins may take (api/accounts/hash_queue.py: MAX_CONCURRENT + MAX_QUEUED), for the gate.
threads = 8
timeout = 30  # seconds
graceful_timeout = 20
keepalive = 0
# The heartbeat is a file, and the root file system is read-only.
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
# NGINX writes the access log, without query strings and full addresses.
accesslog = None
errorlog = "-"
loglevel = "warning"
forwarded_allow_ips = "*"
limit_request_line = 8190
limit_request_fields = 60
limit_request_field_size = 8190


def worker_exit(server: Any, worker: Any) -> None:
    """Send the queued mails before the process ends: their requests were already answered."""
    from api.accounts.mail_queue import drain

    drain(timeout=15)


def post_fork(server: Any, worker: Any) -> None:
    """Let glibc return the memory of hashes to the system: it keeps 20 MB for each hashing thread otherwise.

    M_MMAP_THRESHOLD (mallopt(3)) is -3: a block above 1 MB gets its own mapping, which is unmapped when the
    block is freed. By default the threshold grows to the size of the first such block that is freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries neither have nor need it
    if mallopt:
        mallopt(-3, 1024 * 1024)
