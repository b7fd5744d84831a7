"""Send requests at a fixed rate, independent of the responses: an open loop.

    python -m benchmarks.login.open_loop FILE PORT RATE SECONDS

Sends the requests of FILE (benchmarks/login/readers.py: write_requests), each over its own connection. Prints
a JSON list with [status, seconds] for each, from its due time to the end of the response. Status 0: no
response within 30 s. Network: the loopback alone.
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
class Responses:
    """The responses: one (status, seconds) for each request."""

    all: tuple[tuple[int, float], ...]

    def count(self, *statuses: int) -> int:
        """Return the number of responses with one of *statuses*."""
        return sum(status in statuses for status, _ in self.all)

    def within(self, share: float) -> float:
        """Return the latency in seconds of the *share* of fastest responses: 0.5 is the median."""
        seconds = sorted(seconds for _, seconds in self.all)
        return statistics.quantiles(seconds, n=1000, method="inclusive")[round(share * 1000) - 1]


@contextmanager
def run_client(port: int, file: Path, rate: float, seconds: float) -> Iterator[Callable[[], Responses]]:
    """Send in a child process while the block runs; the yielded function waits for the responses."""
    argv = [sys.executable, "-m", "benchmarks.login.open_loop", str(file), str(port), str(rate), str(seconds)]
    with processes.run_on(processes.split_processors()[0]):
        sender = subprocess.Popen(argv, stdout=subprocess.PIPE)

    def wait() -> Responses:
        out, _ = sender.communicate(timeout=seconds + 2 * TIMEOUT)
        if sender.returncode:
            raise RuntimeError(f"the client exited with {sender.returncode}")
        return Responses(tuple((status, spent) for status, spent in json.loads(out)))

    try:
        yield wait
    finally:
        if sender.poll() is None:
            sender.kill()
            sender.wait()


async def _send(port: int, request: bytes, due: float) -> tuple[int, float]:
    try:
        async with asyncio.timeout(TIMEOUT):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            response = await reader.read()
            writer.close()
            status = int(response[9:12]) if response.startswith(b"HTTP/1.1 ") else 0
    except (OSError, TimeoutError):
        status = 0
    return status, time.perf_counter() - due


async def _send_all(port: int, requests: list[bytes], rate: float) -> list[tuple[int, float]]:
    begin = time.perf_counter() + 0.1
    tasks = []
    for number, request in enumerate(requests):
        due = begin + number / rate
        await asyncio.sleep(due - time.perf_counter())
        tasks.append(asyncio.create_task(_send(port, request, due)))
    return await asyncio.gather(*tasks)


def main(argv: list[str]) -> None:
    """Send the requests, and print the responses."""
    file, port, rate, seconds = Path(argv[0]), int(argv[1]), float(argv[2]), float(argv[3])
    texts = file.read_bytes().removesuffix(b"\n.\n").split(b"\n.\n")
    closing = [text.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) for text in texts]
    requests = list(islice(cycle(closing), round(rate * seconds)))
    print(json.dumps(asyncio.run(_send_all(port, requests, rate))))


if __name__ == "__main__":
    main(sys.argv[1:])
