"""Run, promote, go back: with real Git, real helm, real images, a real registry and object storage."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.charts.package import unpack_chart
from tests.fakes.proxy import Call
from tests.support.delivery.targets import Publisher, Services, services
from tests.support.project import ROOT, git, tiny_site, write
from tests.support.tools import need, need_base

POST = "content/posts/first.md"
# Whose machine it is: its programs, and who commits.
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


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with services(tmp_path_factory.mktemp("services")) as one:
        yield one


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site without a login that has been built once: what a checkout has besides its commits."""
    need("helm")
    site = tiny_site(tmp_path_factory.mktemp("flow"), {POST: post("Words of the beginning.")})
    shutil.copytree(ROOT / "helm", site / "helm")
    shutil.copytree(ROOT / "images", site / "images")
    need_base(site, "web")
    write(site / ".gitignore", "/out/\n/output-*\n")
    return site


def post(text: str) -> str:
    return f"---\ntitle: First\ndate: 2026-01-05\n---\n{text}\n"


@pytest.fixture
def publisher(servers: Services, template: Path, tmp_path: Path) -> Publisher:
    """A clone of the site on its default branch, whose remote is a bare repository, and its places."""
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


def configure(publisher: Publisher, more: str = "", **words: str) -> None:
    """Write site.toml of a site without a login, in version 1.0."""
    publisher.write(**words)
    file = publisher.project / "site.toml"
    text = (
        file.read_text()
        .replace("login    = true", "login    = false")
        .replace(', "https://small.example/about/"', "")
    )
    text = re.sub(r"\[\[(menu|footer)\]\]\n(\w+ += .*\n)+", "", text)  # there is one page
    file.write_text(text.replace("[chart]\n", '[chart]\nversion = "1.0"\n') + more)


def commit(publisher: Publisher, text: str, message: str = "Write on") -> str:
    """Change a word, commit, push, and return the commit."""
    write(publisher.project / POST, post(text))
    git(publisher.project, "commit", "-q", "-am", message)
    git(publisher.project, "push", "-q")
    return git(publisher.project, "rev-parse", "HEAD").strip()


def done(publisher: Publisher, *words: str) -> dict[str, object]:
    """Run a command that must work, and return its result."""
    run = publisher.run(*words, "--json", env=MACHINE)
    assert run.code == 0, run.err
    found: dict[str, object] = run.result
    return found


def refused(publisher: Publisher, *words: str) -> str:
    """Run a command that must refuse; it changes neither Git nor what is published."""
    before = (heads(publisher), sorted(publisher.charts()))
    run = publisher.run(*words, env=MACHINE)
    assert run.code in (1, 2), run.out
    assert "Traceback" not in run.err
    assert (heads(publisher), sorted(publisher.charts())) == before
    return run.err


def heads(publisher: Publisher) -> tuple[str, str, str]:
    """Return the newest commit here and there, and what is not committed."""
    here = git(publisher.project, "rev-parse", "HEAD").strip()
    there = git(publisher.project, "ls-remote", "origin", "main").split()[0]
    return here, there, git(publisher.project, "status", "--porcelain")


def digests(publisher: Publisher) -> dict[str, str]:
    """Return the web image of each published chart, by version."""
    from pipelines.charts.build import release_of_chart

    found = (release_of_chart(data) for data in publisher.charts().values())
    return {one.version: one.web for one in found}


def test_run_goes_from_a_commit_to_a_stable_chart(publisher: Publisher) -> None:
    """There is no staging, so nothing waits; and once more moves no byte."""
    first = done(publisher, "run")
    assert first["version"] == "1.0.1-rc"
    found = digests(publisher)
    assert found.keys() == {"1.0.1-rc", "1.0.1"}
    assert found["1.0.1-rc"] == found["1.0.1"]
    steps = [(one["name"], one["what"]) for one in first["steps"]]  # type: ignore[attr-defined]
    names = [name for name, _ in steps]
    published = ["image web", "assets", "archive", "chart", "index"]
    assert names[:5] == ["version", "build", "web image", "chart", "stable chart"]
    assert names[5:] == [*published, *published, "receiver"]
    assert steps[3:5] == [("chart", "site-1.0.1-rc.tgz"), ("stable chart", "site-1.0.1.tgz")]
    assert [call.path for call in publisher.services.front["flux"].calls] == ["/hook/abc"]
    for one in publisher.services.front.values():
        one.calls.clear()
    again = done(publisher, "run")
    weights = {one["name"]: one["bytes"] for one in again["steps"]}  # type: ignore[attr-defined]
    assert [name for name in published if weights[name]] == []
    assert publisher.uploaded_bytes() == 0


