"""Where tests publish to: a real registry, real object storage and Nexus, each behind a proxy."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.fakes.nexus import Nexus, nexus
from tests.fakes.proxy import Call, Proxy, proxy
from tests.fakes.upstream import Upstream, upstream
from tests.support.delivery.release import site_toml
from tests.support.delivery.storage import KEY, REGION, SECRET, Storage, storage
from tests.support.delivery.warm import run_command
from tests.support.project import write
from tests.support.registry import LOGIN, Registry, registry

TOKEN = "a token of the receiver"
_SERVER = multiprocessing.get_context("forkserver")  # a publisher starts in 20 ms
_SERVER.set_forkserver_preload(["tests.support.delivery.warm"])


@dataclass
class Services:
    """The servers, for many tests."""

    registry: Registry
    storage: Storage
    nexus: Nexus
    flux: Upstream
    front: dict[str, Proxy]  # "registry", "storage", "nexus", "flux"
    taken: int = 0  # places that were made
    folder: Path = field(default_factory=Path)

    def place(self, project: Path, **words: str) -> Place:
        """Return a place of its own for *project*: buckets, repositories, shelves; writes its site.toml."""
        self.taken += 1
        for one in self.front.values():
            one.rules.clear()
            one.calls.clear()
            one.after = None
        self.flux.answers(200)
        self.nexus.toxics.clear()
        self.nexus.lag = 0.0
        name = f"run{self.taken}"
        fresh = type(next(iter(self.nexus.shelves.values())))()
        fresh.index = b"apiVersion: v1\nentries: {}\n"
        self.nexus.shelves[name] = fresh
        self.storage.make(f"{name}-assets", f"{name}-archive")
        place = Place(self, project, name)
        place.write(**words)
        return place


@dataclass
class Place:
    """One place that is published to."""

    services: Services
    project: Path
    name: str
    checked: bool = False  # the code that is published has to pass its checks; most tests are of other things

    def write(self, **words: str) -> None:
        """Write site.toml; *words* are assets, archive and repository, when they are others."""
        front = self.services.front
        buckets = {"endpoint": f"http://{front['storage'].host}", "region": REGION}
        buckets |= {kind: words.get(kind, f"{self.name}-{kind}") for kind in ("assets", "archive")}
        repository = words.get("repository", f"http://{front['nexus'].host}/repository/{self.name}")
        where = f"{front['registry'].host}/{self.name}"
        write(self.project / "site.toml", site_toml(where, repository, buckets, words.get("previews", "")))

    def environment(self) -> dict[str, str]:
        """Return what a pipeline is told."""
        services = self.services
        return {
            "SITE_REGISTRY_USER": LOGIN[0],
            "SITE_REGISTRY_PASSWORD": LOGIN[1],
            "SITE_CHARTS_USER": services.nexus.writer[0],
            "SITE_CHARTS_PASSWORD": services.nexus.writer[1],
            **{f"SITE_{one}_KEY": KEY for one in ("ASSETS", "ARCHIVE")},
            **{f"SITE_{one}_SECRET": SECRET for one in ("ASSETS", "ARCHIVE")},
            "SITE_FLUX_URL": f"http://{services.front['flux'].host}/hook/abc",
            "SITE_FLUX_TOKEN": TOKEN,
            "SITE_CA_FILE": str(services.registry.authority),
        }

    def start(self, *words: str, env: Mapping[str, str | None] | None = None) -> Run:
        """Start ``python -m pipelines`` with *words*, in a process of its own."""
        told = {name: value for name, value in {**self.environment(), **(env or {})}.items() if value}
        output = self.project / f"output-{len(list(self.project.glob('output-*')))}"
        free = words[0] in ("publish", "run") and not self.checked
        argv = ["--project", str(self.project), *words, *(["--unchecked"] if free else [])]
        process = _SERVER.Process(target=run_command, args=(argv, told, str(output)))
        process.start()
        return Run(process, output)

    def run(self, *words: str, env: Mapping[str, str | None] | None = None) -> Run:
        """Run ``python -m pipelines`` with *words* to its end."""
        return self.start(*(words or ("publish",)), env=env).end()

    def calls(self) -> list[Call]:
        """Return every call that was made, through whichever proxy."""
        return [call for one in self.services.front.values() for call in one.calls]

    def uploaded(self) -> int:
        """Return how many bytes of bodies went to the servers, without that for Flux."""
        return sum(one.sent() for name, one in self.services.front.items() if name != "flux")

    def charts(self) -> dict[str, bytes]:
        """Return what is on the shelf of Nexus."""
        return self.services.nexus.shelves[self.name].files

    def objects(self, kind: str) -> dict[str, bytes]:
        """Return what is in the bucket "assets" or "archive"."""
        return self.services.storage.objects(f"{self.name}-{kind}")


@dataclass
class Run:
    """A command that runs, or has run."""

    process: BaseProcess
    output: Path

    def end(self, retry_policy: float = 120) -> Run:
        """Wait for its end."""
        self.process.join(retry_policy)
        assert self.process.exitcode is not None, "it does not end"
        return self

    @property
    def code(self) -> int:
        """Its exit status; negative for a signal."""
        assert self.process.exitcode is not None
        return self.process.exitcode

    @property
    def out(self) -> str:
        """What it wrote to stdout."""
        return Path(f"{self.output}.out").read_text("utf-8")

    @property
    def err(self) -> str:
        """What it wrote to stderr."""
        return Path(f"{self.output}.err").read_text("utf-8")

    @property
    def result(self) -> Any:
        """What --json printed."""
        return json.loads(self.out)


@contextmanager
def services(folder: Path, store: str = "moto") -> Iterator[Services]:
    """Run all servers until the block ends."""
    with ExitStack() as stack:
        rooms = {name: folder / name for name in ("registry", "storage")}
        for room in rooms.values():
            room.mkdir()
        images = stack.enter_context(registry(rooms["registry"], closed=True))
        objects = stack.enter_context(storage(rooms["storage"], store))
        charts = stack.enter_context(nexus())
        flux = stack.enter_context(upstream())
        front = {
            "registry": stack.enter_context(proxy(images.host, rooms["registry"])),
            "storage": stack.enter_context(proxy(objects.host)),
            "nexus": stack.enter_context(proxy(charts.url.partition("://")[2])),
            "flux": stack.enter_context(proxy(f"127.0.0.1:{flux.port}")),
        }
        yield Services(images, objects, charts, flux, front, folder=folder)
