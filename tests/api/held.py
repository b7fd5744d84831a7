"""gunicorn as in the image, but each hash waits until the test lets it go: its connection is closed.

Reads the port of the test from TEST_HASHES. Network: that port.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher

from api.config.gunicorn import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    """Replace the hash that has its turn: api/accounts/hashers.py says whose turn it is, as ever."""
    verify, door = Argon2PasswordHasher.verify, ("127.0.0.1", int(os.environ["TEST_HASHES"]))

    def held(self: BasePasswordHasher, password: str, encoded: str) -> bool:
        with socket.create_connection(door) as line:
            line.recv(1)
        return verify(self, password, encoded)

    Argon2PasswordHasher.verify = held  # type: ignore[method-assign]
