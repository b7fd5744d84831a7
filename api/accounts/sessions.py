"""The session store: in the database, each session with its user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from api.accounts.models import Session


def is_session_key(text: str) -> bool:
    """Return whether *text* from a client is a valid session key: letters and digits.

    A cookie may contain NUL (as `"\\000"`), which PostgreSQL refuses in a query.
    """
    return text.isascii() and text.isalnum() and 8 <= len(text) <= 40


class SessionStore(DatabaseStore):
    """Django's session store, which also writes the user of each session."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key if session_key and is_session_key(session_key) else None)

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row of *data*, with its user."""
        row = super().create_model_instance(data)
        if not isinstance(row, Session):
            raise TypeError(f"{type(row).__name__}: not a Session")
        found = data.get(SESSION_KEY)
        row.user_id = int(found) if found is not None else None
        return row
