"""Cache the results of pure functions under the digest of their inputs.

The preview passes one cache to all its builds, so that an edit costs only what it
changed. Other builds find in the store, a file, what earlier ones have put there. A
build with an empty cache gets the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from pipelines.site.bytecode import BytecodeFolder
from pipelines.site.store import MemoryStore, Store

T = TypeVar("T")


class Cache(Struct):
    """Results by (phase, inputs): those of this build, and those since the last ``drop_unused``."""

    store: Store = field(default_factory=MemoryStore)  # what lasts longer than this process
    bytecode: BytecodeFolder | None = None  # compiled templates, likewise
    _previous: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    _current: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    _stored: dict[str, dict[str, bytes]] = field(default_factory=dict)  # records by phase and name
    _computed: dict[str, dict[str, bytes]] = field(default_factory=dict)  # to store, likewise
    _used: dict[str, set[str]] = field(default_factory=dict)  # names by phase
    misses: dict[str, int] = field(default_factory=dict)  # phase -> results computed in this build

    def begin_build(self) -> None:
        """Make the results of earlier builds available to a new one."""
        self._previous.update(self._current)
        self._current, self._stored, self._computed, self._used = {}, {}, {}, {}
        self.misses = {}

    def drop_unused(self) -> None:
        """Drop the results that this build did not use; call it after a successful build only.

        A failed build stops early: the next one needs the rest as soon as the
        fault is fixed.
        """
        self._previous.clear()

    def save(self) -> None:
        """Store the results of this build, and drop the stored ones that it did not use.

        Like ``drop_unused``, call it after a successful build only.
        """
        for phase, used in self._used.items():
            self.store.save(phase, self._computed.get(phase, {}), {})
            self.store.keep(phase, used)

    def count(self, phase: str, computed: int) -> None:
        """Note that this build computed results of *phase* that no earlier one had."""
        self.misses[phase] = self.misses.get(phase, 0) + computed

    def get_or_compute(
        self, phase: str, inputs: Hashable, compute: Callable[[], T], stored_as: Any = None
    ) -> T:
        """Return the cached result for *inputs*, or the one that *compute* returns.

        A result of the type *stored_as*, of plain values, is stored for other processes;
        its *inputs* are texts and numbers, without paths of this machine.
        """
        key = (phase, inputs)
        if key not in self._current:
            if key in self._previous:
                self._current[key] = self._previous[key]
            elif stored_as is None or not self.store.lasting:
                self.count(phase, 1)
                self._current[key] = compute()
            else:
                self._current[key] = self._find_or_compute(phase, inputs, compute, stored_as)
        result: T = self._current[key]
        return result

    def refresh(self, phase: str, inputs: Hashable, refresh: Callable[[T | None], T], stored_as: Any) -> T:
        """Return what *refresh* makes of the last result for *inputs*, or of None, and cache that."""
        key = (phase, inputs)
        last: T | None = self._current.get(key, self._previous.get(key))
        if last is None and self.store.lasting:
            last = self._find(phase, inputs, stored_as)
        result = self._current[key] = refresh(last)
        if self.store.lasting and result != last:
            self._note(phase, inputs, result)
        return result

    def _find_or_compute(self, phase: str, inputs: Hashable, compute: Callable[[], T], stored_as: Any) -> T:
        """Return the stored result for *inputs*, or compute it and note it for ``save``."""
        found: T | None = self._find(phase, inputs, stored_as)
        if found is None:
            self.count(phase, 1)
            found = compute()
            self._note(phase, inputs, found)
        return found

    def _find(self, phase: str, inputs: Hashable, stored_as: Any) -> Any:
        """Return the stored result for *inputs*, which ``save`` will keep; None without one."""
        if phase not in self._stored:
            self._stored[phase] = self.store.records(phase)
        name = cache_key(repr(inputs))
        self._used.setdefault(phase, set()).add(name)
        try:
            data = self._stored[phase].get(name)
            return msgspec.msgpack.decode(data, type=stored_as) if data is not None else None
        except msgspec.MsgspecError:
            return None  # damaged: compute it again

    def _note(self, phase: str, inputs: Hashable, result: object) -> None:
        """Note *result* for ``save``."""
        name = cache_key(repr(inputs))
        self._used.setdefault(phase, set()).add(name)
        self._computed.setdefault(phase, {})[name] = msgspec.msgpack.encode(result)


def cache_key(*parts: bytes | str) -> str:
    """Return the SHA-256 of *parts*; the length of each counts, so that ("ab", "c") is not ("a", "bc")."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
