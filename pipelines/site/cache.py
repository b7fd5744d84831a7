"""Cache the results of pure functions under the digest of their inputs.

The preview passes one cache to all its builds, so that an edit costs only
what it changed. A single build starts with an empty cache and gets the same
bytes. In memory only: no reads, no writes, no network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pipelines.site.store import MemoryStore, Store

T = TypeVar("T")


@dataclass(slots=True)
class Cache:
    """Results by (phase, inputs): those of this build, and those since the last ``drop_unused``."""

    store: Store = field(default_factory=MemoryStore)  # of converted and rendered pages
    _previous: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    _current: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    misses: dict[str, int] = field(default_factory=dict)  # phase -> results computed in this build

    def begin_build(self) -> None:
        """Make the results of earlier builds available to a new one."""
        self._previous.update(self._current)
        self._current = {}
        self.misses = {}

    def drop_unused(self) -> None:
        """Drop the results that this build did not use; call it after a successful build only.

        A failed build stops early: the next one needs the rest as soon as the
        fault is fixed.
        """
        self._previous.clear()

    def count(self, phase: str, computed: int) -> None:
        """Note that this build computed results of *phase* that no earlier one had."""
        self.misses[phase] = self.misses.get(phase, 0) + computed

    def get_or_compute(self, phase: str, inputs: Hashable, compute: Callable[[], T]) -> T:
        """Return the cached result for *inputs*, or the one that *compute* returns."""
        key = (phase, inputs)
        if key not in self._current:
            if key in self._previous:
                self._current[key] = self._previous[key]
            else:
                self.count(phase, 1)
                self._current[key] = compute()
        result: T = self._current[key]
        return result


def cache_key(*parts: bytes | str) -> str:
    """Return the SHA-256 of *parts*; the length of each counts, so that ("ab", "c") is not ("a", "bc")."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
