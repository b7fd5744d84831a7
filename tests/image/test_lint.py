"""The configuration and the Containerfiles, in the eyes of those who look for known mistakes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.project import ROOT
from tests.support.tools import need
from tests.web import server

TOOLS = Path(sys.executable).parent


@pytest.mark.parametrize("file", sorted((ROOT / "images/base").glob("*.Containerfile")), ids=lambda f: f.name)
def test_hadolint_finds_nothing(file: Path) -> None:
    done = subprocess.run([TOOLS / "hadolint", str(file)], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_the_script_of_the_base_is_plain_sh() -> None:
    """It runs in Debian's dash, at the only time when nobody looks."""
    subprocess.run([need("sh"), "-n", str(ROOT / "images/base/collect")], check=True)


@pytest.fixture(scope="module")
def project(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site with the files of its image."""
    project = tmp_path_factory.mktemp("lint") / "site"
    (project / "out").mkdir(parents=True)
    (project / "out/site.json").symlink_to("site/site.json")
    shutil.copy(built / "site.toml", project)
    shutil.copytree(built / "out/site", project / "out/site")
    shutil.copytree(ROOT / "images", project / "images")
    return project


def test_nginx_accepts_the_configuration(project: Path, tmp_path: Path) -> None:
    """With the list of authorities, of which other tests load one."""
    server.unpack_image(project, tmp_path)
    server.write_mounts(tmp_path / "etc/nginx", server.cluster_conf(api="127.0.0.1:1"))
    done = subprocess.run([*server.nginx_command(tmp_path), "-t", "-q"], capture_output=True, check=False)
    assert (done.stderr, done.returncode) == (b"", 0)


def test_gixy_finds_nothing(project: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    server.unpack_layers(project, root)
    # As a chart mounts it: the default names nothing, and so no resolver.
    mounted = server.cluster_conf("resolver 127.0.0.1 valid=10s;\n" + server.TRUSTED, api="api.site.svc:8000")
    (root / "etc/nginx/cluster/cluster.conf").write_text(mounted)
    # proxy_pass_normalized warns of escapes that are resolved on the way: $asset holds no letter with one.
    skips = ("--skips", "proxy_pass_normalized")
    done = subprocess.run(
        [TOOLS / "gixy", *skips, "--format", "json", str(root / "etc/nginx/nginx.conf")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout or "[]")
    assert [(row["plugin"], row["summary"], row.get("config", "")[:200]) for row in found] == []
