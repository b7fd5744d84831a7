"""How passwords are kept."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2(Argon2PasswordHasher):
    """Argon2id with 19 MiB (OWASP's first choice): the default of 100 MiB fills a pod with five logins."""

    memory_cost = 19456  # KiB
    time_cost = 2
    parallelism = 1
