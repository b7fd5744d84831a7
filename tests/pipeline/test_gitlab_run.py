"""The jobs of .gitlab-ci.yml, run by gitlab-ci-local: a change of a text becomes a chart that helm finds.

Each job runs in a folder of its own and gets the artifacts of those that it needs, as in GitLab. What it
publishes to is what publishing is tested with: a real registry, object storage, and the Nexus of the tests.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipelines.chart.pack import described
from pipelines.image import base, lock
from pipelines.image.store import Store, push
from pipelines.tools.login import Login
from tests.pipeline.helm import Helm
from tests.pipeline.place import Place, Services
from tests.project import COMMITTED, ROOT, SMALL, commit_all, git, write
from tests.registry import LOGIN
from tests.tools import need, need_base
from tests.trees import need_package

# What the jobs read of this repository.
NAMES = (
    *("Makefile", ".gitlab-ci.yml", ".gitignore", "pelicanconf.py", "pyproject.toml", "package.json"),
    *("package-lock.json", ".ci", "requirements", "pipelines", "theme", "helm", "images"),
)


@pytest.fixture
def place(running: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place, and a project with the whole code, whose base lies in the registry."""
    need_base(ROOT, "web")
    project = tmp_path / "site"
    project.mkdir()
    for name in NAMES:  # with their times: make must not install anything anew
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, project / name)
    shutil.copytree(SMALL / "content", project / "content")
    place = running.place(project)
    facts = (project / "site.toml").read_text()
    write(project / "site.toml", facts.replace("login    = true", "login    = false"))
    auth = base64.b64encode(":".join(LOGIN).encode()).decode()
    host = running.front["registry"].host
    write(tmp_path / "auth.json", json.dumps({"auths": {host: {"auth": auth}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    monkeypatch.setenv("SSL_CERT_FILE", str(running.registry.authority))
    there = Store(f"{host}/{place.name}", Login(*LOGIN), authority=running.registry.authority)
    push(base.folder_of(ROOT, "web"), lock.read(ROOT)["web", "amd64"], there)
    commit_all(project, COMMITTED)
    git(project, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(project, "remote", "add", "origin", "git@gitlab.small.example:me/site.git")
    return place


MAIN = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "9", "CI_PIPELINE_IID": "31",
           "CI_DEFAULT_BRANCH": "main", "SITE_PREVIEWS": "yes"}  # fmt: skip


def run(place: Place, tmp_path: Path, *words: str, by: dict[str, str] = MAIN) -> str:
    program = need_package("gitlab-ci-local/dist/index.js")
    told = dict(by)
    told |= {name: os.environ[name] for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE")}
    told |= place.environment()
    variables = [word for name, value in told.items() for word in ("--variable", f"{name}={value}")]
    env = {**os.environ, "HOME": str(tmp_path / "home"), "GIT_SSH_COMMAND": "false",
           "MAKEFLAGS": f"VENV={ROOT / '.venv'}"}  # fmt: skip
    (tmp_path / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        [need("node"), program, *words, "--force-shell-executor", "--shell-isolation", "--quiet", *variables,
         "--ignore-predefined-vars", ",".join(told)],
        cwd=place.project, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_text_becomes_a_chart_and_goes_back(place: Place, tmp_path: Path) -> None:
    """The artifacts are all that goes from one job to the next; going back builds nothing."""
    for program in ("make", "bash", "rsync", "helm"):
        need(program)
    about = place.project / "content/pages/about.md"
    text = about.read_text()
    changed(place, text + "\nA word more.\n", "A word more")
    run(place, tmp_path, "lint", "--no-evaluate-rule-changes")
    run(place, tmp_path, "--needs", "publish")
    assert list(place.charts()) == ["site-0.1.2-rc.tgz"]
    assert place.objects("assets")
    nexus, helm = place.services.nexus, Helm(tmp_path / "helm")
    assert helm.add(nexus, place.name)[0] == 0
    assert helm.pull(f"{place.name}/site", ">=0.1.0-0", tmp_path / "got")[0] == 0
    assert (tmp_path / "got/site-0.1.2-rc.tgz").read_bytes() == place.charts()["site-0.1.2-rc.tgz"]

    back = "Go back\n\nRollback-To: 0.1.2-rc"
    changed(place, text + "\nWhat would be built now.\n", back)
    said = run(place, tmp_path, "--needs", "publish", "--variable", f"CI_COMMIT_MESSAGE={back}")
    assert re.findall(r"^(\w+) +finished", said, re.M) == ["back", "publish", "pipeline"]
    first, second = (described(place.charts()[f"site-0.1.{number}-rc.tgz"]) for number in (2, 3))
    assert (second.web, second.site, second.asset) == (first.web, first.site, first.asset)
    assert second.commit == git(place.project, "rev-parse", "HEAD").strip()


def test_a_merge_request_has_a_chart_of_its_own(place: Place, tmp_path: Path) -> None:
    """In a repository of its own, and in no bucket: no cluster that readers see takes it."""
    for program in ("make", "bash", "rsync", "helm"):
        need(program)
    facts = (place.project / "site.toml").read_text()
    host = place.services.front["nexus"].host
    own, elsewhere = f"{host}/repository/{place.name}", f"{host}/repository/charts"
    moved = facts.replace(own, elsewhere).replace('previews = ""', f'previews = "http://{own}"')
    write(place.project / "site.toml", moved)
    text = (place.project / "content/pages/about.md").read_text()
    changed(place, text + "\nA word more.\n", "A word more")
    said = run(place, tmp_path, "--needs", "preview", by=REQUEST)
    assert re.findall(r"^(\w+) +finished", said, re.M) == ["pack", "preview", "pipeline"]
    assert list(place.charts()) == ["site-0.0.0-mr.9.31.tgz"]
    assert (place.objects("assets"), place.objects("archive")) == ({}, {})


def changed(place: Place, text: str, message: str) -> None:
    write(place.project / "content/pages/about.md", text)
    commit_all(place.project, COMMITTED + 60, message)
