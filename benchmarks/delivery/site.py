"""This repository's own site as a clone with its history, published to servers of this machine.

Reads the repository and out/ (bases and packages of the images). Works in the folder that it is given.
Starts a registry, object storage, Git, skopeo. Network: the loopback alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from benchmarks.build import PYTHON, ROOT
from benchmarks.delivery.moved import Sent, sent
from benchmarks.measure import Peer, run
from tests.support.delivery.targets import Place, services
from tests.support.registry import LOGIN

POST = "content/posts/equal-bytes.md"
STYLE = "theme/less/prose.less"
LAG = 1.0  # seconds until index.yaml is made anew: the default of Nexus (tests/fakes/nexus.py)
KEPT = ("base", "wheels")  # of out/: fetched, not made by a run
_WHO = {
    f"GIT_{credentials}_{what}": "bench@small.example"
    for credentials in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One commit on its way to the index."""

    indexed: float  # seconds from before `git commit` until the index has named the stable chart
    wall: float  # seconds, until the process has ended
    cpu: float  # seconds, of the process and those that it started
    steps: dict[str, float]  # seconds, by name; a name that came twice has the sum
    sent: Sent
    refused: int  # answers that a client has to ask again for
    hand: float  # seconds of skopeo and PUT for the same images and chart

    @property
    def waited(self) -> float:
        """Return the seconds in which nothing of it computed: index, servers, pauses, other work."""
        return max(0.0, self.wall - self.cpu)

    @property
    def publishing(self) -> float:
        """Return the seconds of the images and the charts on their way, without the index."""
        return sum(self.steps.get(name, 0.0) for name in ("image web", "image api", "chart"))


class Site:
    """The clone, its places, and what changes in it."""

    def __init__(self, project: Path, place: Place) -> None:
        self.project, self.place = project, place
        self._number = count(1)

    def first(self) -> Delivery:
        """Publish what is there."""
        return self._deliver("first", lambda: None, "true")

    def word(self) -> Delivery:
        """Change one word of one post."""
        return self._deliver("word", self._word)

    def style(self) -> Delivery:
        """Change one value of the stylesheet."""
        text = f"\n.prose-{next(self._number)} {{ color: inherit; }}\n"
        return self._deliver("style", lambda: _append(self.project / STYLE, text))

    def nothing(self) -> Delivery:
        """Run once more."""
        return self._deliver("nothing", lambda: None, "true")

    def cold(self) -> Delivery:
        """Change one word with nothing left of the runs before."""
        return self._deliver("cold", self._forget)

    def _forget(self) -> None:
        for one in (self.project / "out").iterdir():
            if one.name not in KEPT:
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        self._word()

    def _word(self) -> None:
        file = self.project / POST
        text = file.read_text("utf-8")
        fresh = f"pleasant{next(self._number)}"
        file.write_text(re.sub(r"a pleasant\d* property", f"a {fresh} property", text), "utf-8")
        if fresh not in file.read_text("utf-8"):
            raise RuntimeError(f"{POST}: the word that is changed here is gone; choose another one")

    def _deliver(self, name: str, before: Callable[[], None], commit: str = "git commit -qam x") -> Delivery:
        start = 0.0

        def prepare() -> None:
            nonlocal start
            before()
            for one in self.place.services.front.values():
                one.calls.clear()
            start = time.monotonic()

        # A text goes out on the code of the release before; other code would have to pass its checks.
        words = " --unchecked" if name in ("first", "style") else ""
        argv = ("sh", "-c", f'{commit} && "$0" -m pipelines run{words}', PYTHON)
        done = run(Peer(name, argv, self.project, prepare))
        steps: dict[str, float] = {}
        told = json.loads((self.project / "out/run.json").read_text("utf-8"))
        for step in told["steps"]:
            steps[step["name"]] = steps.get(step["name"], 0.0) + step["seconds"]
        calls = self.place.calls()
        return Delivery(
            indexed=self.place.services.front["nexus"].calls[-1].at - start,
            wall=done.wall,
            cpu=done.cpu,
            steps=steps,
            sent=sent(self.place),
            refused=sum(call.status in (0, 429) or call.status >= 500 for call in calls),
            hand=self._hand(told["version"].removesuffix("-rc")),
        )

    def _hand(self, version: str) -> float:
        """Copy the images and PUT the chart to other places, without the proxies; return the seconds."""
        at, out = self.place.services, self.project / "out"
        start = time.monotonic()
        for name in ("web", "api"):
            words = ("copy", "-q", "--dest-tls-verify=false", "--dest-creds", ":".join(LOGIN))
            place = f"docker://{at.registry.host}/hand/{name}:{version}"
            subprocess.run(["skopeo", *words, f"oci:{out}/images/{name}", place], check=True)
        (chart,) = (out / "charts").glob(f"*-{version}*.tgz")
        url = f"{at.nexus.repository('hand')}/{chart.name}"
        httpx.put(url, content=chart.read_bytes(), auth=at.nexus.writer, trust_env=False)
        return time.monotonic() - start


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


@contextmanager
def published(folder: Path) -> Iterator[Site]:
    """Clone HEAD into *folder* and run the servers; the environment is that of a runner, and no proxy's."""
    project = folder / "site"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, project], check=True)
    for name in KEPT:
        if not (ROOT / "out" / name).exists():
            raise SystemExit(f"error: out/{name} is not there; run `make base` (needs buildah)")
        shutil.copytree(ROOT / "out" / name, project / "out" / name)
    (project / ".git/info/exclude").write_text("/stderr.txt\n")
    (folder / "servers").mkdir()
    with services(folder / "servers") as servers:
        text = (project / "site.toml").read_text("utf-8")
        place = servers.place(project)  # writes facts of the tests' site
        servers.nexus.lag = LAG
        servers.nexus.shelves["hand"] = type(servers.nexus.shelves["charts"])()
        (project / "site.toml").write_text(_placed(text, place), "utf-8")
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        home = os.environ.get("HOME", str(folder))
        os.environ.clear()
        os.environ.update(place.environment(), **_WHO, PATH=path, HOME=home, LANG="C.UTF-8")
        subprocess.run(["git", "-C", project, "commit", "-qam", "Places of this machine"], check=True)
        yield Site(project, place)


def _placed(text: str, place: Place) -> str:
    """Return site.toml *text* with *place* in it."""
    front = place.services.front
    facts = {
        "registry": f"{front['registry'].host}/{place.name}",
        "repository": f"http://{front['nexus'].host}/repository/{place.name}",
        "endpoint": f"http://{front['storage'].host}",
        "assets": f"{place.name}-assets",
        "archive": f"{place.name}-archive",
    }
    for key, value in facts.items():
        text, changed = re.subn(rf'(?m)^{key}( *)= "[^"]*"', rf'{key}\1= "{value}"', text)
        if changed != 1:
            raise RuntimeError(f"site.toml: {key} is there {changed} times")
    return text
