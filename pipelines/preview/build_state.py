"""What the last build came to, and who waits to hear of the next one.

Values, and a board that belongs to one event loop. No reads, no writes, no
network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault
from pipelines.core.results import SiteResult


@dataclass(frozen=True, slots=True)
class LastBuild:
    """A whole tree, which stays up until a better one is there."""

    result: SiteResult
    config: SiteConfig
    aliases: Mapping[str, str]  # path in lower case -> URL


@dataclass(frozen=True, slots=True)
class BuildState:
    """What one build came to."""

    number: int  # of the build, counted from 1
    good: LastBuild | None  # the newest whole tree; None as long as there was none
    faults: tuple[Fault, ...] = ()  # in the site's files
    note: str = ""  # a trouble that no file of the site can be blamed for

    @property
    def broken(self) -> bool:
        """Return whether this build failed."""
        return bool(self.faults or self.note)

    @property
    def heading(self) -> str:
        """Return how many things are wrong, in words."""
        count = len(self.faults)
        return f"{count} fault{'s' if count != 1 else ''}" if count else "The build failed"

    def to_json(self) -> str:
        """Return what the browser is told: one line of JSON."""
        faults = [
            {"path": fault.path, "line": fault.line, "text": fault.text, "remedy": fault.fix}
            for fault in self.faults
        ]
        environ = {"number": self.number, "heading": self.heading, "faults": faults, "note": self.note}
        return json.dumps(environ if self.broken else {"number": self.number})


class StateBoard:
    """Holds the newest state, and wakes everybody who waits for a newer one."""

    def __init__(self) -> None:
        self.state: BuildState | None = None
        self.closed = False
        self._news = asyncio.Event()

    def post(self, state: BuildState) -> None:
        """Replace the state."""
        self.state = state
        self._wake()

    def close(self) -> None:
        """Let nobody wait any longer."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def after(self, number: int) -> BuildState | None:
        """Wait for a state of a later build than *number*; None once the board is closed."""
        while not self.closed:
            if self.state and self.state.number > number:
                return self.state
            await self._news.wait()
        return None
