"""Where a build writes, and what it begins with: a spare tree, links to the last site, or nothing.

Writes below out/. No network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from pipelines.site.output.directory_swap import staging_directory, swap_directory
from pipelines.site.output.prepared_stage import PreparedStage, prepared_stage
from pipelines.site.output.staged_tree import StagedTree


class Target(Struct, frozen=True):
    """The directory of a site, and the staging directory of the build that replaces it."""

    out: Path
    stage: Path
    _spare: Path | None  # where the replaced site is kept
    _prepared: PreparedStage | None

    def begin_tree(self) -> StagedTree:
        """Return the tree to fill, in the staging directory."""
        return StagedTree(self.stage, self.out, self._prepared.wait() if self._prepared else None)

    def publish(self, record: str) -> None:
        """Swap the staging directory with the site; *record* is the JSON of the build's result."""
        swap_directory(self.stage, self.out, record, self._spare)


@contextmanager
def open_target(out: Path, spare: Path | None) -> Iterator[Target]:
    """Yield the target of a build into *out*; remove its staging directory afterwards.

    The build begins with the tree *spare*, or else with links to the files of *out*; without a path
    for it, with nothing. Raises PipelineError if the disk is full.
    """
    with staging_directory(out.parent, spare) as stage:
        if spare is None:
            yield Target(out, stage, None, None)
            return
        with prepared_stage(out, stage) as prepared:
            yield Target(out, stage, spare, prepared)