@pytest.mark.slow
def test_a_candidate_and_its_stable_version_wait_for_one_index(publisher: Publisher) -> None:
    """It is made anew a second after each change: whoever asks between the two waits twice."""
    done(publisher, "run")
    calls = publisher.services.front["nexus"].calls
    puts = [number for number, call in enumerate(calls) if call.method == "PUT"]
    looks = [number for number, call in enumerate(calls) if call.path.endswith("/index.yaml")]
    assert len(puts) == 2
    assert [look for look in looks if puts[0] < look < puts[-1]] == []
    assert len([look for look in looks if look > puts[-1]]) >= 2  # one for each, since each must be named


@pytest.mark.slow
@pytest.mark.parametrize("charts", [1, 2])
def test_a_run_that_is_killed_between_two_versions_is_finished_by_another(
    publisher: Publisher, charts: int
) -> None:
    """The candidate is out and its stable version is not; or both are, and nobody has seen the index."""
    front, process = publisher.services.front["nexus"], list[int]()

    def after(call: Call) -> bool:
        if call.method == "PUT" and len(front.made("PUT")) == charts:
            os.kill(process[0], signal.SIGKILL)
        return False

    front.calls.clear()
    front.after = after
    run = publisher.start("run", env=MACHINE)
    process.append(run.process.pid or 0)
    assert run.end().code == -signal.SIGKILL
    front.after = None
    assert len(publisher.charts()) == charts
    assert done(publisher, "run")["version"] == "1.0.1-rc"
    assert digests(publisher).keys() == {"1.0.1-rc", "1.0.1"}
    assert {"releases/1.0.1-rc.json", "releases/1.0.1.json"} <= publisher.objects("archive").keys()


@pytest.mark.slow
def test_run_shows_a_table(publisher: Publisher) -> None:
    run = publisher.run("run", env=MACHINE)
    assert run.code == 0, run.err
    lines = run.out.splitlines()
    assert lines[0].startswith("1.0.1-rc  commit ")
    assert lines[-1].startswith("in all")
    assert all(line.endswith(" s") for line in lines[1:])
    assert run.err == ""  # quiet where it is piped


@pytest.mark.slow
@pytest.mark.parametrize("more", [ENVIRONMENTS, "promotion"])
def test_a_candidate_waits_where_somebody_is_to_try_it(publisher: Publisher, more: str) -> None:
    configure(publisher, more if more == ENVIRONMENTS else "")
    file = publisher.project / "site.toml"
    if more == "promotion":
        file.write_text(file.read_text().replace("[chart]\n", '[chart]\npromotion = "manual"\n'))
    commit(publisher, "Words of the beginning.", "Wait")
    done(publisher, "run")
    assert digests(publisher).keys() == {"1.0.2-rc"}
    done(publisher, "promote")
    assert digests(publisher).keys() == {"1.0.2-rc", "1.0.2"}
    before = dict(publisher.charts())
    done(publisher, "promote", "1.0.2")
    assert publisher.charts() == before


def test_what_is_not_committed_is_not_run(publisher: Publisher) -> None:
    write(publisher.project / POST, post("Not committed."))
    said = refused(publisher, "run")
    assert "and only commits are published; commit, then run it again" in said
    assert not (publisher.project / "out/site.json").exists()  # said before anything is built


@pytest.mark.slow
def test_going_back_is_a_new_version_with_the_old_digests(publisher: Publisher, tmp_path: Path) -> None:
    """Published from here at once, then found by the pipeline of the commit, then left behind by the next."""
    done(publisher, "run")
    old = git(publisher.project, "show", f"HEAD:{POST}")
    commit(publisher, "Words that nobody should have read.")
    done(publisher, "run")
    went = done(publisher, "rollback", "1.0.1", "--now")
    here, there, status = heads(publisher)
    assert (here, there, status) == (went["commit"], went["commit"], "")
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
    elsewhere = Publisher(publisher.services, clone, publisher.name)
    before = dict(publisher.charts())
    for one in publisher.services.front.values():
        one.calls.clear()
    for words in (("version",), ("publish",)):
        run = elsewhere.run(*words, env=MACHINE)
        assert run.code == 0, run.err
    assert publisher.charts() == before
    assert publisher.uploaded_bytes() == 0

    commit(publisher, "Words for everybody.")
    done(publisher, "run")
    found = digests(publisher)
    assert found["1.0.4"] not in (found["1.0.1"], found["1.0.2"])


