"""gunicorn as in the image, but each hash blocks until the test closes its connection.

Reads the test's port from TEST_HASHES. Network: that port.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher, BasePasswordHasher

from api.config.gunicorn import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    """Block in Django's hasher, which api/accounts/hashers.py calls while it holds a slot."""
    verify, address = Argon2PasswordHasher.verify, ("127.0.0.1", int(os.environ["TEST_HASHES"]))

    def blocked_verify(self: BasePasswordHasher, password: str, encoded: str) -> bool:
        with socket.create_connection(address) as connection:
            connection.recv(1)
        return verify(self, password, encoded)

    Argon2PasswordHasher.verify = blocked_verify  # type: ignore[method-assign]
