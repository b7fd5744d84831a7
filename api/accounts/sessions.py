"""Sessions in the database, each with its user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from api.accounts.models import Session


def is_session_key(text: str) -> bool:
    """Return whether *text*, which a client sent, has the form of a session key: letters and digits.

    Cookies may hold NUL (as `"\\000"`), which PostgreSQL refuses in a query.
    """
    return text.isascii() and text.isalnum() and 8 <= len(text) <= 40


class SessionStore(DatabaseStore):
    """Django's store, with the user beside the data."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key if session_key and is_session_key(session_key) else None)

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the table."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Return the row for *data*."""
        row = super().create_model_instance(data)
        if not isinstance(row, Session):
            raise TypeError(f"a session is kept in {type(row).__name__}")
        found = data.get(SESSION_KEY)
        row.user_id = int(found) if found is not None else None
        return row