def test_going_back_restores_what_reaches_readers_and_nothing_else(publisher: Publisher) -> None:
    """The site's name is on every page; where charts and images go to is what it is today."""
    done(publisher, "run")
    file = publisher.project / "site.toml"
    before = file.read_text()
    now = before.replace('name     = "', 'name     = "A new ').replace('version = "1.0"', 'version = "1.1"')
    file.write_text(now)
    write(publisher.project / "theme/css/more.css", "p { color: red }\n")
    git(publisher.project, "add", "-A")
    commit(publisher, "More words.")
    assert done(publisher, "run")["version"] == "1.1.2-rc"
    done(publisher, "rollback", "1.0.1", "--now")
    assert file.read_text() == before.replace('version = "1.0"', 'version = "1.1"')
    assert not (publisher.project / "theme/css/more.css").exists()
    assert digests(publisher)["1.1.3"] == digests(publisher)["1.0.1"]


@pytest.mark.slow
def test_a_trailer_on_another_content_is_refused(publisher: Publisher) -> None:
    """A harmless diff must not roll out old images, whichever command publishes it."""
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    commit(publisher, "A harmless word.", "Fix a typo\n\nRollback-To: 1.0.1")
    assert "Rollback-To: 1.0.1, and content is not as in commit" in refused(publisher, "run")
    publisher.run("version", env=MACHINE)
    assert "Rollback-To: 1.0.1, and content is not as in commit" in refused(publisher, "publish")


@pytest.mark.slow
def test_the_clone_that_runs_a_commit_back_builds_nothing(publisher: Publisher) -> None:
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    done(publisher, "rollback", "1.0.1")
    assert "1.0.3-rc" not in digests(publisher)  # without --now it is the pipeline's to publish
    names = [one["name"] for one in done(publisher, "run")["steps"]]  # type: ignore[attr-defined]
    assert names[:3] == ["version", "archive", "chart"]
    assert digests(publisher)["1.0.3"] == digests(publisher)["1.0.1"]


@pytest.mark.slow
def test_without_an_archive_the_old_chart_tells(publisher: Publisher) -> None:
    """Both buckets may be missing."""
    configure(publisher, assets="", archive="")
    commit(publisher, "Words of the beginning.", "No buckets")
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    done(publisher, "rollback", "1.0.2", "--now")
    found = digests(publisher)
    assert found["1.0.4"] == found["1.0.2"] != found["1.0.3"]
    assert "has no chart 1.0.9; run `make status`" in refused(publisher, "rollback", "1.0.9")


@pytest.mark.slow
@pytest.mark.parametrize("buckets", [True, False])
def test_going_back_to_a_rollback_packs_the_chart_that_was_checked(
    publisher: Publisher, buckets: bool
) -> None:
    """What is broken in helm/site goes live neither by the first way back nor by the second."""
    if not buckets:
        configure(publisher, assets="", archive="")
    commit(publisher, "The first words.", "First")
    done(publisher, "run")
    built = git(publisher.project, "rev-parse", "HEAD").strip()
    write(publisher.project / "helm/site/templates/unchecked.yaml", "kind: Unchecked\n")
    git(publisher.project, "add", "-A")
    commit(publisher, "Words over a chart that nobody has checked.")
    done(publisher, "rollback", "1.0.2", "--now")
    commit(publisher, "More words.")
    done(publisher, "rollback", "1.0.4", "--now")
    assert json.loads((publisher.project / "out/rollback.json").read_text())["commit"] == built
    assert (publisher.project / "helm/site/templates/unchecked.yaml").exists()
    found = digests(publisher)
    assert found["1.0.6"] == found["1.0.4"] == found["1.0.2"]
    for version in ("1.0.4", "1.0.6"):
        assert "templates/unchecked.yaml" not in unpack_chart(publisher.charts()[f"site-{version}.tgz"])[1]


@pytest.mark.slow
def test_a_release_that_is_gone_is_refused(publisher: Publisher) -> None:
    """Before the commit: a chart whose images cannot be fetched would take the site down."""
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    assert "has no release 1.0.7" in refused(publisher, "rollback", "1.0.7")
    assert "is not a release; write it as 1.0.409" in refused(publisher, "rollback", "yesterday")
    record = json.loads(publisher.objects("archive")["releases/1.0.1.json"])
    key = f"blobs/sha256/{record['parts'][0]['sha256']}"
    publisher.services.storage.client().delete_object(Bucket=f"{publisher.name}-archive", Key=key)
    assert "is incomplete" in refused(publisher, "rollback", "1.0.1")


