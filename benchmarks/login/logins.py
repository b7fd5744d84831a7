"""Logins a second, and how near they come to what hashing alone would allow.

Starts wrk. Writes its requests into the folder that it is given. Network: the loopback alone.
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
from benchmarks.login.gate import figures, rate
from benchmarks.measure import alternate, median, ratio
from benchmarks.wrk import Load
from tests.api.running import API, Site

TURN = 5  # seconds at least: on a busy machine a login takes one of them
CONNECTIONS = MAX_CONCURRENT + MAX_QUEUED  # as many as the API takes at once: none of them is refused
HEAD = (
    "| database | one hash ms | logins/s | half within ms | 99 % within ms "
    "| to what hashing allows: median (least to greatest) |\n|---|---:|---:|---:|---:|---:|"
)


def logins(folder: Path, site: Site, password: str, name: str, pairs: int, seconds: int) -> str:
    """Return the row of one database, *name*, as Markdown."""
    file = requests(folder / "logins.txt", site, password, "X-Real-IP")
    (port,) = site.ports
    found = alternate(
        {
            "hashes": partial(hashes, password, seconds),
            "logins": partial(readers.load, port, file, max(seconds, TURN), CONNECTIONS),
        },
        pairs,
    )
    cores = len(processes.halves()[1])
    least, middle, most = (one / cores for one in ratio(found["logins"], found["hashes"], rate))
    one = median(found["hashes"], lambda run: run.half * 1e3)
    return f"| {name} | {one:.1f} | {figures(found['logins'])} | {middle:.2f} ({least:.2f} to {most:.2f}) |"


def hashes(password: str, seconds: int) -> Load:
    """Verify *password*, as the API does, one time after the other on one of the server's processors."""
    hasher = PasswordHasher(Argon2.time_cost, Argon2.memory_cost, Argon2.parallelism)
    kept = hasher.hash(password)
    walls: list[float] = []
    with processes.on({max(processes.halves()[1])}):
        while sum(walls) < seconds:
            start = time.perf_counter()
            hasher.verify(kept, password)
            walls.append(time.perf_counter() - start)
    return Load(len(walls), sum(walls), statistics.median(walls), statistics.quantiles(walls, n=100)[98])


def requests(file: Path, site: Site, password: str, name: str = "X-Forwarded-For") -> Path:
    """Write a login of a member from every address, told in the header *name*, into *file*.

    Each by a browser that was never here.
    """
    one = site.browser()
    one.call("GET", "config")  # sets the cookie against forged requests, which all of these browsers share
    token = one.jar[site.csrf]
    headers = {
        "Host": site.host,
        "Origin": site.url,
        "Content-Type": "application/json",
        "Cookie": f"{site.csrf}={token}",
        "X-CSRFToken": token,
    }
    pairs = zip(readers.addresses(), islice(cycle(readers.emails()), readers.ADDRESSES), strict=True)
    return readers.write(
        file,
        (
            readers.request(
                "POST",
                f"{API}/auth/login",
                {**headers, name: address},
                json.dumps({"email": email, "password": password}),
            )
            for address, email in pairs
        ),
    )
