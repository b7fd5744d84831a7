"""Sessions in the database, each with its user."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from api.accounts.models import Session


class SessionStore(DatabaseStore):
    """Django's store, with the user beside the data."""

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
