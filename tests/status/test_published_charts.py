"""Tests of the chart that an environment takes: its version, its commit, and faults of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.charts.newest import newest_version
from pipelines.flux import settings
from tests.fakes.nexus import Toxic
from tests.fakes.pods import Pod
from tests.fakes.upstream import upstream
from tests.support.delivery.helm import Helm
from tests.support.delivery.status_site import Runner, StatusSite, chart
from tests.support.delivery.tls import private_tls
from tests.support.previews import free_port
from tests.support.project import git, write
from tests.support.registry import LOGIN, registry

VERSIONS = [
    "1.0.9",
    "1.0.10",
    "1.0.11-rc",
    "0.0.0-mr.9.31",
    "2.0.1",
    "1.0.10-rc",
    "1.0.9-rc",
    "not.a.version",
]


@pytest.mark.parametrize(
    ("environment", "major", "versions", "newest"),
    [
        ("production", 1, VERSIONS,                       "1.0.10"),
        ("staging",    1, VERSIONS,                       "2.0.1"),
        ("staging",    1, ["1.0.10", "1.0.11-rc"],        "1.0.11-rc"),
        ("staging",    1, ["1.0.11-rc", "1.0.11"],        "1.0.11"),
        ("production", 1, ["1.0.11-rc"],                  ""),
        ("staging",    0, ["0.0.0-mr.9.31", "0.1.2-rc"],  "0.1.2-rc"),
        ("staging",    0, ["0.0.0-mr.9.31"],              ""),
        ("production", 0, ["0.1.2", "1.0.0"],             "0.1.2"),
        ("production", 1, [],                             ""),
    ],
)  # fmt: skip
def test_the_newest_chart_is_the_one_that_flux_takes(
    environment: str, major: int, versions: list[str], newest: str
) -> None:
    """Numbers as numbers, and only the range of the environment."""
    assert newest_version(versions, major, environment) == newest


@pytest.mark.parametrize("environment", ["production", "staging"])
def test_helm_takes_the_same_chart(status_site: StatusSite, tmp_path: Path, environment: str) -> None:
    """Flux orders with helm's library, by the range that `pipelines settings` writes."""
    versions = ["1.0.9", "1.0.10", "1.0.11-rc", "1.1.2-rc", "0.9.12", "0.0.0-mr.9.31"]
    for version in versions:
        status_site.publish(1, version)
    helm = Helm(tmp_path / "helm")
    assert helm.add(status_site.nexus)[0] == 0
    assert helm.pull("charts/site", settings.version_range("1.0", environment), tmp_path / "got")[0] == 0
    taken = [file.name for file in (tmp_path / "got").iterdir()]
    assert taken == [f"site-{newest_version(versions, 1, environment)}.tgz"]


def test_a_chart_names_its_commit(status_site: StatusSite, status: Runner) -> None:
    """The index lacks the commit, so the chart's archive is fetched."""
    status_site.publish(2, "1.0.2")
    status_site.publish(3, "1.0.3-rc")
    status_site.door.pods = [status_site.pod(2)]
    status_site.configure(production=status_site.door.url, staging=status_site.door.url)
    found = {one["name"]: one["published"] for one in status("--json").result["environments"]}
    address = status_site.nexus.url.partition("://")[2] + "/repository/charts"
    assert found == {
        "production": {"place": address, "version": "1.0.2", "commit": status_site.commits[1], "fault": "",
                       "own": "", "outranks": ""},
        "staging": {"place": address, "version": "1.0.3-rc", "commit": status_site.commits[2], "fault": "",
                    "own": "1.0.3-rc", "outranks": ""},
    }  # fmt: skip


