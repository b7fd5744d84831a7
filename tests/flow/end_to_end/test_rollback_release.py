"""Tests of `rollback`: a new version with the digests of an older release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.charts.package import unpack_chart
from tests.support.delivery.flow import (
    MACHINE,
    POST,
    commit,
    configure,
    digests,
    done,
    heads,
    post,
    refused,
)
from tests.support.delivery.targets import Publisher
from tests.support.project import git, write


@pytest.mark.slow
def test_a_rollback_is_a_new_version_with_the_old_digests(publisher: Publisher, tmp_path: Path) -> None:
    """--now publishes it, the commit's own pipeline changes nothing, and the next commit rolls forward."""
    done(publisher, "run")
    old = git(publisher.project, "show", f"HEAD:{POST}")
    commit(publisher, "A text to roll back.")
    done(publisher, "run")
    rollback = done(publisher, "rollback", "1.0.1", "--now")
    local, remote, status = heads(publisher)
    assert (local, remote, status) == (rollback["commit"], rollback["commit"], "")
    assert (
        git(publisher.project, "log", "-1", "--format=%(trailers:key=Rollback-To,valueonly)").strip()
        == "1.0.1"
    )
    assert (publisher.project / POST).read_text() == old
    found = digests(publisher)
    assert found["1.0.3"] == found["1.0.3-rc"] == found["1.0.1"] != found["1.0.2"]

    # The pipeline of that commit: a fresh clone, which builds nothing.
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "remote.git", "clone")
    runner = Publisher(publisher.services, clone, publisher.name)
    before = dict(publisher.charts())
    for one in publisher.services.front.values():
        one.calls.clear()
    for command in ("version", "publish"):
        run = runner.run(command, env=MACHINE)
        assert run.code == 0, run.err
    assert publisher.charts() == before
    assert publisher.uploaded_bytes() == 0

    commit(publisher, "The next text.")
    done(publisher, "run")
    found = digests(publisher)
    assert found["1.0.4"] not in (found["1.0.1"], found["1.0.2"])


@pytest.mark.slow
def test_a_rollback_restores_what_reaches_readers_and_nothing_else(publisher: Publisher) -> None:
    """The site's name, on every page, is restored; the addresses of charts and images are kept."""
    done(publisher, "run")
    file = publisher.project / "site.toml"
    before = file.read_text()
    now = before.replace('name     = "', 'name     = "A new ').replace('version = "1.0"', 'version = "1.1"')
    file.write_text(now)
    write(publisher.project / "theme/css/more.css", "p { color: red }\n")
    git(publisher.project, "add", "-A")
    commit(publisher, "More text.")
    assert done(publisher, "run")["version"] == "1.1.2-rc"
    done(publisher, "rollback", "1.0.1", "--now")
    assert file.read_text() == before.replace('version = "1.0"', 'version = "1.1"')
    assert not (publisher.project / "theme/css/more.css").exists()
    assert digests(publisher)["1.1.3"] == digests(publisher)["1.0.1"]


@pytest.mark.slow
def test_a_trailer_on_another_content_is_refused(publisher: Publisher) -> None:
    """A commit with the trailer and a new text must not roll out old images, by any command."""
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    commit(publisher, "A harmless word.", "Fix a typo\n\nRollback-To: 1.0.1")
    assert "Rollback-To: 1.0.1, and content is not as in commit" in refused(publisher, "run")
    publisher.run("version", env=MACHINE)
    assert "Rollback-To: 1.0.1, and content is not as in commit" in refused(publisher, "publish")


@pytest.mark.slow
def test_a_run_of_a_rollback_commit_builds_nothing(publisher: Publisher) -> None:
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    done(publisher, "rollback", "1.0.1")
    assert "1.0.3-rc" not in digests(publisher)  # without --now the pipeline publishes it
    names = [one["name"] for one in done(publisher, "run")["steps"]]  # type: ignore[attr-defined]
    assert names[:3] == ["version", "archive", "chart"]
    assert digests(publisher)["1.0.3"] == digests(publisher)["1.0.1"]


