"""The targets of publishing in tests: a real registry, real object storage and Nexus, each behind a proxy."""

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
    publisher_count: int = 0
    folder: Path = field(default_factory=Path)

    def publisher(self, project: Path, **options: str) -> Publisher:
        """Return a publisher of *project* with its own buckets and repositories; writes its site.toml."""
        self.publisher_count += 1
        for one in self.front.values():
            one.rules.clear()
            one.calls.clear()
            one.after = None
        self.flux.respond(200)
        self.nexus.toxics.clear()
        self.nexus.lag = 0.0
        name = f"run{self.publisher_count}"
        fresh = type(next(iter(self.nexus.repositories.values())))()
        fresh.index = b"apiVersion: v1\nentries: {}\n"
        self.nexus.repositories[name] = fresh
        self.storage.make(f"{name}-assets", f"{name}-archive")
        publisher = Publisher(self, project, name)
        publisher.write(**options)
        return publisher


@dataclass
class Publisher:
    """Runs the command line on a project with its own buckets and repositories."""

    services: Services
    project: Path
    name: str
    checked: bool = False  # True: without --unchecked

    def write(self, **options: str) -> None:
        """Write site.toml; *options* override assets, archive and repository."""
        front = self.services.front
        buckets = {"endpoint": f"http://{front['storage'].host}", "region": REGION}
        buckets |= {kind: options.get(kind, f"{self.name}-{kind}") for kind in ("assets", "archive")}
        repository = options.get("repository", f"http://{front['nexus'].host}/repository/{self.name}")
        where = f"{front['registry'].host}/{self.name}"
        write(self.project / "site.toml", site_toml(where, repository, buckets, options.get("previews", "")))

    def environment(self) -> dict[str, str]:
        """Return the environment variables of a pipeline."""
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

    def start(self, *argv: str, env: Mapping[str, str | None] | None = None) -> Run:
        """Start ``python -m pipelines`` with *argv* in a process of its own."""
        environ = {name: value for name, value in {**self.environment(), **(env or {})}.items() if value}
        output = self.project / f"output-{len(list(self.project.glob('output-*')))}"
        unchecked = argv[0] in ("publish", "run") and not self.checked
        options = ["--project", str(self.project), *argv, *(["--unchecked"] if unchecked else [])]
        process = _SERVER.Process(target=run_command, args=(options, environ, str(output)))
        process.start()
        return Run(process, output)

    def run(self, *argv: str, env: Mapping[str, str | None] | None = None) -> Run:
        """Run ``python -m pipelines`` with *argv* to its end."""
        return self.start(*(argv or ("publish",)), env=env).end()

    def calls(self) -> list[Call]:
        """Return the requests to all proxies."""
        return [call for one in self.services.front.values() for call in one.calls]

    def uploaded_bytes(self) -> int:
        """Return how many bytes of request bodies the servers got, without Flux."""
        return sum(one.sent() for name, one in self.services.front.items() if name != "flux")

    def charts(self) -> dict[str, bytes]:
        """Return the charts in Nexus, by file name."""
        return self.services.nexus.repositories[self.name].files

    def objects(self, kind: str) -> dict[str, bytes]:
        """Return the objects of the bucket "assets" or "archive"."""
        return self.services.storage.objects(f"{self.name}-{kind}")


@dataclass
class Run:
    """A running or finished command."""

    process: BaseProcess
    output: Path

    def end(self, timeout: float = 120) -> Run:
        """Wait for its end."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "the command does not end"
        return self

    @property
    def code(self) -> int:
        """Its exit status; negative for a signal."""
        assert self.process.exitcode is not None
        return self.process.exitcode

    @property
    def out(self) -> str:
        """Its stdout."""
        return Path(f"{self.output}.out").read_text("utf-8")

    @property
    def err(self) -> str:
        """Its stderr."""
        return Path(f"{self.output}.err").read_text("utf-8")

    @property
    def result(self) -> Any:
        """The JSON that it printed."""
        return json.loads(self.out)


@contextmanager
def services(folder: Path, store: str = "moto") -> Iterator[Services]:
    """Run all servers until the block ends."""
    with ExitStack() as stack:
        directories = {name: folder / name for name in ("registry", "storage")}
        for directory in directories.values():
            directory.mkdir()
        images = stack.enter_context(registry(directories["registry"], closed=True))
        objects = stack.enter_context(storage(directories["storage"], store))
        charts = stack.enter_context(nexus())
        flux = stack.enter_context(upstream())
        front = {
            "registry": stack.enter_context(proxy(images.host, directories["registry"])),
            "storage": stack.enter_context(proxy(objects.host)),
            "nexus": stack.enter_context(proxy(charts.url.partition("://")[2])),
            "flux": stack.enter_context(proxy(f"127.0.0.1:{flux.port}")),
        }
        yield Services(images, objects, charts, flux, front, folder=folder)
