"""Tests of the chart of a release: its files, and equal bytes for equal inputs."""

from __future__ import annotations

import base64
import difflib
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from pipelines.charts import package, values
from pipelines.core import results
from pipelines.core.errors import PipelineError, SourceError
from tests.helm.render import helm, values_options
from tests.support import fast_yaml
from tests.support.delivery.charts import VALUES, chart_values, packed
from tests.support.delivery.projects import API, REGISTRY, WEB, ready, recommit
from tests.support.project import git, run_cli, write
from tests.support.tools import need

CLUSTER = """
api: {secret: login, mail: {host: mail.small.example, networks: [192.0.2.25/32]}}
edge: {trusted: [192.0.2.7/32]}
cluster: {pods: [10.244.0.0/16]}
"""


def test_the_values_name_the_release(project: Path) -> None:
    result, data = packed(project)
    site, head = results.read_site(project / "out/site.json"), git(project, "rev-parse", "HEAD").strip()
    found = chart_values(data)
    assert found["release"] == {"commit": head, "site": site.digest, "asset": result.asset}
    assert found["site"] == {"name": "Small Site", "url": "https://small.example"}
    assert found["web"]["image"] == {"repository": f"{REGISTRY}/web", "digest": WEB}
    assert found["api"]["image"] == {"repository": f"{REGISTRY}/api", "digest": API}
    assert found["api"]["enabled"] is True


def test_the_record_describes_the_archive(project: Path) -> None:
    result, data = packed(project)
    assert results.read_chart(project / "out/chart.json") == result
    assert (result.name, result.version, result.size) == ("site", "1.0.2-rc", len(data))
    assert (result.web, result.api) == (WEB, API)
    assert (project / f"out/site/public{result.asset}").is_file()


def test_other_jobs_get_the_record_as_variables(project: Path) -> None:
    """GitLab reads KEY=value lines, keeps quotes, and refuses empty names and line breaks."""
    result, _ = packed(project)
    lines = (project / "out/chart.env").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == {
        "RELEASE_VERSION": "1.0.2-rc", "RELEASE_COMMIT": result.commit, "RELEASE_CHART": result.digest,
        "RELEASE_URL": "https://small.example", "RELEASE_SITE": result.site,
        "RELEASE_WEB": WEB, "RELEASE_API": API,
    }  # fmt: skip


def test_version_and_app_version_are_equal(project: Path) -> None:
    _, data = packed(project)
    head = fast_yaml.load(package.unpack_chart(data)[1]["Chart.yaml"])
    assert (head["version"], head["appVersion"]) == ("1.0.2-rc", "1.0.2-rc")


def test_comments_and_order_of_the_values_are_kept(project: Path) -> None:
    """The published values differ from those in Git in the lines of the release alone."""
    _, data = packed(project)
    now = package.unpack_chart(data)[1]["values.yaml"].decode().splitlines()
    changed = [line for line in difflib.ndiff(VALUES.splitlines(), now) if line.startswith(("- ", "+ "))]
    # Nine changed lines; api.enabled is true already.
    assert len(changed) == 18
    assert not [line for line in changed if "#" in line]


@pytest.mark.parametrize("mode", ["ingress", "nodeport"])
def test_the_chart_renders_with_the_values_of_a_cluster(project: Path, tmp_path: Path, mode: str) -> None:
    """The values of `pipelines chart` pass the chart's own checks."""
    result, data = packed(project)
    write(tmp_path / "cluster.yaml", CLUSTER)
    write(tmp_path / "site.tgz", data)
    only = [word for word in values_options(mode) if "common" not in word]
    rendered = helm("template", "site", tmp_path / "site.tgz", f"--values={tmp_path / 'cluster.yaml'}", *only)
    for expected in (
        f"{REGISTRY}/web@{WEB}",
        f"{REGISTRY}/api@{API}",
        result.asset,
        result.commit,
        "1.0.2-rc",
    ):
        assert expected in rendered


def test_a_site_without_login_has_no_api(built: Path, tmp_path: Path) -> None:
    need("helm")
    result, data = packed(ready(built, tmp_path, login=False))
    assert chart_values(data)["api"]["image"] == {"repository": "", "digest": ""}
    assert (result.api, chart_values(data)["api"]["enabled"]) == ("", False)


def test_the_url_is_that_of_production(project: Path) -> None:
    with (project / "site.toml").open("a") as file:
        file.write('\n[[environment]]\nname = "staging"\nurl = "https://staging.small.example"\n')
        file.write('\n[[environment]]\nname = "production"\nurl = "https://www.small.example"\n')
    recommit(project)
    assert chart_values(packed(project)[1])["site"]["url"] == "https://www.small.example"


def test_a_dirty_tree_is_packed_after_make_version(project: Path) -> None:
    """For trials on one machine; version.json records it, and publishing refuses it."""
    write(project / "content/pages/about.md", "new")
    with pytest.raises(PipelineError, match="was changed since it was written; run `make version`"):
        packed(project)
    done = run_cli(project, "version", "--json")
    assert json.loads(done.stdout)["dirty"] is True
    assert packed(project)[0].version == "1.0.2-rc"


def test_equal_inputs_give_equal_bytes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another directory, with other mtimes, modes, umask, time zone, locale, HOME and helm settings."""
    _, one = packed(project)
    other = tmp_path / "other" / "a folder"
    shutil.copytree(project, other, symlinks=True)
    for file in (other / "helm").rglob("*"):
        os.utime(file, (1, 1))
        if file.is_file():
            file.chmod(0o600)
    for name, value in {
        "TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(tmp_path / "home"), "HELM_DEBUG": "true",
        "SOURCE_DATE_EPOCH": "7", "HELM_PLUGINS": str(tmp_path / "plugins"), "TMPDIR": str(tmp_path),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    write(other / "helm/site/.values.yaml.swp", "an editor's")
    git(other, "update-index", "-q", "--refresh")
    before = os.umask(0o077)
    try:
        _, two = packed(other)
    finally:
        os.umask(before)
    assert one == two


def test_the_archive_contains_no_owner_mode_or_mtime_of_the_machine(project: Path) -> None:
    _, data = packed(project)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(one.uid, one.gid, one.mode, one.mtime) for one in tar} == {(0, 0, 0o644, 10**9)}


@pytest.mark.parametrize("value", ['A "quoted" word', "Ünïcödé \U0001f996", "a\u2028b", "#: {x}", "'", "\\n"])
def test_any_text_of_site_toml_survives_yaml(value: str, tmp_path: Path) -> None:
    """helm reads it, another parser than the one that wrote it."""
    write(tmp_path / "site/Chart.yaml", "apiVersion: v2\nname: site\nversion: 1.0.0\n")
    write(
        tmp_path / "site/values.yaml",
        values.set_values("site:\n  name: x  # a word\n", {("site", "name"): value}, "v"),
    )
    write(tmp_path / "site/templates/x.yaml", "x: {{ .Values.site.name | b64enc }}\n")
    assert base64.b64encode(value.encode()).decode() in helm("template", tmp_path / "site")


def test_invalid_yaml_is_an_error_with_its_line() -> None:
    with pytest.raises(SourceError, match=r"values\.yaml:2: is not YAML"):
        values.set_values("a: 1\nb: ]\n", {("a",): "x"}, "values.yaml")


@pytest.mark.slow
def test_the_command_prints_and_writes_the_record(project: Path) -> None:
    done = run_cli(project, "chart", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((project / "out/chart.json").read_text())
    done = run_cli(project, "chart")
    assert done.stdout.startswith("out/charts/site-1.0.2-rc.tgz")