def diverge(status_site: StatusSite) -> str:
    """Publish 1.0.4, whose commit is not on top of main's 1.0.3; return that commit."""
    git(status_site.project, "checkout", "-q", "--detach", status_site.commits[0])
    for text in ("one", "two", "three"):
        write(status_site.project / "content/pages/about.md", text)
        git(status_site.project, "commit", "-q", "-am", text)
    other = git(status_site.project, "rev-parse", "HEAD").strip()
    git(status_site.project, "checkout", "-q", "main")
    status_site.publish(0, "1.0.4", other)
    return other


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("published", [True, False])
def test_a_version_below_the_newest_is_reported(
    status_site: StatusSite, status: Runner, published: bool
) -> None:
    """Flux takes the highest one: the commit of main never goes live, so waiting for it fails at once."""
    if published:
        status_site.publish(3)
    other = diverge(status_site)
    status_site.door.pods = [Pod("1.0.4", other)]
    word = "published" if published else "not published"
    assert f"; 1.0.3 of main is {word}, but 1.0.4 is newer; " in status().row
    done = status("--wait", status_site.commits[2], "--timeout", "60")
    assert (done.code, done.seconds < 30) == (1, True)
    assert f"is not live in production: {word}, but 1.0.4 is newer\n" in done.err
    assert "next         make a commit on top of both: `git pull --rebase`, and push" in done.err
    # Made on top of both, it is on its way again, and main's newest commit is not outranked.
    git(status_site.project, "merge", "-q", "-s", "ours", "-m", "Merge", other)
    status_site.door.pods = [status_site.pod(3)]
    assert "newer" not in status().row
    assert "not live in production: not after" in status("--wait", head(status_site), "--timeout", "0.2").err


def head(status_site: StatusSite) -> str:
    return git(status_site.project, "rev-parse", "HEAD").strip()


def test_a_chart_of_an_unknown_commit_does_not_outrank_others(
    status_site: StatusSite, status: Runner
) -> None:
    """Its commit may be a descendant of this one."""
    status_site.publish(3)
    status_site.publish(0, "1.0.9", "9" * 40)
    status_site.door.pods = [status_site.pod(3)]
    assert "but 1.0.9 is newer" not in status().row


def test_charts_in_a_registry_are_found(status_site: StatusSite, status: Runner, tmp_path: Path) -> None:
    """A real registry, to which the real helm has pushed."""
    folder = tmp_path / "registry"
    folder.mkdir()
    with registry(folder, closed=True) as real:
        helm = Helm(tmp_path / "helm")
        trust = ("--ca-file", real.authority)
        output = helm.run(
            "registry", "login", real.host, *trust, "-u", LOGIN[0], "--password-stdin", stdin=LOGIN[1]
        )
        assert output[0] == 0, output
        for number, version in ((2, "1.0.2"), (3, "1.0.3-rc"), (1, "1.0.1")):
            file = tmp_path / f"site-{version}.tgz"
            file.write_bytes(chart(version, status_site.commits[number - 1]))
            output = helm.run("push", file, f"oci://{real.host}/charts", *trust)
            assert output[0] == 0, output
        status_site.configure(chart=f"oci://{real.host}/charts")
        status_site.door.pods = [
            status_site.pod(2, "1.0.2+cdd538a0167e")
        ]  # as Flux names a chart of a registry
        status_site.env["SITE_CA_FILE"] = str(real.authority)
        anonymous = status().row
        status_site.env |= {"SITE_CHARTS_USER": LOGIN[0], "SITE_CHARTS_PASSWORD": LOGIN[1]}
        authenticated = status("--json").result["environments"][0]
    assert "the chart repository requires a login; set SITE_CHARTS_USER" in anonymous
    assert (authenticated["version"], authenticated["live"]) == ("1.0.2", True)
    assert authenticated["published"]["version"] == "1.0.2"
    assert authenticated["published"]["commit"] == status_site.commits[1]


