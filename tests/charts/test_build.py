"""The chart of a release: what is in it, that its bytes depend on nothing else, and what is refused."""

from __future__ import annotations

import base64
import difflib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pipelines.charts import package, values
from pipelines.charts.build import build_chart
from pipelines.charts.promotion import promote_chart
from pipelines.core import config, digests, results
from pipelines.core.errors import PipelineError, SourceError, ToolError
from pipelines.core.results import ChartResult, Release
from tests.helm.render import helm, values_options
from tests.support.delivery.projects import API, REGISTRY, WEB, ready, recommit, record
from tests.support.project import ROOT, git, run_cli, write
from tests.support.tools import need

TEXT = (ROOT / "helm/site/values.yaml").read_text()


CLUSTER = """
api: {secret: login, mail: {host: mail.small.example, networks: [192.0.2.25/32]}}
edge: {trusted: [192.0.2.7/32]}
cluster: {pods: [10.244.0.0/16]}
"""


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    need("helm")
    return ready(built, tmp_path)


def packed(project: Path) -> tuple[ChartResult, bytes]:
    result = build_chart(project, config.load_config(project))
    return result, (project / f"out/charts/site-{result.version}.tgz").read_bytes()


def said(data: bytes) -> dict[str, dict[str, object]]:
    return dict(yaml.safe_load(package.unpack_chart(data)[1]["values.yaml"]))


def test_the_chart_says_what_is_rolled_out(project: Path) -> None:
    result, data = packed(project)
    site, head = results.read_site(project / "out/site.json"), git(project, "rev-parse", "HEAD").strip()
    found = said(data)
    assert found["release"] == {"commit": head, "site": site.digest, "asset": result.asset}
    assert found["site"] == {"name": "Small Site", "url": "https://small.example"}
    assert found["web"]["image"] == {"repository": f"{REGISTRY}/web", "digest": WEB}
    assert found["api"]["image"] == {"repository": f"{REGISTRY}/api", "digest": API}
    assert found["api"]["enabled"] is True


def test_the_record_is_of_the_archive(project: Path) -> None:
    result, data = packed(project)
    assert results.read_chart(project / "out/chart.json") == result
    assert (result.name, result.version, result.size) == ("site", "1.0.2-rc", len(data))
    assert (result.web, result.api) == (WEB, API)
    assert (project / f"out/site/public{result.asset}").is_file()


def test_other_jobs_get_it_as_variables(project: Path) -> None:
    """GitLab reads KEY=value lines, takes no quotes away, and refuses an empty name or a line break."""
    result, _ = packed(project)
    lines = (project / "out/chart.env").read_text().splitlines()
    assert dict(line.split("=", 1) for line in lines) == {
        "RELEASE_VERSION": "1.0.2-rc", "RELEASE_COMMIT": result.commit, "RELEASE_CHART": result.digest,
        "RELEASE_URL": "https://small.example", "RELEASE_SITE": result.site,
        "RELEASE_WEB": WEB, "RELEASE_API": API,
    }  # fmt: skip


def test_version_and_version_of_the_application_are_one(project: Path) -> None:
    _, data = packed(project)
    head = yaml.safe_load(package.unpack_chart(data)[1]["Chart.yaml"])
    assert (head["version"], head["appVersion"]) == ("1.0.2-rc", "1.0.2-rc")


def test_comments_and_order_of_the_values_stay(project: Path) -> None:
    """Whoever reads the published chart finds the words of the one in Git, and ten other lines."""
    _, data = packed(project)
    now = package.unpack_chart(data)[1]["values.yaml"].decode().splitlines()
    changed = [line for line in difflib.ndiff(TEXT.splitlines(), now) if line.startswith(("- ", "+ "))]
    # api.enabled is true already: nine lines go and nine come.
    assert len(changed) == 18
    assert not [line for line in changed if "#" in line]


