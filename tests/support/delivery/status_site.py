"""A site that is looked at: a real repository, a front door, a Nexus, perhaps a cluster."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from tests.fakes.nexus import Nexus, nexus
from tests.fakes.pods import FrontDoor, Pod, front_door
from tests.support.project import COMMITTED, SMALL_SITE, commit_all, git, write

VARIABLES = ("KUBECONFIG", "CI_DEFAULT_BRANCH", "SITE_CA_FILE", "SITE_CHARTS_USER", "SITE_CHARTS_PASSWORD",
             "REGISTRY_AUTH_FILE", "NO_COLOR", "FORCE_COLOR")  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def result(self) -> Any:
        """What --json printed."""
        return json.loads(self.out)

    @property
    def row(self) -> str:
        """The line of the first environment, its spaces made one."""
        return " ".join(self.out.splitlines()[1].split())


@dataclass
class Stage:
    """The site, and what it is made of."""

    project: Path
    door: FrontDoor
    nexus: Nexus
    commits: list[str] = field(default_factory=list)  # of main, the oldest first
    env: dict[str, str] = field(default_factory=dict)

    def commit(self, count: int = 1) -> None:
        """Add commits to main."""
        for _ in range(count):
            write(self.project / "content/pages/about.md", f"---\ntitle: About\n---\n{len(self.commits)}\n")
            commit_all(self.project, COMMITTED)
            self.commits.append(git(self.project, "rev-parse", "HEAD").strip())

    def pod(self, number: int, version: str = "", **words: Any) -> Pod:
        """Return a pod of the *number*-th commit, as production has it."""
        return Pod(version or f"1.0.{number}", self.commits[number - 1], **words)

    def publish(self, number: int, version: str = "", commit: str = "") -> None:
        """Put the chart of the *number*-th commit on the shelf."""
        version = version or f"1.0.{number}"
        hosted = self.nexus.repositories["charts"]
        name = f"site-{version}.tgz"
        hosted.files[name] = chart(version, commit or self.commits[number - 1])
        hosted.created[name] = 0.0
        hosted.index = self.nexus._index(hosted)

    def configure(self, **places: str) -> None:
        """Write site.toml; *places* are the address of each environment, and chart for the repository."""
        repository = places.pop("chart", f"{self.nexus.url}/repository/charts")
        rows = places or {"production": self.door.url}
        text = (SMALL_SITE / "site.toml").read_text("utf-8")
        text += f'\n[chart]\nversion = "1.0"\nrepository = "{repository}"\n'
        for name, url in rows.items():
            text += f'\n[[environment]]\nname = "{name}"\nurl = "{url}"\n'
        write(self.project / "site.toml", text)


def chart(version: str, commit: str) -> bytes:
    """Return a chart that carries *commit*, as `pipelines chart` fills it in."""
    files = {
        "site/Chart.yaml": f"apiVersion: v2\nname: site\nversion: {version}\n",
        "site/values.yaml": f'# What this chart brings.\nrelease:\n  commit: "{commit}"\n',
    }
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(whole.getvalue(), mtime=0)


@contextmanager
def stage(folder: Path, commits: int = 3) -> Iterator[Stage]:
    """Set up a site of *commits* commits; nothing of it is published, and its front door is shut."""
    with ExitStack() as stack:
        told = Stage(folder / "site", stack.enter_context(front_door()), stack.enter_context(nexus()))
        told.nexus.lag, told.nexus.anonymous = 0.0, True
        told.configure()
        write(told.project / ".gitignore", "/out/\n")
        told.commit(commits)
        yield told


class Runner:
    """Runs the command line in this process, with an environment of its own."""

    def __init__(
        self, told: Stage, home: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.stage, self.capture, self.patch = told, capture, patch
        patch.setenv("HOME", str(home))
        for name in VARIABLES:
            patch.delenv(name, raising=False)

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> Outcome:
        with self.patch.context() as patch:
            for name, value in {**self.stage.env, **(env or {})}.items():
                patch.setenv(name, value)
            self.capture.readouterr()
            start = time.monotonic()
            code = cli.main(["--project", str(self.stage.project), "status", *words])
            seconds = time.monotonic() - start
        said = self.capture.readouterr()
        return Outcome(code, said.out, said.err, seconds)
