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
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pipelines.charts.build import release_of_chart
from pipelines.core.credentials import Login
from pipelines.image import base, base_lock
from pipelines.image.base_registry import BaseRegistry, push_base
from tests.support.delivery.helm import Helm
from tests.support.delivery.targets import Publisher, Services
from tests.support.project import COMMITTED, ROOT, SMALL_SITE, commit_all, git, write
from tests.support.registry import LOGIN
from tests.support.tools import need, need_base
from tests.support.trees import require_package

pytestmark = pytest.mark.slow

# What the jobs read of this repository.
NAMES = (
    *("Makefile", ".gitlab-ci.yml", ".gitignore", "pelicanconf.py"),
    *(".ci", "requirements", "pipelines", "theme", "helm", "images"),
)


ABOUT, CODE = "content/pages/about.md", "pipelines/state.py"
# The checks of the test project: fast, unless its code makes them fail or wait.
SETTINGS = """
[tool.ruff]
line-length = 320
include = ["tests/*.py", "pipelines/state.py"]
[tool.mypy]
files = ["pipelines/state.py"]
[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = "-p no:cacheprovider"
markers = ["slow: takes long"]
[tool.importlinter]
root_packages = ["pipelines"]
[[tool.importlinter.contracts]]
name = "core imports no tool"
type = "forbidden"
source_modules = ["pipelines.core"]
forbidden_modules = ["pipelines.tools"]
"""
TESTS = """
import time
from pathlib import Path

import pytest


@pytest.mark.slow
def test_of_the_slow_kind() -> None:
    assert True


def test_state() -> None:
    state = Path("pipelines/state.py").read_text()
    assert "red" not in state
    if "slow" in state:
        Path("{began}").touch()
        time.sleep(120)
"""


