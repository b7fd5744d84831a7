"""A chart from a registry: signed by the pipeline and verified by Flux; an unsigned one never goes live."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import changes, figures, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.kubectl import Kubectl, condition
from tests.cluster.layout import NEXUS, REGISTRY, Layout
from tests.cluster.readers import reading
from tests.cluster.test_promotion import chart_with_version

pytestmark = pytest.mark.cluster

REPOSITORY = f"oci://{REGISTRY}/site/charts"
HELD = 45  # seconds in which Flux must not take an unsigned chart, which it sees after at most 10


def move_to(there: Layout, repository: str) -> None:
    """Write where the charts are into site.toml, and the settings; commit."""
    toml = there.site / "site.toml"
    values = {"[chart]": {"repository": f'"{repository}"'}}
    toml.write_text(site.change_settings(toml.read_text("utf-8"), values))
    site.pipelines(there, "settings")
    site.commit(there, f"Publish charts to {repository.partition(':')[0]}")


@pytest.fixture
def signed(there: Layout) -> Iterator[None]:
    """A pair of keys, and the registry as the repository of charts; afterwards as before."""
    key = site.signing_key(there)
    site.pipelines(there, "secrets", "signing", "--out", str(key))
    move_to(there, REPOSITORY)
    yield
    key.unlink()
    move_to(there, f"https://{NEXUS}/repository/helm")
    deliver(there, "back in Nexus")


def deliver(there: Layout, what: str) -> tuple[str, float]:
    """Push and publish, and wait with `status --wait` as the pipeline does; return version and seconds."""
    begun = time.monotonic()
    site.push(there)
    version = site.publish(there)["version"].removesuffix("-rc")
    head = site.git(there, "rev-parse", "HEAD")
    site.pipelines(there, "status", "--wait", head, "--timeout", "400", timeout=500)
    client = Api(there)

    def released() -> bool:
        newest = client.get(GROUPS["helmrelease"])["status"]["history"][0]
        return bool(newest["chartVersion"].partition("+")[0] == version)

    processes.wait_until(released, 60, f"{what}: {version} is not released")
    client.close()
    return version, time.monotonic() - begun


def push_unsigned(there: Layout, version: str) -> None:
    """Push the newest chart as *version*, with the login of the pipeline and without a signature."""
    chart = max((there.site / "out" / "charts").glob("site-*.tgz"), key=lambda file: file.stat().st_mtime)
    file = there.base / "tmp" / f"site-{version}.tgz"
    file.write_bytes(chart_with_version(chart.read_bytes(), version))
    auth = there.run / "auth.json"
    options: list[str | Path] = ["--registry-config", auth, "--ca-file", there.authority]
    processes.run(there, ["helm", "push", file, REPOSITORY, *options])


def test_flux_takes_signed_charts_only(there: Layout, kubectl: Kubectl, signed: None) -> None:
    """Who can write to the registry without the key changes nothing; the next signed chart goes live."""
    with reading(5, pause=2.0) as readers:
        first, seconds = deliver(there, "the first signed chart")
        source = kubectl.get("-n", "site", "ocirepository", "site")
        assert condition(source, "SourceVerified") == "True"
        major, minor, patch = map(int, first.split("."))
        forged = f"{major}.{minor}.{patch + 1}"
        push_unsigned(there, forged)
        words = (
            "annotate",
            "--overwrite",
            "ocirepository",
            "site",
            f"reconcile.fluxcd.io/requestedAt={time.time()}",
        )
        kubectl("-n", "site", *words)
        begun = time.monotonic()
        refused = lambda: (
            condition(kubectl.get("-n", "site", "ocirepository", "site"), "SourceVerified") == "False"
        )
        processes.wait_until(refused, 60, "Flux does not refuse the unsigned chart")
        refused_after = time.monotonic() - begun
        time.sleep(HELD)
        source = kubectl.get("-n", "site", "ocirepository", "site")
        assert condition(source, "Ready") == "False"
        release = kubectl.get("-n", "site", "helmrelease", "site")
        assert release["status"]["history"][0]["chartVersion"].partition("+")[0] == first
        for _ in range(2):  # the first has the number of the forged one
            changes.text(there)
        second, again = deliver(there, "the chart after the forged one")
        assert tuple(map(int, second.split("."))) > (major, minor, patch + 1)
    rows = [
        ("the registry instead of Nexus, with the first signed chart", f"{seconds:.0f}"),
        (f"an unsigned {forged.replace(str(patch + 1), 'N+1')}: refused", f"{refused_after:.0f}"),
        ("the next signed chart is live", f"{again:.0f}"),
    ]
    text = (
        "Charts from `oci://`, signed by `publish` and verified by source-controller with the public key of "
        "flux/signers. An unsigned chart with the highest version was pushed with the pipeline's own login. "
        f"{len(readers.faults)} of {sum(readers.requests.values()):,} requests of readers failed."
    )
    figures.write("Signed charts", f"{text}\n\n{figures.table(('what', 's'), rows)}")
    assert readers.faults == []
