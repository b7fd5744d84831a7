"""What a command is told of where it runs, and how spans of time are written.

No reads, no writes, no network.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.context import Deadlines, FlowContext
from pipelines.core.progress import NoProgress, Progress
from pipelines.tools import environment

_NO_PROGRESS = NoProgress()


@dataclass(frozen=True, slots=True)
class Context:
    """What the command line knows of this machine; no command looks for itself."""

    environ: Mapping[str, str]  # the environment
    home: Path
    wall: Callable[[], float]  # seconds since 1970
    clock: Callable[[], float]  # seconds, never set back
    pause: Callable[[float], None]
    log: Callable[[str], None]  # a line on stderr

    def for_flow(
        self, project: Path, site: SiteConfig, deadlines: Deadlines, progress: Progress = _NO_PROGRESS
    ) -> FlowContext:
        """Return what the functions of ``pipelines.flow`` share, with the credentials of the environment."""
        credentials = environment.credentials_from(self.environ, site.registry, site.chart.repository)
        return FlowContext(project, site, credentials, deadlines, self.clock, self.log, progress)


def seconds(text: str) -> float:
    """Return *text* as a span of time."""
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)
