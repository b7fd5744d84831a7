"""Members' pages against public ones, through the NGINX of the image.

Starts wrk. Writes its requests into the folder that it is given. Network: the loopback alone.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from benchmarks.login import readers
from benchmarks.login.gate import figures, rate
from benchmarks.login.site import GATED, PUBLIC
from benchmarks.measure import alternate, ratio
from benchmarks.wrk import Load
from tests.api.running import Site

HEAD = (
    "| database | page | kB | requests/s | half within ms | 99 % within ms "
    "| members' to public: median (least to greatest) |\n|---|---|---:|---:|---:|---:|---:|"
)


def pages(folder: Path, site: Site, cookies: list[str], name: str, pairs: int, seconds: int) -> str:
    """Return the rows of one database, *name*, as Markdown."""
    headers = {"Host": site.host, "Accept-Encoding": "br"}
    sides, sizes = {}, {}
    for label, path in (("public", PUBLIC), ("members'", GATED)):
        answer = site.web.get(path, headers={**headers, "Cookie": cookies[0]})
        if answer.status != 200 or answer.headers.get("content-encoding") != "br":
            raise RuntimeError(f"{path}: {answer.status} {answer.headers}")
        sizes[label] = len(answer.body)
        file = readers.visits(folder / f"{label}.txt", path, cookies, "X-Forwarded-For", headers)
        sides[label] = partial(_load, folder, site, file, seconds)
    if site.web.get(GATED, headers=headers).status != 401:
        raise RuntimeError(f"{GATED} is open to strangers")
    found = alternate(sides, pairs)
    least, middle, most = ratio(found["members'"], found["public"], rate)
    return "\n".join(
        f"| {name} | {label} | {sizes[label] / 1000:.2f} | {figures(runs)} | "
        + ("|" if label == "public" else f"{middle:.3f} ({least:.3f} to {most:.3f}) |")
        for label, runs in found.items()
    )


def _load(folder: Path, site: Site, file: Path, seconds: int) -> Load:
    done = readers.load(site.web.port, file, seconds)
    os.truncate(folder / "stdout", 0)  # the access log: nothing of a turn is left for the next one
    return done