def test_all_pages_of_tags_are_read(status_site: StatusSite, status: Runner, tmp_path: Path) -> None:
    """OCI distribution-spec 1.1, "Listing Tags": GitLab's registry gives a hundred at a time."""
    path = "/v2/charts/site/tags/list"
    with upstream(tls=private_tls(tmp_path)) as pages:
        pages.respond(404, Link=f'<{path}?last=1.0.2>; rel="next"')
        pages.pages[path] = (200, b'{"name": "charts/site", "tags": ["1.0.1", "1.0.2"]}')
        pages.pages[f"{path}?last=1.0.2"] = (200, b'{"name": "charts/site", "tags": ["1.0.3"]}')
        status_site.configure(chart=f"oci://127.0.0.1:{pages.port}/charts")
        done = status("--json", env={"SITE_CA_FILE": str(tmp_path / "certificate.pem")})
    published = done.result["environments"][0]["published"]
    assert (published["version"], published["fault"]) == ("1.0.3", "1.0.3 is not a chart")


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize(
    ("toxic", "fault"),
    [
        (Toxic(times=9, status=503),                           "answered 503 (2 tries)"),
        (Toxic(times=9, status=404),                           "has no index.yaml; is it a Helm repository?"),
        (Toxic(times=9, status=403),
         "requires a login; set SITE_CHARTS_USER and SITE_CHARTS_PASSWORD"),
        (Toxic(times=9, ending="/index.yaml", cut=40),         "the connection broke (2 tries)"),
        (Toxic(times=9, ending=".tgz", status=404),            "names 1.0.3, and does not have it"),
        (Toxic(times=9, ending=".tgz", status=500),            "answered 500 (2 tries)"),
    ],
)  # fmt: skip
def test_a_failing_chart_repository_is_reported_beside_the_live_version(
    status_site: StatusSite, status: Runner, toxic: Toxic, fault: str
) -> None:
    status_site.publish(3)
    status_site.door.pods = [status_site.pod(3)]
    status_site.nexus.toxics.append(toxic)
    done = status("--json")
    seen = done.result["environments"][0]
    assert (done.code, seen["live"]) == (0, True)
    assert seen["published"]["fault"] == fault


def test_a_slow_chart_repository_is_not_waited_for(status_site: StatusSite, status: Runner) -> None:
    status_site.door.pods = [status_site.pod(3)]
    status_site.nexus.toxics.append(Toxic(times=9, delay=20))
    done = status("--deadline", "2", "--json")
    assert done.seconds < 15
    fault = done.result["environments"][0]["published"]["fault"]
    assert fault.startswith(("response timed out", "connection timed out", "not done within 2 s"))


def test_an_archive_with_another_digest_is_not_trusted(status_site: StatusSite, status: Runner) -> None:
    status_site.publish(3)
    hosted = status_site.nexus.repositories["charts"]
    hosted.files["site-1.0.3.tgz"] = chart("1.0.3", status_site.commits[0])
    status_site.door.pods = [status_site.pod(3)]
    published = status("--json").result["environments"][0]["published"]
    assert published["commit"] == ""
    assert published["fault"].endswith("for 1.0.3; do not trust it")


def test_a_chart_of_another_commit_is_reported(status_site: StatusSite, status: Runner) -> None:
    """After a republished version, the next rollout differs from what is live."""
    status_site.publish(3, commit=status_site.commits[0])
    status_site.door.pods = [status_site.pod(3)]
    assert f"chart 1.0.3 is of another commit, {status_site.commits[0][:7]}" in status().row


@pytest.mark.quick_cases(2)
@pytest.mark.parametrize("index", [b"", b"[]", b"entries: 3", b"entries: {site: [3]}", b"\xff", b"{{{"])
def test_an_invalid_index_is_reported(status_site: StatusSite, status: Runner, index: bytes) -> None:
    status_site.nexus.repositories["charts"].index = index
    status_site.door.pods = [status_site.pod(3)]
    done = status()
    assert (done.code, done.err) == (0, "")
    assert "the chart repository its index.yaml is not a Helm index" in done.out


def test_before_the_first_publication_there_is_no_chart(status_site: StatusSite, status: Runner) -> None:
    status_site.configure(production=f"http://127.0.0.1:{free_port()}")
    assert "no chart in its range is published" in status().out
    status_site.configure(chart="")
    assert "site.toml names no chart repository" in status().out
