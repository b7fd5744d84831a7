"""The result of the newest build, and a broadcast of each new one.

Values, and a broadcaster that belongs to one event loop. No reads, no writes, no
network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault
from pipelines.core.results import SiteResult


@dataclass(frozen=True, slots=True)
class GoodBuild:
    """The last known good tree: it is served until another build succeeds."""

    result: SiteResult
    config: SiteConfig
    aliases: Mapping[str, str]  # path in lower case -> URL
    sources: Mapping[str, str] = field(default_factory=dict)  # file of the tree -> its document

    def warnings_of(self, file: str) -> tuple[Fault, ...]:
        """Return the warnings in the document of *file*, a path in the tree."""
        source = self.sources.get(file)
        return tuple(one for one in self.result.findings if one.path == source)


@dataclass(frozen=True, slots=True)
class BuildState:
    """The result of one build."""

    number: int  # of the build, counted from 1
    last_good: GoodBuild | None  # None before the first build that succeeds
    faults: tuple[Fault, ...] = ()  # in the site's files
    error: str = ""  # a failure that no file of the site causes

    @property
    def failed(self) -> bool:
        """Return whether this build failed."""
        return bool(self.faults or self.error)

    @property
    def summary(self) -> str:
        """Return the number of errors, as a heading."""
        count = len(self.faults)
        return f"{count} error{'s' if count != 1 else ''}" if count else "The build failed"

    def to_json(self) -> str:
        """Return the state as one line of JSON, as reload.js reads it."""
        faults = [
            {"path": fault.path, "line": fault.line, "text": fault.text, "fix": fault.fix}
            for fault in self.faults
        ]
        failure = {"number": self.number, "summary": self.summary, "faults": faults, "error": self.error}
        return json.dumps(failure if self.failed else {"number": self.number})


class StateBroadcaster:
    """Holds the newest state, and wakes all tasks that wait for a newer one."""

    def __init__(self) -> None:
        self.state: BuildState | None = None
        self.closed = False
        self._changed = asyncio.Event()

    def publish(self, state: BuildState) -> None:
        """Replace the state, and wake the waiting tasks."""
        self.state = state
        self._notify()

    def close(self) -> None:
        """End all waiting."""
        self.closed = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_newer(self, number: int) -> BuildState | None:
        """Wait for the state of a later build than *number*; return None once this is closed."""
        while not self.closed:
            if self.state and self.state.number > number:
                return self.state
            await self._changed.wait()
        return None
