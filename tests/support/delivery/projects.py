"""A project that is ready for its chart: built, committed, and with the records of its images."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipelines.core import config, results
from pipelines.core.results import ImageResult
from pipelines.flow.versioning import Pipeline, determine_version
from tests.support.project import ROOT, git

REGISTRY = "registry.small.example/me/site"
WEB, API = "sha256:" + "a" * 64, "sha256:" + "b" * 64
_MORE = f"""
[images]
registry = "{REGISTRY}"

[chart]
version = "1.0"
"""


def ready(built: Path, folder: Path, *, login: bool = True) -> Path:
    """Copy the site *built* to *folder*/site, ready for its chart: version 1.0.2-rc, images of any bytes.

    A chart holds digests, so no image is packed for it here.
    """
    project = folder / "site"
    shutil.copytree(built, project, symlinks=True)
    shutil.copytree(ROOT / "helm" / "site", project / "helm" / "site")
    facts = (project / "site.toml").read_text()
    if not login:
        facts = facts.replace("login    = true", "login    = false")
    (project / "site.toml").write_text(facts + _MORE)
    (project / ".gitignore").write_text("/out/\n")
    recommit(project)
    record(project, "web", WEB, results.read_site(project / "out/site.json").digest)
    if login:
        record(project, "api", API)
    return project


def recommit(project: Path, message: str = "A change") -> None:
    """Commit all that there is, if only the message, and note the version."""
    git(project, "add", "-A")
    git(project, "commit", "-q", "--allow-empty", "-m", message)
    determine_version(project, config.load_config(project), Pipeline())


def record(project: Path, name: str, digest: str, site: str = "") -> None:
    """Write the record of an image."""
    image = ImageResult(name, digest, "amd64", "sha256:" + "0" * 64, site, 1, "sha256:" + "1" * 64, ())
    results.write(project / "out" / f"image-{name}.json", image)
