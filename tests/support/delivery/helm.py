"""The real helm as a client, with folders of its own, and small charts for it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.nexus import Nexus
from tests.support.project import write
from tests.support.tools import need


@dataclass(frozen=True)
class Helm:
    """helm as it runs on a machine that has never run it; its folders are below *home*."""

    home: Path

    def run(self, *argv: str | Path, stdin: str = "", cwd: Path | None = None) -> tuple[int, str]:
        """Run helm; return its exit status and what it printed."""
        homes = {f"HELM_{name}_HOME": str(self.home / name.lower()) for name in ("CONFIG", "CACHE", "DATA")}
        done = subprocess.run(
            [need("helm"), *map(str, argv)], cwd=cwd, input=stdin, env={**os.environ, **homes},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def add(self, nexus: Nexus, repository: str = "charts", ca: Path | None = None) -> tuple[int, str]:
        """Make *repository* known under its name, with the reader's password from stdin."""
        user, password = nexus.reader
        argv = ("--ca-file", ca) if ca else ()
        return self.run("repo", "add", repository, nexus.repository(repository), "--force-update",
                        "--username", user, "--password-stdin", *argv, stdin=password)  # fmt: skip

    def pull(self, chart: str, wanted: str, target: Path) -> tuple[int, str]:
        """Fetch the newest of *chart* in the range *wanted* into *target*."""
        target.mkdir(exist_ok=True)
        return self.run("pull", chart, "--version", wanted, "--destination", target)

    def packed(self, folder: Path, version: str, name: str = "site", content: str = "a: 1\n") -> bytes:
        """Return a chart of *version*, packed by helm."""
        chart = folder / name
        head = f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: {version}\n"
        write(
            chart / "Chart.yaml", f"{head}description: A small chart\nicon: https://small.example/icon.svg\n"
        )
        write(chart / "values.yaml", content)
        status, output = self.run("package", chart, "--destination", folder)
        assert status == 0, output
        return (folder / f"{name}-{version}.tgz").read_bytes()
