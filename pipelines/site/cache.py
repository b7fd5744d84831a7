"""Keep the results of pure functions under the digest of their inputs.

The preview hands the same memo to every build of its life, so that an edit
costs what the edit changed; a plain build starts with an empty one, and gets
the same bytes. Nothing is kept on disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Cache:
    """Results by (phase, inputs), of this build and of the ones since the last whole one."""

    _kept: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    _asked: dict[tuple[str, Hashable], Any] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)  # phase -> results made anew

    def start(self) -> None:
        """Begin a build."""
        self._kept.update(self._asked)
        self._asked = {}
        self.made = {}

    def whole(self) -> None:
        """End a build that went well: forget what it did not ask for.

        One that failed stopped somewhere on its way; what it did not get to
        is wanted again as soon as its fault is mended.
        """
        self._kept.clear()

    def get(self, phase: str, inputs: Hashable, make: Callable[[], T]) -> T:
        """Return the result for *inputs*, made by *make* when it is not there."""
        key = (phase, inputs)
        if key not in self._asked:
            if key in self._kept:
                self._asked[key] = self._kept[key]
            else:
                self.made[phase] = self.made.get(phase, 0) + 1
                self._asked[key] = make()
        result: T = self._asked[key]
        return result


def cache_digest(*parts: bytes | str) -> str:
    """Return the SHA-256 of *parts*, each with its length, so that borders count."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
