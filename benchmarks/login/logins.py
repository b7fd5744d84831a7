"""Logins per second, and their ratio to hashes per second.

Starts wrk. Writes its requests into the given folder. Network: the loopback alone.
"""

from __future__ import annotations

import json
import statistics
import time
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from argon2 import PasswordHasher

from api.accounts.hash_queue import MAX_CONCURRENT, MAX_QUEUED
from api.accounts.hashers import Argon2
from benchmarks import processes
from benchmarks.login import readers
from benchmarks.login.gate import format_figures, request_rate
from benchmarks.measure import interleave, median, ratio
from benchmarks.wrk import Load
from tests.api.live_site import API, Site

MIN_SECONDS = 5  # of a round: on a busy machine a login takes a second
CONNECTIONS = MAX_CONCURRENT + MAX_QUEUED  # as many as the API accepts without a refusal
HEAD = (
    "| database | one hash ms | logins/s | p50 ms | p99 ms "
    "| to the hash limit: median (least to greatest) |\n|---|---:|---:|---:|---:|---:|"
)


def measure_logins(folder: Path, site: Site, password: str, name: str, pairs: int, seconds: int) -> str:
    """Return the row of the database *name* as Markdown."""
    file = write_logins(folder / "logins.txt", site, password, "X-Real-IP")
    (port,) = site.ports
    found = interleave(
        {
            "hashes": partial(measure_hashes, password, seconds),
            "logins": partial(readers.load, port, file, max(seconds, MIN_SECONDS), CONNECTIONS),
        },
        pairs,
    )
    cores = len(processes.split_processors()[1])
    least, middle, most = (one / cores for one in ratio(found["logins"], found["hashes"], request_rate))
    one = median(found["hashes"], lambda run: run.half * 1e3)
    figures = format_figures(found["logins"])
    return f"| {name} | {one:.1f} | {figures} | {middle:.2f} ({least:.2f} to {most:.2f}) |"


def measure_hashes(password: str, seconds: int) -> Load:
    """Verify *password*, as the API does, repeatedly on one of the server's processors."""
    hasher = PasswordHasher(Argon2.time_cost, Argon2.memory_cost, Argon2.parallelism)
    encoded = hasher.hash(password)
    walls: list[float] = []
    with processes.run_on({max(processes.split_processors()[1])}):
        while sum(walls) < seconds:
            start = time.perf_counter()
            hasher.verify(encoded, password)
            walls.append(time.perf_counter() - start)
    return Load(len(walls), sum(walls), statistics.median(walls), statistics.quantiles(walls, n=100)[98])


def write_logins(file: Path, site: Site, password: str, name: str = "X-Forwarded-For") -> Path:
    """Write a login of a member from every address, sent in the header *name*, into *file*.

    Each login comes from a browser without a session.
    """
    one = site.browser()
    one.call("GET", "config")  # sets the CSRF cookie, which all of these browsers share
    token = one.jar[site.csrf]
    headers = {
        "Host": site.host,
        "Origin": site.url,
        "Content-Type": "application/json",
        "Cookie": f"{site.csrf}={token}",
        "X-CSRFToken": token,
    }
    pairs = zip(readers.addresses(), islice(cycle(readers.emails()), readers.ADDRESSES), strict=True)
    return readers.write_requests(
        file,
        (
            readers.format_request(
                "POST",
                f"{API}/auth/login",
                {**headers, name: address},
                json.dumps({"email": email, "password": password}),
            )
            for address, email in pairs
        ),
    )
