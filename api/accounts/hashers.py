"""How passwords are kept."""

from __future__ import annotations

from threading import BoundedSemaphore

from django.contrib.auth.hashers import Argon2PasswordHasher

# Hashes that a process makes at once. More would be no faster on the one or two processors of a pod, and
# each holds its memory until it is done.
AT_ONCE = 2
_turns = BoundedSemaphore(AT_ONCE)


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB (OWASP's first choice): the default of 100 MiB fills a pod with five logins."""

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Hash *password*, when it is its turn."""
        with _turns:
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether *password* is the one that was hashed, when it is its turn."""
        with _turns:
            return super().verify(password, encoded)
