"""Flux's controllers are replaced, and killed, under the running site: nothing is reinstalled or stuck."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster import api, changes, figures, flux, members, processes, programs, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

SOURCES = ("gitrepository", "helmrepository", "helmchart")  # directories of source-controller's storage
CONTROLLERS = [f"{name}-controller" for name in programs.FLUX]


def revisions(client: Api) -> list[tuple[int, str]]:
    """Return the revisions of the release that helm-controller knows, with their versions."""
    history = client.get(GROUPS["helmrelease"])["status"]["history"]
    return [(one["version"], one["chartVersion"]) for one in history]


def pods(kubectl: Kubectl) -> set[str]:
    """Return the pods of the site, but those of Jobs, and those that a release before has replaced."""
    words = ("--selector", "app.kubernetes.io/component in (web, api)")
    found = [one["metadata"] for one in kubectl.items("-n", "site", "pods", *words)]
    return {one["uid"] for one in found if "deletionTimestamp" not in one}


def test_controllers_are_replaced_under_the_running_site(there: Layout, kubectl: Kubectl) -> None:
    """As `flux bootstrap` replaces them: new CRDs, then new processes, without the storage of the old ones.

    Here the new programs are the same version: what is tried is that nothing depends on a running controller.
    """
    client = Api(there)
    session = members.logged_in(there, f"upgrade-{time.time():.0f}@example.org", "Uma")
    before = revisions(client)
    with reading(10, session, pause=1.0) as readers:
        running = pods(kubectl)
        begun = time.monotonic()
        for name in CONTROLLERS:
            processes.stop(there, name)
        change = changes.text(there)
        site.git(there, "push", "-q", "origin", "main")  # no webhook: nobody listens
        flux.remove_artifacts(there)
        flux.install_crds(there)
        flux.start_controllers(there)
        fetched = lambda: all(list((there.run / "flux" / one).rglob("*.*")) for one in SOURCES)
        processes.wait_until(fetched, 180, "the sources are not fetched anew")
        site.wait_until_live(there)
        down = time.monotonic() - begun
        assert revisions(client) == before
        assert pods(kubectl) == running
        seconds = changes.roll_out(there, change)
    client.close()
    report("all four are replaced, with an empty storage", down, seconds, len(readers.faults))
    assert readers.faults == []


@pytest.mark.parametrize("name", ["helm-controller", "source-controller", "kustomize-controller"])
def test_a_controller_is_killed_in_a_release(there: Layout, name: str) -> None:
    """Helm leaves a release as pending then, "another operation is in progress"; it goes on by itself."""
    client = Api(there)
    before = api.deployed_version(client.get(GROUPS["helmrelease"]))
    with reading(10, pause=1.0) as readers, ThreadPoolExecutor() as pool:
        change = changes.chart(there)
        begun = time.monotonic()
        rollout = pool.submit(changes.roll_out, there, change)
        rolling = lambda: not api.is_rolled_out(client.get(GROUPS["web"]))
        processes.wait_until(rolling, 300, "no rollout begins")
        processes.stop(there, name, signal.SIGKILL)
        killed = time.monotonic() - begun
        time.sleep(5)
        processes.restart(there, name)
        seconds = rollout.result()
    assert api.deployed_version(client.get(GROUPS["helmrelease"])) != before
    client.close()
    report(f"{name} is killed in a release, and back after 5 s", killed, seconds, len(readers.faults))
    assert readers.faults == []


_RESULTS: list[tuple[str, ...]] = []


def report(what: str, first: float, seconds: float, faults: int) -> None:
    """Write the section."""
    _RESULTS.append((what, f"{first:.0f}", f"{seconds:.0f}", str(faults)))
    head = ("what", "ready, or killed, after s", "a commit is live after s", "failed requests")
    text = (
        "Flux's controllers are processes here, and the new programs have the version of the old ones. Ten "
        "readers, and a member in the first row, read meanwhile. After the replacement Flux fetches all "
        "sources anew; no release is made, and no pod is replaced, before the next commit."
    )
    figures.write("Flux is replaced, and killed", f"{text}\n\n{figures.table(head, _RESULTS)}")
