"""Tests of the check records: new code requires passed checks, a text on published code does not."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from pipelines.core.errors import PipelineError
from pipelines.flow import check_records
from tests.support.delivery.release import chart
from tests.support.delivery.status_site import chart as packed
from tests.support.delivery.targets import Publisher
from tests.support.project import commit_all, git, write

PAGE, CODE = "content/pages/about.md", "pipelines/x.py"


class Site:
    """A project with a history, and charts that contain the commit alone as its releases."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher, self.project = publisher, publisher.project
        write(self.project / ".gitignore", "/out/\n/output-*\n")

    def commit(self, path: str, text: str, message: str = "A change") -> str:
        write(self.project / path, text)
        commit_all(self.project, 1_775_000_000, message)
        return git(self.project, "rev-parse", "HEAD").strip()

    def published(self, version: str, commit: str) -> None:
        """Publish a chart of *commit* to the fake Nexus."""
        hosted = self.publisher.services.nexus.repositories[self.publisher.name]
        hosted.files[f"site-{version}.tgz"] = packed(version, commit)
        hosted.created[f"site-{version}.tgz"] = 0.0
        hosted.index = self.publisher.services.nexus._index(hosted)

    def plan(self, **environ: str) -> dict[str, Any]:
        run = self.publisher.run("plan", "--json", env={"CI_DEFAULT_BRANCH": "main", **environ})
        assert run.code == 0, run.err
        assert run.result == json.loads((self.project / "out/plan.json").read_text())
        return dict(run.result)


@pytest.fixture
def site(publisher: Publisher) -> Site:
    return Site(publisher)


def test_a_text_on_published_code_needs_no_checks(site: Site) -> None:
    first = site.commit(PAGE, "one")
    assert site.plan()["reason"] == "nothing is published yet"
    assert site.plan()["checks"] is True
    site.published("0.1.1", first)
    site.commit(PAGE, "two")
    plan = site.plan()
    assert (plan["checks"], plan["baseline"]) == (False, first)
    same = "nothing but content/ differs from commit"
    assert plan["reason"] == f"{same} {first[:12]} of 0.1.1, which is published"


@pytest.mark.parametrize(
    "path", [CODE, "theme/less/x.less", "site.toml", "tests/x.py", "contents/x", "x/content/y"]
)
def test_everything_but_content_is_code(site: Site, path: str) -> None:
    first = site.commit(PAGE, "one")
    site.published("0.1.1-rc", first)
    old = (site.project / path).read_text() if (site.project / path).exists() else ""
    site.commit(path, old + "\n# more\n")
    plan = site.plan()
    assert plan["checks"] is True
    assert plan["reason"] == f"differs from commit {first[:12]} of 0.1.1-rc, which is published, in {path}"


def test_untested_code_requires_checks_in_every_later_text(site: Site) -> None:
    """After a failed or cancelled pipeline, the next push publishes that code, too."""
    first = site.commit(PAGE, "one")
    site.published("0.1.1", first)
    site.commit(CODE, "red")
    for number in range(3):
        site.commit(PAGE, f"a text {number}")
        assert site.plan()["checks"] is True
    site.commit(CODE, "")
    git(site.project, "rm", "-q", CODE)
    git(site.project, "commit", "-q", "-m", "Revert")
    assert site.plan()["checks"] is False  # the code is that of the release again


def test_a_merge_is_compared_with_what_is_published(site: Site) -> None:
    """Trees are compared, so the order of the parents has no effect."""
    site.commit(PAGE, "one")
    git(site.project, "checkout", "-q", "-b", "side")
    site.commit(CODE, "two")
    git(site.project, "checkout", "-q", "main")
    second = site.commit("content/pages/two.md", "two")
    site.published("0.1.2", second)
    git(site.project, "merge", "-q", "--no-ff", "-m", "Merge", "side")
    assert site.plan()["checks"] is True


def test_a_rollback_needs_no_checks_and_is_not_a_baseline(site: Site) -> None:
    """A rollback builds nothing, so it may be published on failed code, and does not publish that code."""
    first = site.commit(PAGE, "one")
    site.published("0.1.1", first)
    site.commit(CODE, "red")
    git(site.project, "commit", "-q", "--allow-empty", "-m", "Go back\n\nRollback-To: 0.1.1")
    back = git(site.project, "rev-parse", "HEAD").strip()
    plan = site.plan()
    assert (plan["checks"], plan["reason"]) == (False, "it goes back to 0.1.1, and builds nothing")
    site.published("0.1.3", back)
    site.commit(PAGE, "two")
    plan = site.plan()
    assert (plan["checks"], plan["baseline"]) == (True, first)


def test_a_tag_is_compared_with_its_own_candidate(site: Site) -> None:
    """Later candidates have other code, and 0.1.1-rc has passed its checks."""
    first = site.commit(PAGE, "one")
    site.published("0.1.1-rc", first)
    site.published("0.1.2-rc", site.commit(CODE, "two"))
    git(site.project, "checkout", "-q", "--detach", first)
    assert site.plan(CI_COMMIT_TAG="v0.1.1")["checks"] is False


