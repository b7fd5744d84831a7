"""Requests at a fixed rate, whatever is answered: an open loop, as readers who know nothing of each other.

    python -m benchmarks.login.open_loop FILE PORT RATE SECONDS

Sends what FILE holds (benchmarks/login/readers.py: write), each request over a connection of its own, and
prints one JSON list: [status, seconds] for each, from when it was due to the end of its answer. Status 0:
no answer within 30 s. Network: the loopback alone.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks import processes

TIMEOUT = 30  # seconds


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back: one (status, seconds) for each request."""

    all: tuple[tuple[int, float], ...]

    def count(self, *statuses: int) -> int:
        """Return how many answers have one of *statuses*."""
        return sum(status in statuses for status, _ in self.all)

    def within(self, share: float) -> float:
        """Return the seconds within which *share* of all answers came: 0.5 is the median."""
        seconds = sorted(seconds for _, seconds in self.all)
        return statistics.quantiles(seconds, n=1000, method="inclusive")[round(share * 1000) - 1]


@contextmanager
def sending(port: int, file: Path, rate: float, seconds: float) -> Iterator[Callable[[], Answers]]:
    """Send in a process of its own while the block runs; the yielded function waits for the answers."""
    argv = [sys.executable, "-m", "benchmarks.login.open_loop", str(file), str(port), str(rate), str(seconds)]
    with processes.on(processes.halves()[0]):
        sender = subprocess.Popen(argv, stdout=subprocess.PIPE)

    def answers() -> Answers:
        out, _ = sender.communicate(timeout=seconds + 2 * TIMEOUT)
        if sender.returncode:
            raise RuntimeError(f"the client ended with {sender.returncode}")
        return Answers(tuple((status, spent) for status, spent in json.loads(out)))

    try:
        yield answers
    finally:
        if sender.poll() is None:
            sender.kill()
            sender.wait()


async def _one(port: int, request: bytes, due: float) -> tuple[int, float]:
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            answer = await reader.read()
            writer.close()
            status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
    except (OSError, TimeoutError):
        status = 0
    return status, time.perf_counter() - due


async def _all(port: int, requests: list[bytes], rate: float) -> list[tuple[int, float]]:
    begin = time.perf_counter() + 0.1
    tasks = []
    for number, request in enumerate(requests):
        due = begin + number / rate
        await asyncio.sleep(due - time.perf_counter())
        tasks.append(asyncio.create_task(_one(port, request, due)))
    return await asyncio.gather(*tasks)


def main(words: list[str]) -> None:
    """Send, and print what came back."""
    file, port, rate, seconds = Path(words[0]), int(words[1]), float(words[2]), float(words[3])
    texts = file.read_bytes().removesuffix(b"\n.\n").split(b"\n.\n")
    closing = [text.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) for text in texts]
    requests = list(islice(cycle(closing), round(rate * seconds)))
    print(json.dumps(asyncio.run(_all(port, requests, rate))))


if __name__ == "__main__":
    main(sys.argv[1:])
