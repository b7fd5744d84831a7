"""The frozen context that every command runs in.

Reads site.toml and the environment's credentials when they are first used. No
writes, no network.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core import config
from pipelines.core.config import SiteConfig
from pipelines.core.progress import Log, NoProgress, Progress

if TYPE_CHECKING:
    from pipelines.core.context import Deadlines, FlowContext
    from pipelines.core.credentials import Credentials

_NO_PROGRESS = NoProgress()


@dataclass(frozen=True)
class Context:
    """The options, project, clocks and environment of one command, which reads no other."""

    options: argparse.Namespace  # of the command
    project: Path  # absolute
    environ: Mapping[str, str]
    home: Path
    now: Callable[[], float]  # seconds since 1970
    clock: Callable[[], float]  # seconds, never set back
    sleep: Callable[[float], None]
    log: Log  # writes one line to stderr

    @cached_property
    def site(self) -> SiteConfig:
        """The settings of site.toml; raises SourceError."""
        return config.load_config(self.project)

    @cached_property
    def credentials(self) -> Credentials:
        """The credentials of the environment, for commands that send; raises PipelineError."""
        from pipelines.tools.environment import credentials_from

        return credentials_from(self.environ, self.site.registry, self.site.chart.repository)

    def progress(self) -> AbstractContextManager[Progress]:
        """Return a progress bar on stderr that lasts for a ``with`` block."""
        from pipelines.tools.terminal import ProgressBar

        return ProgressBar()

    def for_flow(self, deadlines: Deadlines, progress: Progress = _NO_PROGRESS) -> FlowContext:
        """Return the part that the functions of ``pipelines.flow`` take."""
        from pipelines.core.context import FlowContext

        return FlowContext(
            self.project, self.site, self.credentials, deadlines, self.clock, self.log, progress
        )
