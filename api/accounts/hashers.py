"""The password hasher: Argon2id, limited by the hash queue."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher

from api.accounts.hash_queue import QUEUE


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB (OWASP's first choice): with the default of 100 MiB, five logins fill a pod."""

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of *password*, after waiting in the queue; raise QueueFull."""
        return QUEUE.run(super().encode, password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether *password* matches *encoded*, after waiting in the queue; raise QueueFull."""
        return QUEUE.run(super().verify, password, encoded)
