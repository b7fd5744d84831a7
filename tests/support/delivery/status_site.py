"""A site for `status`: a real repository, a front door, a Nexus, and optionally a cluster."""

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
    """The exit status, output and duration of a command."""

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
class StatusSite:
    """The project, its front door and its chart repository."""

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

    def pod(self, number: int, version: str = "", **options: Any) -> Pod:
        """Return a pod that serves the *number*-th commit."""
        return Pod(version or f"1.0.{number}", self.commits[number - 1], **options)

    def publish(self, number: int, version: str = "", commit: str = "") -> None:
        """Publish the chart of the *number*-th commit to the fake Nexus."""
        version = version or f"1.0.{number}"
        hosted = self.nexus.repositories["charts"]
        name = f"site-{version}.tgz"
        hosted.files[name] = chart(version, commit or self.commits[number - 1])
        hosted.created[name] = 0.0
        hosted.index = self.nexus._index(hosted)

    def configure(self, **urls: str) -> None:
        """Write site.toml; *urls* are the URL of each environment, and of the repository as `chart`."""
        repository = urls.pop("chart", f"{self.nexus.url}/repository/charts")
        rows = urls or {"production": self.door.url}
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
def serve_status_site(folder: Path, commits: int = 3) -> Iterator[StatusSite]:
    """Set up a site of *commits* commits; it has no chart and no pods."""
    with ExitStack() as stack:
        site = StatusSite(folder / "site", stack.enter_context(front_door()), stack.enter_context(nexus()))
        site.nexus.lag, site.nexus.anonymous = 0.0, True
        site.configure()
        write(site.project / ".gitignore", "/out/\n")
        site.commit(commits)
        yield site


class Runner:
    """Runs `status` in this process with its own environment variables."""

    def __init__(
        self, site: StatusSite, home: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.status_site, self.capture, self.patch = site, capture, patch
        patch.setenv("HOME", str(home))
        for name in VARIABLES:
            patch.delenv(name, raising=False)

    def __call__(self, *options: str, env: Mapping[str, str] | None = None) -> Outcome:
        with self.patch.context() as patch:
            for name, value in {**self.status_site.env, **(env or {})}.items():
                patch.setenv(name, value)
            self.capture.readouterr()
            start = time.monotonic()
            code = cli.main(["--project", str(self.status_site.project), "status", *options])
            seconds = time.monotonic() - start
        output = self.capture.readouterr()
        return Outcome(code, output.out, output.err, seconds)
