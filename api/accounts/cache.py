"""The cache backend of rate limits: failed logins, used one-time codes, requests for mails.

A row is deleted only after it has expired: new rows do not evict it. The number of rows is still bounded,
since each costs a request and lasts five minutes at most; docs/decisions/0016-login.md has the figures.
Table and format are those of Django's DatabaseCache, so that processes of the previous release share the
counters during a rollout.
"""

from __future__ import annotations

import base64
import pickle
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

PURGE_INTERVAL = 60  # seconds; the next write purges again while a batch is full
PURGE_BATCH_SIZE = 5000  # expired rows that one statement deletes: bounds the delay of a request


class RateLimitCache(DatabaseCache):
    """Django's DatabaseCache without eviction: one atomic statement a write, without COUNT(*).

    Database errors are raised: without the counter there would be no rate limit.
    """

    _table: str  # LOCATION
    _purge_at = 0.0  # time.monotonic(); shared by all threads of the process

    def get_many(self, keys: Iterable[str], version: int | None = None) -> dict[str, Any]:
        """Return the values of *keys* that have not expired."""
        names = {self.make_and_validate_key(key, version=version): key for key in keys}
        if not names:
            return {}
        connection = connections[router.db_for_read(self.cache_model_class)]
        placeholders = ", ".join(["%s"] * len(names))
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT cache_key, value FROM {self._table} "
                f"WHERE cache_key IN ({placeholders}) AND expires >= %s",
                [*names, _adapt_datetime(connection, timezone.now())],
            )
            rows = cursor.fetchall()
        return {names[name]: pickle.loads(base64.b64decode(value)) for name, value in rows}

    def _base_set(self, mode: str, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT) -> bool:
        """Write *value*; return whether it was written. *mode*: set, touch, or add (if absent)."""
        connection = connections[router.db_for_write(self.cache_model_class)]
        end = self.get_backend_timeout(timeout)
        # Whole seconds, rounded up: a used code must not expire before its period.
        last = datetime.max.replace(tzinfo=UTC) if end is None else datetime.fromtimestamp(end + 1, tz=UTC)
        expires = _adapt_datetime(connection, last.replace(microsecond=0))
        now = _adapt_datetime(connection, timezone.now())
        with connection.cursor() as cursor:
            if mode == "touch":
                cursor.execute(
                    f"UPDATE {self._table} SET expires = %s WHERE cache_key = %s AND expires >= %s",
                    [expires, key, now],
                )
            else:
                text = base64.b64encode(pickle.dumps(value, self.pickle_protocol)).decode("ascii")
                expired = f"WHERE {self._table}.expires < %s" if mode == "add" else ""
                cursor.execute(
                    f"INSERT INTO {self._table} (cache_key, value, expires) VALUES (%s, %s, %s) "
                    "ON CONFLICT (cache_key) DO UPDATE "
                    f"SET value = excluded.value, expires = excluded.expires {expired}",
                    [key, text, expires, *([now] if mode == "add" else [])],
                )
            written: bool = cursor.rowcount > 0
        self._purge(connection)
        return written

    def _purge(self, connection: BaseDatabaseWrapper) -> None:
        """Delete expired rows once per interval; never in a transaction, which would keep the row locks."""
        if time.monotonic() < RateLimitCache._purge_at or connection.in_atomic_block:
            return
        RateLimitCache._purge_at = time.monotonic() + PURGE_INTERVAL  # other threads skip it
        # Two processes that delete the same rows in different orders would deadlock.
        skip = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {self._table} WHERE cache_key IN "
                f"(SELECT cache_key FROM {self._table} WHERE expires < %s LIMIT {PURGE_BATCH_SIZE} {skip})",
                [_adapt_datetime(connection, timezone.now())],
            )
            if cursor.rowcount >= PURGE_BATCH_SIZE:
                RateLimitCache._purge_at = 0.0


def _adapt_datetime(connection: BaseDatabaseWrapper, value: datetime) -> Any:
    """Return *value* in the form that *connection* stores and compares."""
    return connection.ops.adapt_datetimefield_value(value)
