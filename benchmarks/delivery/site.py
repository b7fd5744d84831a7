"""Publish a clone of this repository's own site to servers on the loopback.

Reads the repository and out/ (bases and packages of the images). Works in the given folder.
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

from benchmarks.delivery.traffic import Traffic, read_traffic
from benchmarks.measure import Command, Run, run_command
from benchmarks.project import PYTHON, ROOT
from tests.support.delivery.targets import Publisher, Services, services
from tests.support.registry import LOGIN

POST = "content/posts/equal-bytes.md"
STYLE = "theme/less/prose.less"
COMMIT = "git commit -qam x"
LAG = 1.0  # seconds until index.yaml is rebuilt: the default of Nexus (tests/fakes/nexus.py)
BUILD_INPUTS = ("base", "wheels")  # in out/; a run needs them and does not build them
_GIT_IDENTITY = {
    f"GIT_{credentials}_{what}": "bench@small.example"
    for credentials in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """The costs of one commit on its way to the index."""

    indexed: float  # seconds from before `git commit` until the index lists the stable chart
    wall: float  # seconds of the process
    cpu: float  # seconds, of the process and its children
    steps: dict[str, float]  # seconds by name; the sum for a repeated name
    traffic: Traffic
    retried: int  # responses after which a client retries
    manual: float  # seconds of skopeo and PUT for the same images and chart

    @property
    def waiting(self) -> float:
        """Return the seconds without CPU use: index, servers, pauses, other work."""
        return max(0.0, self.wall - self.cpu)

    @property
    def publishing(self) -> float:
        """Return the seconds of uploading images and charts, without the index."""
        return sum(self.steps.get(name, 0.0) for name in ("image web", "image api", "chart"))


class Site:
    """The clone, its publication targets, and its changes."""

    def __init__(self, project: Path, place: Publisher) -> None:
        self.project, self.place = project, place
        self._number = count(1)

    def publish_first(self) -> Delivery:
        """Publish the unchanged clone for the first time."""
        return self._deliver("first", lambda: None, "true", " --unchecked")

    def change_word(self) -> Delivery:
        """Change one word of one post."""
        return self._deliver("word", self._replace_word)

    def change_style(self) -> Delivery:
        """Change one value of the stylesheet."""
        text = f"\n.prose-{next(self._number)} {{ color: inherit; }}\n"
        return self._deliver("style", lambda: _append(self.project / STYLE, text), option=" --unchecked")

    def change_nothing(self) -> Delivery:
        """Run again without a change."""
        return self._deliver("nothing", lambda: None, "true")

    def change_word_cold(self) -> Delivery:
        """Change one word without the output and caches of previous runs."""
        return self._deliver("cold", self._clear_and_replace_word)

    def _clear_and_replace_word(self) -> None:
        for one in (self.project / "out").iterdir():
            if one.name not in BUILD_INPUTS:
                shutil.rmtree(one) if one.is_dir() else one.unlink()
        self._replace_word()

    def _replace_word(self) -> None:
        file = self.project / POST
        text = file.read_text("utf-8")
        word = f"pleasant{next(self._number)}"
        file.write_text(re.sub(r"a pleasant\d* property", f"a {word} property", text), "utf-8")
        if word not in file.read_text("utf-8"):
            raise RuntimeError(f"{POST}: the word to change is missing; choose another one")

    def _deliver(
        self, name: str, before: Callable[[], None], commit: str = COMMIT, option: str = ""
    ) -> Delivery:
        # A changed text is published with the checked code of the last release; other code needs new checks.
        done, indexed = self._run(name, before, commit, option)
        steps: dict[str, float] = {}
        record = json.loads((self.project / "out/run.json").read_text("utf-8"))
        for step in record["steps"]:
            steps[step["name"]] = steps.get(step["name"], 0.0) + step["seconds"]
        calls = self.place.calls()
        return Delivery(
            indexed=indexed,
            wall=done.wall,
            cpu=done.cpu,
            steps=steps,
            traffic=read_traffic(self.place),
            retried=sum(call.status in (0, 429) or call.status >= 500 for call in calls),
            manual=self._publish_manually(record["version"].removesuffix("-rc")),
        )

    def _run(self, name: str, before: Callable[[], None], commit: str, option: str) -> tuple[Run, float]:
        """Return the cost of the process, and the seconds until the index lists the stable chart."""
        start = 0.0

        def prepare() -> None:
            nonlocal start
            before()
            for one in self.place.services.front.values():
                one.calls.clear()
            start = time.monotonic()

        argv = ("sh", "-c", f'{commit} && "$0" -m pipelines run{option}', PYTHON)
        done = run_command(Command(name, argv, self.project, prepare))
        return done, self.place.services.front["nexus"].calls[-1].at - start

    def _publish_manually(self, version: str) -> float:
        """Copy the images and PUT the chart to other targets, without the proxies; return the seconds."""
        at, out = self.place.services, self.project / "out"
        start = time.monotonic()
        for name in ("web", "api"):
            options = ("copy", "-q", "--dest-tls-verify=false", "--dest-creds", ":".join(LOGIN))
            destination = f"docker://{at.registry.host}/hand/{name}:{version}"
            subprocess.run(["skopeo", *options, f"oci:{out}/images/{name}", destination], check=True)
        (chart,) = (out / "charts").glob(f"*-{version}*.tgz")
        url = f"{at.nexus.repository('hand')}/{chart.name}"
        httpx.put(url, content=chart.read_bytes(), auth=at.nexus.writer, trust_env=False)
        return time.monotonic() - start


class EarlierSite(Site):
    """A clone at an earlier commit, published by the pipeline of that commit; its records are not read."""

    def publish_first(self) -> Delivery:
        """Publish the unchanged clone for the first time; that commit has no --unchecked."""
        return self._deliver("first", lambda: None, "true")

    def _deliver(
        self, name: str, before: Callable[[], None], commit: str = COMMIT, option: str = ""
    ) -> Delivery:
        done, indexed = self._run(name, before, commit, option)
        return Delivery(indexed, done.wall, done.cpu, steps={}, traffic=Traffic(), retried=0, manual=0.0)


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, "utf-8")


@contextmanager
def run_servers(folder: Path, earlier: str = "") -> Iterator[tuple[Site, EarlierSite | None]]:
    """Clone HEAD into *folder*, and the commit *earlier* if it is given; run the servers.

    Sets the environment of a CI runner, without a proxy.
    """
    project = _clone(folder / "site", "HEAD")
    old = _clone(folder / "earlier", earlier) if earlier else None
    (folder / "servers").mkdir()
    with services(folder / "servers") as servers:
        place = _configure(project, servers)
        old_place = _configure(old, servers) if old else None
        servers.nexus.lag = LAG
        servers.nexus.repositories["hand"] = type(servers.nexus.repositories["charts"])()
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        home = os.environ.get("HOME", str(folder))
        os.environ.clear()
        os.environ.update(place.environment(), **_GIT_IDENTITY, PATH=path, HOME=home, LANG="C.UTF-8")
        for one in filter(None, (project, old)):
            subprocess.run(["git", "-C", one, "commit", "-qam", "Publish to local targets"], check=True)
        yield Site(project, place), EarlierSite(old, old_place) if old and old_place else None


def _clone(project: Path, commit: str) -> Path:
    """Clone this repository at *commit*, with the bases and packages of its images."""
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, project], check=True)
    if subprocess.run(["git", "-C", project, "reset", "-q", "--hard", commit], check=False).returncode:
        raise SystemExit(f"error: {commit}: not in the history; run `git fetch --unshallow`")
    for name in BUILD_INPUTS:
        if not (ROOT / "out" / name).exists():
            raise SystemExit(f"error: out/{name}: does not exist; run `make base` (needs buildah)")
        shutil.copytree(ROOT / "out" / name, project / "out" / name)
    (project / ".git/info/exclude").write_text("/stderr.txt\n")
    return project


def _configure(project: Path, servers: Services) -> Publisher:
    """Return a publisher of *project*, and write its targets into site.toml."""
    text = (project / "site.toml").read_text("utf-8")
    place = servers.publisher(project)  # writes the settings of the tests' site
    (project / "site.toml").write_text(_with_targets(text, place), "utf-8")
    return place


def _with_targets(text: str, place: Publisher) -> str:
    """Return the site.toml *text* with the targets of *place*."""
    front = place.services.front
    settings = {
        "registry": f"{front['registry'].host}/{place.name}",
        "repository": f"http://{front['nexus'].host}/repository/{place.name}",
        "endpoint": f"http://{front['storage'].host}",
        "assets": f"{place.name}-assets",
        "archive": f"{place.name}-archive",
    }
    for key, value in settings.items():
        text, changed = re.subn(rf'(?m)^{key}( *)= "[^"]*"', rf'{key}\1= "{value}"', text)
        if changed != 1:
            raise RuntimeError(f"site.toml: {key}: found {changed} times; expected 1")
    return text