def test_an_unknown_baseline_requires_checks(site: Site) -> None:
    site.commit(PAGE, "one")
    site.published("0.1.9", "9" * 40)
    plan = site.plan()
    assert (plan["checks"], plan["baseline"]) == (True, "")
    assert "of 0.1.9, the newest published version, is not in this clone" in plan["reason"]


def check(site: Site, name: str) -> int:
    """Run a check that passes, and record it."""
    for action in ("begin", "passed"):
        assert site.publisher.run("checks", action, name).code == 0
    return len(list((site.project / "out/checks").glob("*.json")))


def test_publish_requires_a_record_of_each_check(site: Site) -> None:
    """Neither the order of jobs nor a forged plan replaces the records of this code."""
    site.publisher.checked = True
    head = site.commit(CODE, "one")
    version = {"version": "0.1.1-rc", "kind": "candidate", "commit": head, "time": 1, "dirty": False,
               "rollback": "", "as_of": 0}  # fmt: skip
    out = site.project / "out"
    write(out / "version.json", json.dumps(version))
    found = json.loads((out / "chart.json").read_text())
    chart(out, "0.1.1-rc", head, found["web"], found["api"], found["site"])
    forged = {"commit": head, "code": "", "baseline": "", "checks": False, "reason": ""}
    write(out / "plan.json", json.dumps(forged))
    run = site.publisher.run("publish")
    assert run.code == 1
    assert (
        f"commit {head[:12]} has not passed lint, types, test, test-slow: nothing is published yet" in run.err
    )
    assert [check(site, name) for name in ("lint", "types")] == [1, 2]
    assert check(site, "test") == 3
    missing = "has not passed test-slow: nothing is published yet; run `make checks`"
    assert missing in site.publisher.run("publish").err
    assert site.publisher.charts() == {}
    assert check(site, "test-slow") == 4
    run = site.publisher.run("publish")
    assert run.code == 0, run.err
    assert "site-0.1.1-rc.tgz" in site.publisher.charts()


def test_a_record_is_of_the_code_that_was_checked(site: Site) -> None:
    """A text keeps the records valid; other code and uncommitted changes do not."""
    project, names = site.project, list(check_records.CHECKS)
    first = site.commit(CODE, "one")
    for name in names:
        check_records.record_begin(project, name)
        assert check_records.record_passed(project, name)
    assert check_records.missing_checks(project, first) == []
    assert check_records.missing_checks(project, site.commit(PAGE, "a text")) == []
    second = site.commit(CODE, "two")
    assert check_records.missing_checks(project, second) == names
    check_records.record_begin(project, "lint")
    site.commit(CODE, "three")  # while it ran
    assert check_records.record_passed(project, "lint") is None
    check_records.record_begin(project, "lint")
    write(project / CODE, "not committed")
    assert check_records.record_passed(project, "lint") is None
    check_records.record_begin(project, "lint")
    git(project, "checkout", "-q", "--", CODE)
    assert check_records.record_passed(project, "lint") is None
    check_records.record_begin(project, "lint")
    assert check_records.record_passed(project, "lint")
    check_records.record_begin(project, "lint")  # it runs again, and fails
    assert "lint" in check_records.missing_checks(project, git(project, "rev-parse", "HEAD").strip())
    with pytest.raises(PipelineError, match="commit 999999999999 is not in this clone; run `git fetch`"):
        check_records.missing_checks(project, "9" * 40)


def test_a_merge_request_is_compared_with_its_merge_base(site: Site) -> None:
    """It has no credentials for the chart repository; without a base, all checks run."""
    first = site.commit(CODE, "one")
    site.commit(PAGE, "a text")
    base = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": first}
    assert site.publisher.run("checks", "due").out == "yes\n"
    assert site.publisher.run("checks", "due", env=base).out == "no\n"
    assert (
        site.publisher.run("checks", "due", env={"CI_MERGE_REQUEST_DIFF_BASE_SHA": "9" * 40}).out == "yes\n"
    )
    site.commit(CODE, "two")
    assert site.publisher.run("checks", "due", env=base).out == "yes\n"


def test_a_plan_of_another_commit_is_ignored(site: Site) -> None:
    first = site.commit(CODE, "one")
    site.published("0.1.1", first)
    site.plan()
    assert site.publisher.run("checks", "due").out == "no\n"
    site.commit(CODE, "two")
    assert site.publisher.run("checks", "due").out == "yes\n"


def test_the_decision_is_fast(site: Site) -> None:
    """A text waits for it, so it makes two requests and compares Git's object ids."""
    first = site.commit(PAGE, "one")
    site.published("0.1.1", first)
    site.commit(PAGE, "two")
    site.plan()
    start = time.monotonic()
    site.plan()
    assert time.monotonic() - start < 5  # generous, for a busy machine
    paths = [call.path for call in site.publisher.services.front["nexus"].calls]
    assert len(paths) == 4  # two for each plan
