"""A Git clone of a site with its remote and targets, for tests of `run`, `promote` and `rollback`."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from pipelines.charts.build import release_of_chart
from tests.support.delivery.targets import Publisher, Services
from tests.support.project import ROOT, git, tiny_site, write
from tests.support.tools import need, need_base

POST = "content/posts/first.md"


# The programs on this machine, and the author of commits.
MACHINE = {
    "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "A. Tester",
    "GIT_AUTHOR_EMAIL": "tester@small.example",
    "GIT_COMMITTER_NAME": "A. Tester",
    "GIT_COMMITTER_EMAIL": "tester@small.example",
}


ENVIRONMENTS = """
[[environment]]
name = "staging"
url = "https://staging.small.example"

[[environment]]
name = "production"
url = "https://small.example"
"""


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site without a login, with the pinned base of its web image in out/."""
    need("helm")
    site = tiny_site(tmp_path_factory.mktemp("flow"), {POST: post("The first text.")})
    shutil.copytree(ROOT / "helm", site / "helm")
    shutil.copytree(ROOT / "images", site / "images")
    need_base(site, "web")
    write(site / ".gitignore", "/out/\n/output-*\n")
    return site


def post(text: str) -> str:
    return f"---\ntitle: First\ndate: 2026-01-05\n---\n{text}\n"


@pytest.fixture
def publisher(servers: Services, template: Path, tmp_path: Path) -> Publisher:
    """A clone of the site on main with a bare repository as its remote, and its targets."""
    project = tmp_path / "project"
    shutil.copytree(template, project, symlinks=True)
    publisher = servers.publisher(project)
    configure(publisher)
    git(project, "init", "-q", "-b", "main")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "Begin")
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(project, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(project, "push", "-q", "-u", "origin", "main")
    return publisher


def configure(publisher: Publisher, more: str = "", **options: str) -> None:
    """Write site.toml of a site without a login, in version 1.0."""
    publisher.write(**options)
    file = publisher.project / "site.toml"
    text = (
        file.read_text()
        .replace("login    = true", "login    = false")
        .replace(', "https://small.example/about/"', "")
    )
    text = re.sub(r"\[\[(menu|footer)\]\]\n(\w+ += .*\n)+", "", text)  # the site has one page
    file.write_text(text.replace("[chart]\n", '[chart]\nversion = "1.0"\n') + more)


def commit(publisher: Publisher, text: str, message: str = "Write on") -> str:
    """Commit *text* as the post, push it, and return the commit."""
    write(publisher.project / POST, post(text))
    git(publisher.project, "commit", "-q", "-am", message)
    git(publisher.project, "push", "-q")
    return git(publisher.project, "rev-parse", "HEAD").strip()


def done(publisher: Publisher, *argv: str) -> dict[str, object]:
    """Run a command that must succeed, and return its JSON."""
    run = publisher.run(*argv, "--json", env=MACHINE)
    assert run.code == 0, run.err
    found: dict[str, object] = run.result
    return found


def refused(publisher: Publisher, *argv: str) -> str:
    """Run a command that must fail and leave Git and the charts unchanged; return its stderr."""
    before = (heads(publisher), sorted(publisher.charts()))
    run = publisher.run(*argv, env=MACHINE)
    assert run.code in (1, 2), run.out
    assert "Traceback" not in run.err
    assert (heads(publisher), sorted(publisher.charts())) == before
    return run.err


def heads(publisher: Publisher) -> tuple[str, str, str]:
    """Return the newest commit of the clone and of its remote, and `git status --porcelain`."""
    local = git(publisher.project, "rev-parse", "HEAD").strip()
    remote = git(publisher.project, "ls-remote", "origin", "main").split()[0]
    return local, remote, git(publisher.project, "status", "--porcelain")


def digests(publisher: Publisher) -> dict[str, str]:
    """Return the web image of each published chart, by version."""
    found = (release_of_chart(data) for data in publisher.charts().values())
    return {one.version: one.web for one in found}