@pytest.mark.slow
def test_without_an_archive_the_old_chart_names_the_images(publisher: Publisher) -> None:
    """Both buckets are optional."""
    configure(publisher, assets="", archive="")
    commit(publisher, "The first text.", "No buckets")
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    done(publisher, "rollback", "1.0.2", "--now")
    found = digests(publisher)
    assert found["1.0.4"] == found["1.0.2"] != found["1.0.3"]
    assert "has no chart 1.0.9; run `make status`" in refused(publisher, "rollback", "1.0.9")


@pytest.mark.slow
@pytest.mark.parametrize("buckets", [True, False])
def test_a_rollback_to_a_rollback_packs_the_chart_that_was_checked(
    publisher: Publisher, buckets: bool
) -> None:
    """Neither the first nor the second rollback may publish an unchecked change of helm/site."""
    if not buckets:
        configure(publisher, assets="", archive="")
    commit(publisher, "The second text.", "First")
    done(publisher, "run")
    built = git(publisher.project, "rev-parse", "HEAD").strip()
    write(publisher.project / "helm/site/templates/unchecked.yaml", "kind: Unchecked\n")
    git(publisher.project, "add", "-A")
    commit(publisher, "A text over an unchecked chart.")
    done(publisher, "rollback", "1.0.2", "--now")
    commit(publisher, "More text.")
    done(publisher, "rollback", "1.0.4", "--now")
    assert json.loads((publisher.project / "out/rollback.json").read_text())["commit"] == built
    assert (publisher.project / "helm/site/templates/unchecked.yaml").exists()
    found = digests(publisher)
    assert found["1.0.6"] == found["1.0.4"] == found["1.0.2"]
    for version in ("1.0.4", "1.0.6"):
        assert "templates/unchecked.yaml" not in unpack_chart(publisher.charts()[f"site-{version}.tgz"])[1]


@pytest.mark.slow
def test_an_unknown_or_incomplete_release_is_refused(publisher: Publisher) -> None:
    """Refuse before the commit, since a chart without its images would take the site down."""
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    assert "has no release 1.0.7" in refused(publisher, "rollback", "1.0.7")
    assert "is not a release; write it as 1.0.409" in refused(publisher, "rollback", "yesterday")
    record = json.loads(publisher.objects("archive")["releases/1.0.1.json"])
    key = f"blobs/sha256/{record['parts'][0]['sha256']}"
    publisher.services.storage.client().delete_object(Bucket=f"{publisher.name}-archive", Key=key)
    assert "is incomplete" in refused(publisher, "rollback", "1.0.1")


@pytest.mark.slow
def test_a_rollback_requires_a_clean_checkout_of_the_newest_commit(
    publisher: Publisher, tmp_path: Path
) -> None:
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    project = publisher.project
    write(project / POST, post("Not committed."))
    assert "the tree has changes that are not committed" in refused(publisher, "rollback", "1.0.1")
    git(project, "checkout", "-q", "--", POST)
    git(project, "switch", "-q", "-c", "other")
    assert "the branch main is not checked out; run `git switch main`" in refused(
        publisher, "rollback", "1.0.1"
    )
    git(project, "switch", "-q", "main")
    git(tmp_path, "clone", "-q", "remote.git", "colleague")
    write(tmp_path / "colleague" / POST, post("Of a colleague."))
    git(tmp_path / "colleague", "commit", "-q", "-am", "Meanwhile")
    git(tmp_path / "colleague", "push", "-q")
    assert "main here is not main of origin; run `git pull --ff-only`" in refused(
        publisher, "rollback", "1.0.1"
    )


@pytest.mark.slow
def test_a_rejected_push_changes_nothing(publisher: Publisher, tmp_path: Path) -> None:
    done(publisher, "run")
    commit(publisher, "More text.")
    done(publisher, "run")
    hook = tmp_path / "remote.git/hooks/pre-receive"
    write(hook, "#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert "protected branch" in refused(publisher, "rollback", "1.0.1", "--now")