@pytest.mark.parametrize("mode", ["ingress", "nodeport"])
def test_the_chart_renders_where_a_cluster_says_the_rest(project: Path, tmp_path: Path, mode: str) -> None:
    """What `pipelines chart` writes is what the chart's own checks want."""
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
    assert said(data)["api"]["image"] == {"repository": "", "digest": ""}
    assert (result.api, said(data)["api"]["enabled"]) == ("", False)


def test_the_address_is_that_of_production(project: Path) -> None:
    with (project / "site.toml").open("a") as file:
        file.write('\n[[environment]]\nname = "staging"\nurl = "https://staging.small.example"\n')
        file.write('\n[[environment]]\nname = "production"\nurl = "https://www.small.example"\n')
    recommit(project)
    assert said(packed(project)[1])["site"]["url"] == "https://www.small.example"


def test_a_dirty_tree_is_packed(project: Path) -> None:
    """To be tried on this machine; publishing refuses it, since version.json says so."""
    write(project / "content/pages/about.md", "new")
    with pytest.raises(PipelineError, match="was changed since it was written; run `make version`"):
        packed(project)
    done = run_cli(project, "version", "--json")
    assert json.loads(done.stdout)["dirty"] is True
    assert packed(project)[0].version == "1.0.2-rc"


def test_equal_inputs_give_equal_bytes(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another folder, with other times, modes, umask, time zone, language, home and settings of helm."""
    _, one = packed(project)
    other = tmp_path / "elsewhere" / "a folder"
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


def test_members_of_the_archive_tell_nothing_of_the_machine(project: Path) -> None:
    _, data = packed(project)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert {(one.uid, one.gid, one.mode, one.mtime) for one in tar} == {(0, 0, 0o644, 10**9)}


# What is changed in a project that was ready, and what is said then.
def _rebuilt(project: Path) -> None:
    site = json.loads((project / "out/site.json").read_text())
    write(project / "out/site.json", json.dumps(site | {"digest": "c" * 64}))


def _http(project: Path) -> None:
    facts = (
        (project / "site.toml").read_text().replace('"https://small.example"', '"http://small.example"', 1)
    )
    write(project / "site.toml", facts)
    recommit(project)


def _no_registry(project: Path) -> None:
    write(project / "site.toml", (project / "site.toml").read_text().replace(REGISTRY, ""))
    recommit(project)


def _no_stylesheet(project: Path) -> None:
    for file in (project / "out/site/public/assets").glob("*.css"):
        file.unlink()
    site = json.loads((project / "out/site.json").read_text())
    digest = digests.tree_digest(project / "out/site")
    write(project / "out/site/site.json", json.dumps(site | {"digest": digest}))
    record(project, "web", WEB, digest)


def _lost_line(project: Path) -> None:
    write(project / "helm/site/values.yaml", TEXT.replace("  asset:", "  style:"))
    recommit(project)


def _link(project: Path) -> None:
    (project / "helm/site/templates/more.yaml").symlink_to("/etc/passwd")
    recommit(project)


def _lost(name: str) -> Callable[[Path], None]:
    return lambda project: (project / "out" / name).unlink()


def _says(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: write(project / name, text)


def _swapped(project: Path) -> None:
    shutil.copy(project / "out/image-api.json", project / "out/image-web.json")


def _moved_on(project: Path) -> None:
    git(project, "commit", "-q", "--allow-empty", "-m", "A change")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_lost("version.json"),                     "version.json: no such file; run `make version` first"),
        (_says("out/version.json", "{}"),           "version.json: not written by this version"),
        (_lost("site.json"),                        "site.json: no such file; run `make build` first"),
        (_lost("image-web.json"),                   "image-web.json: no such file; run `make image` first"),
        (_lost("image-api.json"),                   "image-api.json: no such file; run `make image` first"),
        (_says("out/image-api.json", "[]"),         "image-api.json: not written by this version"),
        (_swapped,                                  "image-web.json: is of the image api; run `make image`"),
        (_moved_on,                                 "run `make version`"),
        (_rebuilt,                                  "holds another site than out/site.json"),
        (_says("out/site/public/new.html", "new"),  "has changed since out/site.json was written"),
        (_no_stylesheet,                            "has no hashed stylesheet"),
        (_no_registry,                              'write registry = "registry.example.org/me/site"'),
        (_http,                                     "write it with https://"),
        (_lost_line,                                "has no value release.asset"),
        (_link,                                     "templates/more.yaml: is not a regular file"),
    ],
    ids=lambda value: "" if callable(value) else None,
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(
    project: Path, change: Callable[[Path], object], fault: str
) -> None:
    """A chart of mixed parts would roll out what nobody tested; nothing is written."""
    change(project)
    with pytest.raises(PipelineError) as caught:
        build_chart(project, config.load_config(project))
    assert fault in str(caught.value)
    assert not (project / "out/charts").exists()


def test_helm_is_named_when_it_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(need("git")).parent))
    if shutil.which("helm"):
        pytest.skip("helm lies beside git")
    with pytest.raises(ToolError, match="run `make kube`"):
        packed(project)


def test_another_helm_is_refused(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """helm 3 writes the time of packing into the archive: each run would be another chart."""
    write(tmp_path / "bin/helm", f"#!{need('sh')}\necho v3.18.4\n")
    (tmp_path / "bin/helm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match=r"is v3\.18\.4.*install helm 4"):
        packed(project)


@pytest.fixture
def back(project: Path) -> Path:
    """A project whose HEAD goes back to 1.0.1, with what the archive has of that."""
    first = git(project, "rev-parse", "HEAD").strip()
    recommit(project, "Go back\n\nRollback-To: 1.0.1")
    old = Release(
        "1.0.1-rc", first, "sha256:" + "e" * 64, "sha256:" + "f" * 64, "9" * 64, "/assets/old.01234567.css"
    )
    results.write(project / "out/rollback.json", old)
    return project


def test_a_rollback_takes_the_archived_digests(back: Path) -> None:
    """Under a new, higher version and the commit that wants it; nothing needs to be built."""
    shutil.rmtree(back / "out/site")
    for file in back.glob("out/image-*.json"):
        file.unlink()
    result, data = packed(back)
    assert (result.version, result.commit) == ("1.0.3-rc", git(back, "rev-parse", "HEAD").strip())
    assert (result.web, result.api) == ("sha256:" + "e" * 64, "sha256:" + "f" * 64)
    assert said(data)["release"] == {
        "commit": result.commit, "site": "9" * 64, "asset": "/assets/old.01234567.css",
    }  # fmt: skip


def test_a_rollback_to_before_the_login_has_no_login(back: Path) -> None:
    """The old web image knows no gate: an API beside it would serve nobody."""
    old = results.read_release(back / "out/rollback.json")
    results.write(
        back / "out/rollback.json", Release(old.version, old.commit, old.web, "", old.site, old.asset)
    )
    _, data = packed(back)
    assert said(data)["api"]["enabled"] is False
    assert said(data)["api"]["image"] == {"repository": "", "digest": ""}


def test_a_rollback_without_its_archive_is_refused(back: Path) -> None:
    (back / "out/rollback.json").unlink()
    with pytest.raises(PipelineError, match=r"rollback\.json: no such file"):
        packed(back)


def test_a_rollback_with_the_archive_of_another_version_is_refused(back: Path) -> None:
    old = results.read_release(back / "out/rollback.json")
    results.write(
        back / "out/rollback.json", Release("1.0.2", old.commit, old.web, old.api, old.site, old.asset)
    )
    with pytest.raises(PipelineError, match=r"is of 1\.0\.2, and HEAD goes back to 1\.0\.1"):
        packed(back)


def test_a_rollback_that_lies_around_is_not_taken(back: Path) -> None:
    """The next ordinary commit rolls forward."""
    recommit(back, "Forward")
    assert packed(back)[0].web == WEB


def test_promoting_gives_the_bytes_of_packing_the_stable_version(project: Path) -> None:
    """Whoever is first, a tag or a promotion, the other one finds its own chart there."""
    _, candidate = packed(project)
    result, stable = promote_chart(candidate)
    assert (result.version, result.web, result.api) == ("1.0.2", WEB, API)
    noted = json.loads((project / "out/version.json").read_text())
    write(project / "out/version.json", json.dumps(noted | {"version": "1.0.2", "kind": "stable"}))
    assert packed(project) == (result, stable)


def test_promoting_changes_the_version_and_nothing_else(project: Path) -> None:
    _, candidate = packed(project)
    old, new = package.unpack_chart(candidate)[1], package.unpack_chart(promote_chart(candidate)[1])[1]
    assert [path for path in old | new if old.get(path) != new.get(path)] == ["Chart.yaml"]
    assert new["Chart.yaml"] == old["Chart.yaml"].replace(b"1.0.2-rc", b"1.0.2")


def test_only_candidates_are_promoted(project: Path) -> None:
    stable = promote_chart(packed(project)[1])[1]
    with pytest.raises(PipelineError, match=r"chart 1\.0\.2: is not a candidate"):
        promote_chart(stable)


def tarred(*members: tuple[str, bytes, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


HEAD = ("site/Chart.yaml", tarfile.REGTYPE, b"name: site\nversion: 1.0.2-rc\n")


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"",                                                      "is not a complete archive"),
        (b"\x1f\x8b\x08 and no more",                              "is not a complete archive"),
        (tarred(HEAD)[:-20],                                       "is not a complete archive"),
        (tarred(),                                                 "but not of a chart"),
        (tarred(("site/values.yaml", tarfile.REGTYPE, b"")),       "but not of a chart"),
        (tarred(HEAD, ("other/x", tarfile.REGTYPE, b"")),          "but not of a chart"),
        (tarred(HEAD, ("site/x", tarfile.SYMTYPE, b"")),           "do not trust it"),
        (tarred(HEAD, ("site/../../x", tarfile.REGTYPE, b"")),     "do not trust it"),
        (tarred(HEAD, ("/site/x", tarfile.REGTYPE, b"")),          "do not trust it"),
    ],
    ids=["nothing", "no gzip", "cut off", "empty", "no head", "two", "a link", "upwards", "from root"],
)  # fmt: skip
def test_what_is_no_chart_is_not_unpacked(data: bytes, fault: str) -> None:
    """It comes from a server: nothing of it may leave the folder it is unpacked into."""
    with pytest.raises(PipelineError, match=fault):
        promote_chart(data)


@pytest.mark.parametrize("text", [b"a: 1\n", b"[", b"", b"\xff", b"release: {commit: x}\n"])
def test_a_chart_of_somebody_else_is_not_promoted(text: bytes) -> None:
    with pytest.raises(PipelineError, match="chart site: its values name no release"):
        promote_chart(tarred(HEAD, ("site/values.yaml", tarfile.REGTYPE, text)))


@pytest.mark.parametrize("value", ['He said "no"', "Ünïcödé \U0001f996", "a\u2028b", "#: {x}", "'", "\\n"])
def test_any_text_of_site_toml_survives_yaml(value: str, tmp_path: Path) -> None:
    """Read by helm, not by the parser that wrote it."""
    write(tmp_path / "site/Chart.yaml", "apiVersion: v2\nname: site\nversion: 1.0.0\n")
    write(
        tmp_path / "site/values.yaml",
        values.set_values("site:\n  name: x  # a word\n", {("site", "name"): value}, "v"),
    )
    write(tmp_path / "site/templates/x.yaml", "x: {{ .Values.site.name | b64enc }}\n")
    assert base64.b64encode(value.encode()).decode() in helm("template", tmp_path / "site")


def test_values_that_are_no_yaml_are_a_fault_with_its_line() -> None:
    with pytest.raises(SourceError, match=r"values\.yaml:2: is not YAML"):
        values.set_values("a: 1\nb: ]\n", {("a",): "x"}, "values.yaml")


def test_the_command_prints_and_leaves_the_record(project: Path) -> None:
    done = run_cli(project, "chart", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((project / "out/chart.json").read_text())
    done = run_cli(project, "chart")
    assert done.stdout.startswith("out/charts/site-1.0.2-rc.tgz")
