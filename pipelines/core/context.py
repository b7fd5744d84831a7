"""What the functions of ``pipelines.flow`` share, as one frozen value.

No reads, no writes, no network. A step receives the fields that it uses, never
the whole: credentials reach only the steps that send.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.credentials import Credentials
from pipelines.core.progress import Log, Progress


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a publication may take, in seconds."""

    deadline: float = 900  # for everything
    index: float = 60  # until the repository's index names the chart


@dataclass(frozen=True, slots=True)
class FlowContext:
    """The project, its settings and credentials, and how a flow reports."""

    project: Path  # absolute
    site: SiteConfig
    credentials: Credentials
    deadlines: Deadlines
    clock: Callable[[], float]  # seconds, never set back
    log: Log
    progress: Progress
