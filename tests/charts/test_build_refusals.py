"""Tests of projects that no chart is packed of."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.charts.build import build_chart
from pipelines.core import config, digests
from pipelines.core.errors import PipelineError, ToolError
from tests.support.delivery.charts import VALUES, packed
from tests.support.delivery.projects import REGISTRY, WEB, recommit, record
from tests.support.project import git, write
from tests.support.tools import need


# Changes of a project that was ready for its chart.
def _rebuilt(project: Path) -> None:
    site = json.loads((project / "out/site.json").read_text())
    write(project / "out/site.json", json.dumps(site | {"digest": "c" * 64}))


def _http(project: Path) -> None:
    text = (project / "site.toml").read_text().replace('"https://small.example"', '"http://small.example"', 1)
    write(project / "site.toml", text)
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


def _removed_key(project: Path) -> None:
    write(project / "helm/site/values.yaml", VALUES.replace("  asset:", "  style:"))
    recommit(project)


def _link(project: Path) -> None:
    (project / "helm/site/templates/more.yaml").symlink_to("/etc/passwd")
    recommit(project)


def _removed(name: str) -> Callable[[Path], None]:
    return lambda project: (project / "out" / name).unlink()


def _file(name: str, text: str) -> Callable[[Path], None]:
    return lambda project: write(project / name, text)


def _swapped(project: Path) -> None:
    shutil.copy(project / "out/image-api.json", project / "out/image-web.json")


def _new_commit(project: Path) -> None:
    git(project, "commit", "-q", "--allow-empty", "-m", "A change")


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_removed("version.json"),                  "version.json: no such file; run `make version` first"),
        (_file("out/version.json", "{}"),           "version.json: not written by this version"),
        (_removed("site.json"),                     "site.json: no such file; run `make build` first"),
        (_removed("image-web.json"),                "image-web.json: no such file; run `make image` first"),
        (_removed("image-api.json"),                "image-api.json: no such file; run `make image` first"),
        (_file("out/image-api.json", "[]"),         "image-api.json: not written by this version"),
        (_swapped,                                  "image-web.json: is of the image api; run `make image`"),
        (_new_commit,                               "run `make version`"),
        (_rebuilt,                                  "holds another site than out/site.json"),
        (_file("out/site/public/new.html", "new"),  "has changed since out/site.json was written"),
        (_no_stylesheet,                            "has no hashed stylesheet"),
        (_no_registry,                              'write registry = "registry.example.org/me/site"'),
        (_http,                                     "write it with https://"),
        (_removed_key,                              "has no value release.asset"),
        (_link,                                     "templates/more.yaml: is not a regular file"),
    ],
    ids=lambda value: "" if callable(value) else None,
)  # fmt: skip
def test_mixed_parts_are_refused(project: Path, change: Callable[[Path], object], fault: str) -> None:
    """A chart of mixed parts would roll out an untested combination; no file is written."""
    change(project)
    with pytest.raises(PipelineError) as caught:
        build_chart(project, config.load_config(project))
    assert fault in str(caught.value)
    assert not (project / "out/charts").exists()


def test_a_missing_helm_is_an_error_with_a_hint(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(need("git")).parent))
    if shutil.which("helm"):
        pytest.skip("helm is installed beside git")
    with pytest.raises(ToolError, match="run `make kube`"):
        packed(project)


def test_another_version_of_helm_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """helm 3 writes the time into the archive, so each run would give another digest."""
    write(tmp_path / "bin/helm", f"#!{need('sh')}\necho v3.18.4\n")
    (tmp_path / "bin/helm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(ToolError, match=r"is v3\.18\.4.*install helm 4"):
        packed(project)
