"""Candidates, promotion, versions of merge requests and both kinds of rollback, with Flux's own ranges."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterator

import pytest

from pipelines.flux.settings import version_range
from tests.cluster import api, changes, figures, front_door, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import NEXUS, Layout
from tests.cluster.readers import reading
from tests.support.registry import LOGIN

pytestmark = pytest.mark.cluster

SOURCES = "/apis/source.toolkit.fluxcd.io/v1/namespaces/site/helmcharts"
PREVIEW = f"0.0.0-mr.7.{int(time.time())}"  # the repository never takes a version again


def set_promotion(there: Layout, kind: str) -> None:
    """Change and commit `promotion` of site.toml."""
    toml = there.site / "site.toml"
    old = toml.read_text("utf-8")
    new = site.change_settings(old, {"[chart]": {"promotion": f'"{kind}"'}})
    if new != old:
        toml.write_text(new, "utf-8")
        site.commit(there, f"Promote: {kind}")


@pytest.fixture
def staging(there: Layout, kubectl: Kubectl) -> Iterator[None]:
    """What a cluster with the range of staging takes: its HelmChart, beside that of production."""
    found = kubectl.get("-n", "site", "helmchart", "site-site")
    spec = found["spec"] | {"version": version_range("1.0", "staging"), "interval": "5s"}
    chart = {"apiVersion": found["apiVersion"], "kind": "HelmChart", "spec": spec}
    kubectl.apply(chart | {"metadata": {"name": "staging", "namespace": "site"}})
    set_promotion(there, "manual")
    yield
    set_promotion(there, "automatic")
    kubectl("-n", "site", "delete", "helmchart", "staging")


def chart_with_version(chart: bytes, version: str) -> bytes:
    """Return the archive of a chart under another version."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(chart)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            data = (old.extractfile(member) or io.BytesIO()).read()
            if member.name == "site/Chart.yaml":
                lines = [line for line in data.decode().splitlines() if not line.startswith("version:")]
                data = "\n".join([*lines, f"version: {version}", ""]).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_candidates_go_to_staging_and_promotions_and_rollbacks_to_production(
    there: Layout, kubectl: Kubectl, staging: None
) -> None:
    """Each range takes what is meant for it, and Git explains what is live after a rollback."""
    client = Api(there)
    rows: list[tuple[str, str]] = []

    def production() -> str:
        return api.deployed_version(client.get(GROUPS["helmrelease"]))

    def takes(name: str) -> str:
        return api.chart_version(client.get(f"{SOURCES}/{name}"))

    def wait_for(version: str, what: str, begun: float) -> None:
        processes.wait_until(lambda: production() == version, 300, f"{what}: {version} is not live")
        seen = lambda: front_door.all_see("version", version)
        processes.wait_until(seen, 60, f"{what}: readers still see another version than {version}")
        rows.append((what, f"{time.monotonic() - begun:.0f}"))

    old = production()
    before = front_door.get("/about/").body
    with reading(5, pause=2.0) as readers:
        changes.text(there)
        site.push(there)
        begun = time.monotonic()
        candidate = site.publish(there)["version"]
        assert candidate.endswith("-rc")
        processes.wait_until(lambda: takes("staging") == candidate, 120, "staging takes no candidate")
        rows.append(("a candidate, until staging's source has it", f"{time.monotonic() - begun:.0f}"))
        assert (takes("site-site"), production()) == (old, old)

        begun = time.monotonic()
        version = candidate.removesuffix("-rc")
        site.pipelines(there, "promote", "--json", extra=site.webhook(there))
        wait_for(version, "promote", begun)
        changed = front_door.get("/about/").body
        assert changed != before
        processes.wait_until(lambda: takes("staging") == version, 60, "staging takes no stable version")

        publish_preview(there)
        time.sleep(15)
        assert (takes("staging"), takes("site-site")) == (version, version)

        begun = time.monotonic()
        site.pipelines(there, "rollback", old, extra=site.webhook(there))
        rolled_back = site.publish(there)["version"].removesuffix("-rc")
        site.pipelines(there, "promote", extra=site.webhook(there))
        wait_for(rolled_back, "rollback by a commit and its pipeline", begun)
        assert front_door.get("/about/").body == before
        assert front_door.version()["commit"] == site.git(there, "rev-parse", "HEAD")

        set_promotion(there, "automatic")  # --now makes it stable at once
        site.push(there)  # and is only for a main that is pushed
        begun = time.monotonic()
        site.pipelines(there, "rollback", version, "--now", extra=site.webhook(there))
        wait_for(production_after(there), "rollback --now, promoted automatically", begun)
        assert front_door.get("/about/").body == changed
        assert front_door.version()["commit"] == site.git(there, "rev-parse", "HEAD")
    client.close()
    text = (
        "Staging is its source (a HelmChart of Flux with the range of staging) beside that of production: a "
        f"candidate, its promotion, a chart of a merge request in the same repository, which "
        "neither takes, and two rollbacks, each until the release is deployed and tested, and ten readers in "
        "a row see it. "
        f"Meanwhile {len(readers.faults)} of {sum(readers.requests.values()):,} requests of readers failed."
    )
    figures.write("Promotion and rollback", f"{text}\n\n{figures.table(('what', 's'), rows)}")
    assert readers.faults == []


def production_after(there: Layout) -> str:
    """Return the version of the newest commit."""
    return str(json.loads(site.pipelines(there, "version", "--json"))["version"]).removesuffix("-rc")


def publish_preview(there: Layout) -> None:
    """Put a chart of a merge request into the repository of the releases, where none belongs."""
    chart = max((there.site / "out" / "charts").glob("site-*.tgz"), key=lambda file: file.stat().st_mtime)
    file = there.base / "tmp" / f"site-{PREVIEW}.tgz"
    file.write_bytes(chart_with_version(chart.read_bytes(), PREVIEW))
    url = f"https://{NEXUS}/repository/helm/{file.name}"
    config = f'user = "{":".join(LOGIN)}"\n'
    processes.run(there, ["curl", "-sS", "--fail", "-K", "-", "-T", file, url], text=config)
