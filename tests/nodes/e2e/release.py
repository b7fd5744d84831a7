"""A release of a small site, as the pipeline packs it: the web image, for containerd, and the chart.

Starts `python -m pipelines`, tar. Writes the directory that it is given. No network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines.core import results
from tests.nodes.e2e.images import REPOSITORY
from tests.support.project import ROOT, commit_all, run_cli, tiny_site, write
from tests.support.tools import need, need_base

HOST = "www.lab.example"
EDGE_PORT = 30100  # of every node
TITLE = "Small Site: Every feature once"  # of the front page: name and tagline
IMAGE = f"{REPOSITORY}/site/web"
# The edge runs on n3.
_SETTINGS = f"""
[images]
registry = "{REPOSITORY}/site"

[chart]
version = "1.0"

[[environment]]
name = "production"
url = "https://{HOST}"
edge = "nodeport"
edge_port = {EDGE_PORT}
trusted = ["10.90.0.13/32"]
pods = ["10.244.0.0/16"]
"""
_PAGE = """---
title: Found by its name
---
Served by pods of this cluster.
"""


@dataclass(frozen=True)
class Release:
    """What a pipeline publishes."""

    project: Path  # with site.toml
    chart: Path  # .tgz
    image: Path  # archive of the OCI layout
    digest: str  # of the image


def make_release(folder: Path) -> Release:
    """Build, pack and number a site of one page, without a login."""
    need("helm")
    project = tiny_site(folder, {"content/pages/index.md": _PAGE})
    text = (project / "site.toml").read_text("utf-8").replace("login    = true", "login    = false")
    text = text.replace("https://small.example", f"https://{HOST}")
    text = re.sub(r"\[\[(menu|footer)\]\]\n(\w+ += .*\n)+", "", text)
    write(project / "site.toml", text.replace(f', "https://{HOST}/about/"', "") + _SETTINGS)
    for name in ("helm", "images"):
        shutil.copytree(ROOT / name, project / name)
    write(project / ".gitignore", "/out/\n")
    commit_all(project, 1_780_000_000)
    need_base(project, "web")
    for command in ("version", "build", "image", "chart"):
        done = run_cli(project, command)
        assert done.returncode == 0, done.stderr
    (chart,) = (project / "out" / "charts").glob("site-*.tgz")
    archive = folder / "web.tar"
    subprocess.run(["tar", "-C", project / "out" / "images" / "web", "-cf", archive, "."], check=True)
    record = results.read_image(project / "out" / "image-web.json")
    return Release(project, chart, archive, record.digest)
