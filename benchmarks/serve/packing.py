"""Time ``image web`` after a changed page.

Changes a page of a project and rebuilds it. Starts the commands. No network.
"""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

from benchmarks.measure import Command, format_met, run_interleaved
from benchmarks.project import PYTHON

BAR = 1.0  # seconds, for `image web`


def measure_packing(site: Path, pages: int, build: list[str], rounds: int) -> str:
    """Return the time of `image web` after one of the *pages* of *site* has changed, as Markdown."""
    page = site / "content" / "posts" / "post-00003.md"

    def change() -> None:
        page.write_text(page.read_text() + "\nOne more sentence.\n")
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)

    argv = [PYTHON, "-m", "pipelines", "--project", str(site), "image", "web"]
    (runs,) = run_interleaved([Command("image after a change", argv, site, change)], rounds).values()
    walls = [run.wall for run in runs]
    middle, cpu = statistics.median(walls), statistics.median(run.cpu for run in runs)
    return (
        f"`image web` on a site of {pages} posts, after one of them has changed and the site is built: "
        f"{middle:.2f} s ({min(walls):.2f} to {max(walls):.2f}), {cpu:.2f} s of CPU, medians of {rounds} "
        f"whole processes; bar {BAR:.0f} s: {format_met(middle <= BAR)}."
    )
