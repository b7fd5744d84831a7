"""Tests of a rollback's commit: content, theme and tables of site.toml are those of the release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipelines.charts import package, rollback_scope
from pipelines.charts.build import build_chart
from pipelines.core import config, results
from pipelines.core.errors import PipelineError
from pipelines.core.results import Release
from tests.support.delivery.projects import ready, recommit
from tests.support.project import ROOT, git, write
from tests.support.tools import need

WEB = "sha256:" + "e" * 64


@pytest.fixture
def back(built: Path, tmp_path: Path) -> Path:
    """A project whose HEAD is a rollback to 1.0.1, with the archived record of that release."""
    need("helm")
    project = ready(built, tmp_path)
    first = git(project, "rev-parse", "HEAD").strip()
    recommit(project, "Go back\n\nRollback-To: 1.0.1")
    old = Release("1.0.1-rc", first, WEB, "sha256:" + "f" * 64, "9" * 64, "/assets/old.01234567.css")
    results.write(project / "out/rollback.json", old)
    return project


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("path", "old", "new", "differs"),
    [
        ("content/pages/about.md",  "",                  "\nMore.\n",        "content is not as in commit"),
        ("theme/less/prose.less",   "",                  "\n",               "theme is not as in commit"),
        ("site.toml",               'name     = "',      'name     = "A ',   "[site] of site.toml is not as"),
        ("site.toml",               "[feed]\n",          '[build]\nless_compiler = "lessc"\n[feed]\n',
                                                                             "[build] of site.toml is not"),
        ("site.toml",               'version = "1.0"',   'version = "1.1"',  ""),
        ("site.toml",               'me/site"',          'me/other"',        ""),
        ("helm/site/README.md",     "",                  "\nMore.\n",        ""),
    ],
)  # fmt: skip
def test_a_rollback_with_another_content_is_refused(
    back: Path, path: str, old: str, new: str, differs: str
) -> None:
    """Readers would get another content than its diff shows."""
    text = (back / path).read_text()
    write(back / path, text.replace(old, new, 1) if old else text + new)
    recommit(back, "A harmless change\n\nRollback-To: 1.0.1")
    if differs:
        with pytest.raises(PipelineError, match=re.escape(differs)) as caught:
            build_chart(back, config.load_config(back))
        assert "or go back with `make rollback VERSION=1.0.1`" in str(caught.value)
    else:
        assert build_chart(back, config.load_config(back)).web == WEB


def test_a_rollback_packs_the_chart_of_its_release(back: Path) -> None:
    """The templates of HEAD may not have passed a check, so none of them is packed."""
    before = chart(back)
    files = dict(before)
    write(back / "helm/site/templates/broken.yaml", "{{ fail `unchecked` }}\n")
    write(back / "helm/site/values.yaml", "web: [\n")
    (back / "helm/site/templates/web/deployment.yaml").unlink()
    (back / "helm/site/templates/link.yaml").symlink_to("/etc/passwd")
    recommit(back, "Break the chart")
    recommit(back, "Go back\n\nRollback-To: 1.0.1")
    after = chart(back)
    for one in (files, after):  # version and commit are those of the rollback
        del one["Chart.yaml"], one["values.yaml"]
    assert after == files
    assert {name for name in after if "templates" in name} == {
        path.relative_to(ROOT / "helm/site").as_posix()
        for path in (ROOT / "helm/site/templates").rglob("*") if path.is_file()
    }  # fmt: skip


def chart(project: Path) -> dict[str, bytes]:
    """Pack, and return the files of the chart."""
    done = build_chart(project, config.load_config(project))
    return package.unpack_chart((project / f"out/charts/site-{done.version}.tgz").read_bytes())[1]


def test_a_rollback_to_the_commit_of_a_rollback_is_refused(back: Path) -> None:
    """The tree of that commit differs from the release that it rolled out."""
    between = git(back, "rev-parse", "HEAD").strip()
    recommit(back, "Go back\n\nRollback-To: 1.0.2")
    old = results.read_release(back / "out/rollback.json")
    results.write(back / "out/rollback.json", replace(old, version="1.0.2", commit=between))
    with pytest.raises(PipelineError, match=f"names commit {between[:12]}, which is a rollback"):
        build_chart(back, config.load_config(back))


def test_a_commit_without_a_chart_is_named(back: Path) -> None:
    with pytest.raises(PipelineError, match="has no chart helm/other; name a later release"):
        package.read_committed_chart(back, git(back, "rev-parse", "HEAD").strip(), "helm/other")


def test_a_rollback_to_another_branch_is_refused(back: Path) -> None:
    """It is not in the history of this branch, and a missing commit cannot be compared."""
    old = results.read_release(back / "out/rollback.json")
    tree = git(back, "rev-parse", "HEAD^{tree}").strip()
    other = git(back, "commit-tree", tree, "-m", "Other").strip()
    results.write(back / "out/rollback.json", replace(old, commit=other))
    with pytest.raises(PipelineError, match=f"is of commit {other[:12]}, which is on another branch"):
        build_chart(back, config.load_config(back))
    results.write(back / "out/rollback.json", replace(old, commit="d" * 40))
    with pytest.raises(
        PipelineError, match="commit dddddddddddd is not in this clone; run `git fetch origin`"
    ):
        build_chart(back, config.load_config(back))


def test_every_table_of_site_toml_is_restored_or_not() -> None:
    """Each new table needs a decision: a rollback restores it if it changes the built tree."""
    delivery = {"images", "chart", "buckets", "environment"}
    assert set(rollback_scope.TABLES) | delivery == set(config.declared_tables())
    assert not set(rollback_scope.TABLES) & delivery


NOW = """\
# Facts.

[site]
name = "New"

[chart]
version = "1.1"  # raised

[feed]
authority = "x"
"""
OLD = """\
# Facts.

[site]
name = "Old"

# The header.
[[menu]]
path = "/a/"

[checks."content/old/**"]
math = "warning"

[chart]
version = "1.0"
"""
RESTORED = """\
# Facts.

[site]
name = "Old"

# The header.
[[menu]]
path = "/a/"

[checks."content/old/**"]
math = "warning"

[chart]
version = "1.1"  # raised
"""


def test_tables_of_the_site_are_restored_and_others_are_kept() -> None:
    """Verbatim, with the comments above each table; tables of delivery keep their values."""
    assert rollback_scope.restored_site_toml(NOW, OLD) == RESTORED
    assert rollback_scope.restored_site_toml(NOW, NOW) == NOW
    assert rollback_scope.restored_site_toml(NOW, NOW.replace("# Facts.", "# Other facts.")) == NOW
    with pytest.raises(PipelineError, match="cannot be restored by moving lines"):
        rollback_scope.restored_site_toml(NOW, 'site.name = "Old"\n')


def test_the_file_of_this_site_can_be_restored() -> None:
    """Its comments, arrays of tables and long lines, in both directions."""
    text = (ROOT / "site.toml").read_text("utf-8")
    changed = text.replace('label = "Tech"', 'label = "Tools"').replace(
        'version    = "1.0"', 'version    = "1.1"'
    )
    assert rollback_scope.restored_site_toml(changed, text) == text.replace(
        'version    = "1.0"', 'version    = "1.1"'
    )
