"""How gunicorn runs the API in its image: ``gunicorn --config python:api.config.gunicorn``."""

from __future__ import annotations

import ctypes
from typing import Any

wsgi_app = "api.config.wsgi:application"
bind = "0.0.0.0:8000"
# One process a pod: replicas are the cluster's business. Threads wait for the database and for mail.
workers = 1
worker_class = "gthread"
# Three more than logins may take (api/accounts/hashing.py: AT_ONCE and WAITING): the gate does not wait.
threads = 8
timeout = 30  # seconds
graceful_timeout = 20
keepalive = 0
# The root cannot be written; the heartbeat is a file.
worker_tmp_dir = "/dev/shm"
control_socket_disable = True
# NGINX writes the access log, without queries and whole addresses.
accesslog = None
errorlog = "-"
loglevel = "warning"
forwarded_allow_ips = "*"
limit_request_line = 8190
limit_request_fields = 60
limit_request_field_size = 8190


def worker_exit(server: Any, worker: Any) -> None:
    """Finish the queued mails before the process ends, since requests have been answered for them."""
    from api.accounts.post import finish

    finish(patience=15)


def post_fork(server: Any, worker: Any) -> None:
    """Let glibc give the memory of hashes back: it would keep 20 MB for each thread that ever made one.

    M_MMAP_THRESHOLD (mallopt(3)) is -3: what is larger than 1 MB is mapped by itself, and unmapped when it
    is freed. Without it the threshold grows to the size of the first such block that is freed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none, and need none
    if mallopt:
        mallopt(-3, 1024 * 1024)
