"""Members' pages against public ones, through the NGINX of the image.

Starts wrk. Writes its requests into the given folder. Network: the loopback alone.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from benchmarks.login import readers
from benchmarks.login.gate import format_figures, request_rate
from benchmarks.login.site import GATED, PUBLIC
from benchmarks.measure import interleave, ratio
from benchmarks.wrk import Load
from tests.api.live_site import Site

HEAD = (
    "| database | page | kB | requests/s | p50 ms | p99 ms "
    "| members' to public: median (least to greatest) |\n|---|---|---:|---:|---:|---:|---:|"
)


def measure_pages(folder: Path, site: Site, cookies: list[str], name: str, pairs: int, seconds: int) -> str:
    """Return the rows of the database *name* as Markdown."""
    headers = {"Host": site.host, "Accept-Encoding": "br"}
    sides, sizes = {}, {}
    for label, path in (("public", PUBLIC), ("members'", GATED)):
        response = site.web.get(path, headers={**headers, "Cookie": cookies[0]})
        if response.status != 200 or response.headers.get("content-encoding") != "br":
            raise RuntimeError(f"{path}: {response.status} {response.headers}")
        sizes[label] = len(response.body)
        file = readers.write_visits(folder / f"{label}.txt", path, cookies, "X-Forwarded-For", headers)
        sides[label] = partial(_load, folder, site, file, seconds)
    if site.web.get(GATED, headers=headers).status != 401:
        raise RuntimeError(f"{GATED}: expected 401 without a login")
    found = interleave(sides, pairs)
    least, middle, most = ratio(found["members'"], found["public"], request_rate)
    return "\n".join(
        f"| {name} | {label} | {sizes[label] / 1000:.2f} | {format_figures(runs)} | "
        + ("|" if label == "public" else f"{middle:.3f} ({least:.3f} to {most:.3f}) |")
        for label, runs in found.items()
    )


def _load(folder: Path, site: Site, file: Path, seconds: int) -> Load:
    done = readers.load(site.web.port, file, seconds)
    os.truncate(folder / "stdout", 0)  # keep the access log small
    return done
