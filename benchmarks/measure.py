"""Time whole processes in turns, by the operating system's own accounting.

Starts the commands that it is given. No network.
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process."""

    wall: float  # seconds
    cpu: float  # seconds, of the process and of those that it waited for
    memory: float  # MB, of the largest process


@dataclass(frozen=True, slots=True)
class Peer:
    """A command to be measured."""

    name: str
    argv: Sequence[str]
    folder: Path
    before: Callable[[], None]  # brings the folder back to its first state; not timed


def run(peer: Peer) -> Run:
    """Run *peer* once, its output thrown away; raise RuntimeError when it fails."""
    peer.before()
    with open(os.devnull, "wb") as nowhere, open(peer.folder / "stderr.txt", "wb") as said:
        here = os.getcwd()
        os.chdir(peer.folder)
        try:
            start = perf_counter()
            child = os.posix_spawnp(
                peer.argv[0],
                list(peer.argv),
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, nowhere.fileno(), 1),
                    (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
                ],
            )
            _, status, usage = os.wait4(child, 0)
            wall = perf_counter() - start
        finally:
            os.chdir(here)
    if os.waitstatus_to_exitcode(status) != 0:
        end = (peer.folder / "stderr.txt").read_text()[-2000:]
        raise RuntimeError(f"{peer.name} ended with {os.waitstatus_to_exitcode(status)}: {end}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def in_turns(peers: Sequence[Peer], rounds: int) -> dict[str, list[Run]]:
    """Run the peers A B C A B C …, after one round that is not counted."""
    return alternate({peer.name: partial(run, peer) for peer in peers}, rounds)


def alternate(sides: Mapping[str, Callable[[], Result]], rounds: int) -> dict[str, list[Result]]:
    """Measure the *sides*, by name, A B C A B C …, after one round that is not counted."""
    found: dict[str, list[Result]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, measured in sides.items():
            print(f"  round {turn} of {rounds}: {name}", file=sys.stderr)
            result = measured()
            if turn:
                found[name].append(result)
    return found


def median(runs: Sequence[Result], what: Callable[[Result], float]) -> float:
    """Return the median of one figure over *runs*."""
    return statistics.median(map(what, runs))


def ratio(
    ours: Sequence[Result], theirs: Sequence[Result], what: Callable[[Result], float]
) -> tuple[float, float, float]:
    """Return (least, median, greatest) of the ratios of the pairs: both sides of one saw the same machine."""
    pairs = [what(a) / what(b) for a, b in zip(ours, theirs, strict=True)]
    return min(pairs), statistics.median(pairs), max(pairs)


def met(true: bool) -> str:
    """Return the word for a bar that was reached, or not."""
    return "met" if true else "**missed**"