@pytest.mark.slow
def test_going_back_wants_a_clean_checkout_of_the_newest_commit(publisher: Publisher, tmp_path: Path) -> None:
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    project = publisher.project
    write(project / POST, post("Not committed."))
    assert "the tree has changes that are not committed" in refused(publisher, "rollback", "1.0.1")
    git(project, "checkout", "-q", "--", POST)
    git(project, "switch", "-q", "-c", "elsewhere")
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
def test_a_remote_that_refuses_leaves_everything_as_it_was(publisher: Publisher, tmp_path: Path) -> None:
    done(publisher, "run")
    commit(publisher, "More words.")
    done(publisher, "run")
    hook = tmp_path / "remote.git/hooks/pre-receive"
    write(hook, "#!/bin/sh\necho 'protected branch' >&2\nexit 1\n")
    hook.chmod(0o755)
    assert "protected branch" in refused(publisher, "rollback", "1.0.1", "--now")


def test_what_cannot_be_promoted_is_told(publisher: Publisher) -> None:
    assert "has no candidate; run `make publish`" in refused(publisher, "promote")
    assert "is not a version; write it as 1.0.412" in refused(publisher, "promote", "newest")
    assert "has no candidate 1.0.9-rc; run `make status`" in refused(publisher, "promote", "1.0.9")


@pytest.mark.parametrize("words", [("staging",), ("production",)])
def test_what_nobody_waits_for_is_passed_over(publisher: Publisher, words: tuple[str, ...]) -> None:
    """One pipeline for every site: without staging, and where a person promotes."""
    file = publisher.project / "site.toml"
    file.write_text(file.read_text().replace("[chart]\n", '[chart]\npromotion = "manual"\n'))
    head = git(publisher.project, "rev-parse", "HEAD").strip()
    run = publisher.run("status", "--wait", head, "--environment", *words, "--optional", env=MACHINE)
    assert (run.code, run.out) == (0, ""), run.err
    assert "nothing to wait for" in run.err
    run = publisher.run("promote", "--optional", env=MACHINE)
    assert (run.code, publisher.charts()) == (0, {}), run.err
    assert "promotion is manual (site.toml)" in run.err


def test_a_version_below_the_newest_is_not_published(publisher: Publisher) -> None:
    """A branch that was pushed by force, or a clone that is behind: Flux would never take it."""
    done(publisher, "run")
    commit(publisher, "Words of somebody.")
    commit(publisher, "More words of somebody.")
    done(publisher, "run")
    newest = git(publisher.project, "rev-parse", "HEAD").strip()
    git(publisher.project, "reset", "-q", "--hard", "HEAD~2")
    write(publisher.project / POST, post("Words of a clone that is behind."))
    git(publisher.project, "commit", "-q", "-am", "Apart")
    head = git(publisher.project, "rev-parse", "HEAD").strip()
    said = refused(publisher, "run")
    assert f"version 1.0.2-rc: 1.0.3-rc (commit {newest[:12]}) is published, is newer" in said
    assert f"does not contain commit {head[:12]}; run `git pull --rebase`" in said
    file = publisher.project / "site.toml"
    file.write_text(file.read_text().replace('version = "1.0"', 'version = "1.1"'))
    git(publisher.project, "commit", "-q", "-am", "Raise X.Y")
    assert done(publisher, "run")["version"] == "1.1.3-rc"


@pytest.mark.slow
def test_a_pipeline_that_was_overtaken_ends_well_and_changes_nothing(publisher: Publisher) -> None:
    """Of two pushes the second one was faster: what it published contains the first one."""
    done(publisher, "run")
    older = commit(publisher, "Words.")
    commit(publisher, "More words.")
    done(publisher, "run")
    git(publisher.project, "checkout", "-q", "--detach", older)
    before = dict(publisher.charts())
    steps = done(publisher, "run")["steps"]
    assert [(one["name"], one["what"]) for one in steps if "superseded" in one["what"]] == [  # type: ignore[attr-defined]
        ("publish", "1.0.2-rc superseded by 1.0.3-rc"), ("publish", "1.0.2 superseded by 1.0.3")
    ]  # fmt: skip
    published = done(publisher, "publish")
    assert (published["superseded"], published["targets"]) == ("1.0.3-rc", [])
    assert "superseded by 1.0.3-rc, which contains this commit" in publisher.run("publish", env=MACHINE).out
    assert done(publisher, "promote", "1.0.2-rc", "--optional")["superseded"] == "1.0.3-rc"
    assert publisher.charts() == before
    assert "has no candidate 1.0.2-rc" in refused(publisher, "promote", "1.0.2-rc")
