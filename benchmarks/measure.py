"""Time whole processes, interleaved, with the accounting of the operating system.

Starts the given commands. No network.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from benchmarks import processes

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Run:
    """The cost of one finished process."""

    wall: float  # seconds
    cpu: float  # seconds, of the process and its children
    memory: float  # MB, of the largest process


@dataclass(frozen=True, slots=True)
class Command:
    """A command to measure."""

    name: str
    argv: Sequence[str]
    folder: Path
    before: Callable[[], None]  # restores the folder; not timed


def run_command(command: Command) -> Run:
    """Run *command* once, without its output; raise RuntimeError if it fails."""
    command.before()
    with open(os.devnull, "wb") as null, open(command.folder / "stderr.txt", "wb") as stderr:
        previous = os.getcwd()
        os.chdir(command.folder)
        try:
            start = perf_counter()
            child = os.posix_spawnp(
                command.argv[0],
                list(command.argv),
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, null.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, stderr.fileno(), 2),
                ],
            )
            _, status, usage = os.wait4(child, 0)
            wall = perf_counter() - start
        finally:
            os.chdir(previous)
    if os.waitstatus_to_exitcode(status) != 0:
        end = (command.folder / "stderr.txt").read_text()[-2000:]
        raise RuntimeError(f"{command.name} ended with {os.waitstatus_to_exitcode(status)}: {end}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def peak_memory(command: Command) -> float:
    """Run *command* once; return the peak memory in MB: PSS of all its processes, sampled 50 times a second.

    Sampling slows the command down: its time is not measured. Raises RuntimeError if it fails.
    """
    command.before()
    peak = 0
    with subprocess.Popen(
        command.argv,
        cwd=command.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as child:
        while child.poll() is None:
            peak = max(peak, processes.session_proportional(child.pid))
            time.sleep(0.02)
    if child.returncode != 0:
        raise RuntimeError(f"{command.name} ended with {child.returncode}")
    return peak / 1000


def run_interleaved(
    commands: Sequence[Command], rounds: int, *, warm_up: bool = True
) -> dict[str, list[Run]]:
    """Run the commands A B C A B C …, after one warm-up round."""
    return interleave(
        {command.name: partial(run_command, command) for command in commands}, rounds, warm_up=warm_up
    )


def interleave(
    sides: Mapping[str, Callable[[], Result]], rounds: int, *, warm_up: bool = True
) -> dict[str, list[Result]]:
    """Measure the *sides*, by name, A B C A B C …, after one warm-up round."""
    found: dict[str, list[Result]] = {name: [] for name in sides}
    for turn in range(0 if warm_up else 1, rounds + 1):
        for name, measure in sides.items():
            print(f"  round {turn} of {rounds}: {name}", file=sys.stderr)
            result = measure()
            if turn:
                found[name].append(result)
    return found


def median(runs: Sequence[Result], what: Callable[[Result], float]) -> float:
    """Return the median of one figure over *runs*."""
    return statistics.median(map(what, runs))


def ratio(
    ours: Sequence[Result], theirs: Sequence[Result], what: Callable[[Result], float]
) -> tuple[float, float, float]:
    """Return (least, median, greatest) of the ratios of pairs, whose sides ran under the same load."""
    pairs = [what(a) / what(b) for a, b in zip(ours, theirs, strict=True)]
    return min(pairs), statistics.median(pairs), max(pairs)


def format_met(reached: bool) -> str:
    """Return the table's cell for a bar that was reached, or missed."""
    return "met" if reached else "**missed**"
