"""How passwords are kept."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher

from api.accounts.hashing import QUEUE


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB (OWASP's first choice): the default of 100 MiB fills a pod with five logins."""

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Hash *password* when it is its turn; raise QueueFull when too many wait."""
        return QUEUE.run(super().encode, password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether *password* is the one that was hashed; raise QueueFull when too many wait."""
        return QUEUE.run(super().verify, password, encoded)
