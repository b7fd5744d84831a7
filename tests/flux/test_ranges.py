"""Tests of the version ranges, with the real helm and an index served on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from pipelines.flux.settings import version_range
from tests.support import fast_yaml
from tests.support.tools import need

CANDIDATE, STABLE, NEXT = "1.4.412-rc", "1.4.412", "1.4.413-rc"
PREVIEWS = ("0.0.0-mr.9.31", "0.0.0-mr.10.7")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charts named for all that the pipeline publishes, each a real archive."""
    folder = tmp_path_factory.mktemp("charts")
    for version in (CANDIDATE, STABLE, NEXT, *PREVIEWS, "1.3.999", "2.0.1-rc", "2.0.1", "0.2.7-rc", "0.2.7"):
        source = folder / "source" / version
        source.mkdir(parents=True)
        (source / "Chart.yaml").write_text(f"apiVersion: v2\nname: site\nversion: {version}\n")
        helm("package", source, "--destination", folder / "all")
    return folder / "all"


def helm(*words: str | Path) -> str:
    argv = [need("helm"), *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def taken(charts: Path, tmp_path: Path) -> Iterator[object]:
    """A function: which version the real helm takes of a range, when the index holds these."""
    served = tmp_path / "served"
    served.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"

    def take(wanted: str, *versions: str) -> str:
        for version in versions:
            name = f"site-{version}.tgz"
            (served / name).write_bytes((charts / name).read_bytes())
        helm("repo", "index", served)
        shown = helm("show", "chart", "site", "--repo", url, "--version", wanted,
                     "--repository-cache", tmp_path / "cache")  # fmt: skip
        return str(fast_yaml.load(shown)["version"])

    yield take
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("environment", "versions", "expected"),
    [
        ("staging", (CANDIDATE,), CANDIDATE),
        ("staging", (CANDIDATE, STABLE), STABLE),
        ("staging", (CANDIDATE, STABLE, NEXT), NEXT),
        ("staging", (CANDIDATE, STABLE, NEXT, *PREVIEWS), NEXT),
        ("production", ("1.3.999", CANDIDATE), "1.3.999"),
        ("production", ("1.3.999", CANDIDATE, STABLE), STABLE),
        ("production", (CANDIDATE, STABLE, NEXT, *PREVIEWS), STABLE),
        ("production", (STABLE, "2.0.1-rc", "2.0.1"), STABLE),
    ],
)
def test_an_environment_takes_the_newest_version_of_its_range(
    environment: str, versions: tuple[str, ...], expected: str, taken: object
) -> None:
    """Production takes no candidate, no environment takes a merge request, and a new X needs a decision."""
    assert callable(taken)
    assert taken(version_range("1.4", environment), *versions) == expected


@pytest.mark.parametrize(("environment", "expected"), [("staging", "0.2.7-rc"), ("production", "0.2.7")])
def test_a_site_before_its_first_version_takes_no_merge_request(
    environment: str, expected: str, taken: object
) -> None:
    """Below 1.0 the numbers of merge requests are near."""
    assert callable(taken)
    versions = (*PREVIEWS, "0.2.7-rc", *(["0.2.7"] if environment == "production" else []))
    assert taken(version_range("0.2", environment), *versions) == expected


def test_the_ranges_are_those_of_the_decision() -> None:
    assert version_range("1.4", "production") == ">=1.0.0 <2.0.0"
    assert version_range("1.4", "staging") == ">=1.0.0-0"
    assert version_range("0.2", "production") == ">=0.0.0 <1.0.0"
    assert version_range("0.2", "staging") == ">=0.0.1-0"