@pytest.fixture
def publisher(servers: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publisher:
    """A publisher of a project with the whole code, whose base image is in the registry."""
    need_base(ROOT, "web")
    project = tmp_path / "site"
    project.mkdir()
    for name in NAMES:  # with their times: make must not install anything anew
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, project / name)
    shutil.copytree(SMALL_SITE / "content", project / "content")
    write(project / "pyproject.toml", SETTINGS)
    _add_packages(project)
    write(project / "tests/test_state.py", TESTS.replace("{began}", str(tmp_path / "began")).lstrip())
    write(project / CODE, 'STATE = "green"\n')
    publisher = servers.publisher(project)
    facts = (project / "site.toml").read_text()
    write(project / "site.toml", facts.replace("login    = true", "login    = false"))
    auth = base64.b64encode(":".join(LOGIN).encode()).decode()
    host = servers.front["registry"].host
    write(tmp_path / "auth.json", json.dumps({"auths": {host: {"auth": auth}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    monkeypatch.setenv("SSL_CERT_FILE", str(servers.registry.authority))
    there = BaseRegistry(f"{host}/{publisher.name}", Login(*LOGIN), authority=servers.registry.authority)
    push_base(base.base_directory(ROOT, "web"), base_lock.read_base_lock(ROOT)["web", "amd64"], there)
    commit_all(project, COMMITTED)
    git(project, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(project, "remote", "add", "origin", "git@gitlab.small.example:me/site.git")
    return publisher


def _add_packages(project: Path) -> None:
    """Let `npm ci` install one empty package of the project, since the tests need none."""
    head = {"name": "site", "version": "1.0.0"}
    needed = {"dependencies": {"nothing": "file:nothing"}}
    packages = {"": head | needed, "nothing": {"version": "1.0.0"},
                "node_modules/nothing": {"resolved": "nothing", "link": True}}  # fmt: skip
    write(project / "package.json", json.dumps(head | needed))
    write(project / "package-lock.json", json.dumps(head | {"lockfileVersion": 3, "packages": packages}))
    write(project / "nothing/package.json", json.dumps({"name": "nothing", "version": "1.0.0"}))


MAIN = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "9", "CI_PIPELINE_IID": "31",
           "CI_DEFAULT_BRANCH": "main", "SITE_PREVIEWS": "yes"}  # fmt: skip


def start(
    publisher: Publisher, tmp_path: Path, *argv: str, by: dict[str, str] = MAIN
) -> subprocess.Popen[str]:
    for name in ("make", "bash", "rsync", "skopeo", "helm"):
        need(name)
    program = require_package("gitlab-ci-local/dist/index.js")
    environ = dict(by)
    environ |= {name: os.environ[name] for name in ("REGISTRY_AUTH_FILE", "SSL_CERT_FILE")}
    environ |= publisher.environment()
    variables = [word for name, value in environ.items() for word in ("--variable", f"{name}={value}")]
    env = {**os.environ, "HOME": str(tmp_path / "home"), "GIT_SSH_COMMAND": "false",
           "MAKEFLAGS": f"VENV={ROOT / '.venv'}"}  # fmt: skip
    (tmp_path / "home").mkdir(exist_ok=True)
    return subprocess.Popen(
        [need("node"), program, *argv, "--force-shell-executor", "--shell-isolation", *variables,
         "--ignore-predefined-vars", ",".join(environ)],
        cwd=publisher.project, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def run(publisher: Publisher, tmp_path: Path, *argv: str, by: dict[str, str] = MAIN, code: int = 0) -> str:
    """Run jobs, assert the exit status *code*, and return their output."""
    job = start(publisher, tmp_path, *argv, by=by)
    output, _ = job.communicate(timeout=300)
    assert job.returncode == code, output
    return output


def finished(output: str) -> set[str]:
    """Return the jobs that have succeeded."""
    return set(re.findall(r"^([\w-]+) +finished in [^\n]*$", output, re.M)) - {"pipeline"}


def ran(output: str) -> bool:
    """Return whether the tests of the project have run."""
    return re.search(r"pytest -n \w+ -m", output) is not None


def test_code_is_checked_until_it_is_published(publisher: Publisher, tmp_path: Path) -> None:
    """A failed and a cancelled check block later texts; a trailer on another content is refused."""
    project, charts = publisher.project, publisher.charts
    text = (project / "content/pages/about.md").read_text()
    output = run(publisher, tmp_path, "--needs", "publish")
    assert (ran(output), list(charts())) == (True, ["site-0.1.1-rc.tgz"])

    change(publisher, CODE, 'STATE = "red"\n')
    run(publisher, tmp_path, "--needs", "publish", code=1)
    change(publisher, ABOUT, text + "\nA word.\n")
    output = run(
        publisher, tmp_path, "--needs", "publish", code=1
    )  # this push also brings the code of the commit before
    assert ran(output)
    assert "publish" not in finished(output)
    output = run(publisher, tmp_path, "publish", code=1)  # even when started manually
    assert "has not passed test: differs from commit" in output
    assert f"in {CODE}; run `make checks`" in output
    assert len(charts()) == 1

    change(publisher, CODE, 'STATE = "fixed"\n')
    assert ran(run(publisher, tmp_path, "--needs", "publish"))
    change(publisher, ABOUT, text + "\nA word more.\n")
    output = run(publisher, tmp_path, "--needs", "publish")
    assert not ran(output)
    assert finished(output) == {"plan", "pack", "lint", "typing", "test", "test-slow", "publish"}
    assert list(charts()) == [f"site-0.1.{number}-rc.tgz" for number in (1, 4, 5)]

    change(publisher, CODE, 'STATE = "slow"\n')
    stopped = start(publisher, tmp_path, "--needs", "publish")
    deadline = time.monotonic() + 200
    while not (tmp_path / "began").exists():
        assert time.monotonic() < deadline
        assert stopped.poll() is None, stopped.communicate()[0]
        time.sleep(0.2)
    os.killpg(stopped.pid, signal.SIGKILL)
    stopped.communicate(timeout=60)
    change(publisher, CODE, 'STATE = "green again"\n')
    change(publisher, ABOUT, text + "\nA word after it.\n")
    assert ran(run(publisher, tmp_path, "--needs", "publish"))
    assert "site-0.1.8-rc.tgz" in charts()

    change(publisher, ABOUT, text + "\nA harmless word.\n", "Fix a typo\n\nRollback-To: 0.1.5-rc")
    output = run(publisher, tmp_path, "--needs", "publish", code=1)
    assert "Rollback-To: 0.1.5-rc, and content is not as in commit" in output
    assert "site-0.1.9-rc.tgz" not in charts()


def test_a_text_becomes_a_chart_and_is_rolled_back(publisher: Publisher, tmp_path: Path) -> None:
    """Jobs pass artifacts alone to one another; a rollback builds nothing."""
    text = (publisher.project / ABOUT).read_text()
    change(publisher, ABOUT, text + "\nA word more.\n")
    run(publisher, tmp_path, "--needs", "publish")
    assert list(publisher.charts()) == ["site-0.1.2-rc.tgz"]
    assert publisher.objects("assets")
    nexus, helm = publisher.services.nexus, Helm(tmp_path / "helm")
    assert helm.add(nexus, publisher.name)[0] == 0
    assert helm.pull(f"{publisher.name}/site", ">=0.1.0-0", tmp_path / "got")[0] == 0
    assert (tmp_path / "got/site-0.1.2-rc.tgz").read_bytes() == publisher.charts()["site-0.1.2-rc.tgz"]

    change(publisher, CODE, 'STATE = "red"\n')  # what is broken now must not keep anybody from going back
    git(publisher.project, "commit", "-q", "--allow-empty", "-m", "Go back\n\nRollback-To: 0.1.2-rc")
    output = run(publisher, tmp_path, "--needs", "publish")
    assert "a rollback to 0.1.2-rc: nothing to build" in output
    assert not ran(output)
    first, second = (release_of_chart(publisher.charts()[f"site-0.1.{number}-rc.tgz"]) for number in (2, 4))
    assert (second.web, second.site, second.asset) == (first.web, first.site, first.asset)
    assert second.commit == git(publisher.project, "rev-parse", "HEAD").strip()


def test_a_merge_request_has_a_chart_of_its_own(publisher: Publisher, tmp_path: Path) -> None:
    """In a repository of its own and in no bucket, so that no cluster of readers takes it."""
    facts = (publisher.project / "site.toml").read_text()
    host = publisher.services.front["nexus"].host
    own, public = f"{host}/repository/{publisher.name}", f"{host}/repository/charts"
    moved = facts.replace(own, public).replace('previews = ""', f'previews = "http://{own}"')
    write(publisher.project / "site.toml", moved)
    text = (publisher.project / ABOUT).read_text()
    change(publisher, ABOUT, text + "\nA word more.\n")
    output = run(publisher, tmp_path, "--needs", "preview", by=REQUEST)
    assert finished(output) == {"pack", "preview"}
    assert list(publisher.charts()) == ["site-0.0.0-mr.9.31.tgz"]
    assert (publisher.objects("assets"), publisher.objects("archive")) == ({}, {})


def change(publisher: Publisher, path: str, text: str, message: str = "A change") -> None:
    write(publisher.project / path, text)
    commit_all(publisher.project, COMMITTED + 60, message)
