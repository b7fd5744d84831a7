"""Password validators, besides those of Django."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError


class MaximumLengthValidator:
    """Validator that limits the length of a password, and with it the cost of the hash."""

    def __init__(self, max_length: int = 256) -> None:
        self.max_length = max_length

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        """Raise ValidationError when *password* is too long."""
        if len(password) > self.max_length:
            raise ValidationError(self.get_help_text(), code="password_too_long")

    def get_help_text(self) -> str:
        """Return the rule as a sentence for the user."""
        return f"Your password can have at most {self.max_length} characters."
