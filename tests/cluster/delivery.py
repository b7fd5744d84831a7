"""Deliver a commit: push it, run its pipeline, and measure each phase until all readers get it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from tests.cluster import api, front_door, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.layout import Layout


@dataclass
class Delivery:
    """When each phase of a delivery ended, in seconds since `git push` began."""

    version: str = ""  # of the stable chart
    steps: list[dict[str, Any]] = field(default_factory=list)  # of the pipeline
    ends: dict[str, float] = field(default_factory=dict)

    @property
    def bytes(self) -> dict[str, int]:
        """Return the bytes sent to each target."""
        names = ("image web", "image api", "assets", "archive", "chart", "stable chart")
        found: dict[str, int] = {}
        for step in self.steps:
            if step["name"] in names and "sent" in step["what"]:
                found[step["name"]] = found.get(step["name"], 0) + int(step["bytes"])
        return found


def _observe(there: Layout, begun: float, path: str, text: str, end: Event, into: dict[str, float]) -> None:
    """Note when the readers, and Flux's objects, have *text* or a newer version than before."""
    client = Api(there)
    before = api.chart_version(client.get(GROUPS["helmchart"]))

    def new(version: str) -> bool:
        return version not in ("", before)

    conditions: dict[str, Callable[[], bool]] = {
        "source": lambda: new(api.chart_version(client.get(GROUPS["helmchart"]))),
        "release": lambda: new(
            str(client.get(GROUPS["helmrelease"]).get("status", {}).get("lastAttemptedRevision"))
        ),
        "first reader": lambda: text.encode() in front_door.get(path).body,
        "rollout": lambda: api.is_rolled_out(client.get(GROUPS["web"])),
        "all readers": lambda: front_door.all_get(path, text),
        "tested": lambda: new(api.deployed_version(client.get(GROUPS["helmrelease"]))),
    }
    for name, condition in conditions.items():
        while not end.is_set():
            try:
                reached = condition()
            except OSError:
                reached = False
            if reached:
                into[name] = time.monotonic() - begun
                break
            time.sleep(0.1)
    client.close()


def deliver(there: Layout, path: str, text: str, timeout: float = 300) -> Delivery:
    """Push main and publish it; wait until each reader of *path* gets *text*.

    Raise TimeoutError with the phases that were reached.
    """
    found = Delivery()
    end = Event()
    begun = time.monotonic()
    with ThreadPoolExecutor() as pool:
        observer = pool.submit(_observe, there, begun, path, text, end, found.ends)
        try:
            site.push(there)
            found.ends["push"] = time.monotonic() - begun
            result = site.publish(there)
            found.ends["pipeline"] = time.monotonic() - begun
            found.version, found.steps = result["version"].removesuffix("-rc"), result["steps"]
            observer.result(timeout)
        except TimeoutError:
            raise TimeoutError(f"{text!r} is not live after {timeout:.0f} s; reached: {found.ends}") from None
        finally:
            end.set()
    return found
