"""Changes by hand in the cluster: undone where Git decides, kept where a person or an autoscaler does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster import api, changes, figures, flux, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import reading
from tests.support.guide import blocks, chapter

pytestmark = pytest.mark.cluster

SHIPPED = 3  # pods of each kind
FEWEST, MOST, LOGIN_PODS = 4, 6, 2  # web pods of the autoscaler; login pods by hand
# Kind and name, a path of its specification, and a value that Git does not have.
EDITS: list[tuple[str, str, str, object]] = [
    ("networkpolicy/site-web", "/spec/egress", "egress", []),
    ("service/site-web", "/spec/externalTrafficPolicy", "externalTrafficPolicy", "Cluster"),
    ("deployment/site-api", "/spec/revisionHistoryLimit", "revisionHistoryLimit", 9),
    ("cronjob/site-clearsessions", "/spec/suspend", "suspend", True),
]
_RESULTS: dict[str, str] = {}


def write_result(what: str, seconds: float, faults: str) -> None:
    """Add a row to the section."""
    _RESULTS[what] = f"{seconds:.1f} | {faults}"
    rows = [(name, *row.split(" | ")) for name, row in _RESULTS.items()]
    table = figures.table(("changed by hand", "undone after s", "failed requests"), rows)
    text = (
        "Seconds from `flux reconcile`, for which Flux would wait ten minutes at most (`interval`), until "
        "the cluster is again as Git has it. Five readers read public pages meanwhile."
    )
    figures.write("Changes by hand", f"{text}\n\n{table}")


def undone(there: Layout, kubectl: Kubectl, what: str, state: Callable[[], object]) -> None:
    """Reconcile the release until *state* is true; write the seconds."""
    with reading(5, pause=1.0) as readers:
        begun = time.monotonic()
        flux.reconcile(kubectl, "site", "helmrelease", "site")
        processes.wait_until(state, 120, f"{what}: not undone")
        seconds = time.monotonic() - begun
    write_result(what, seconds, f"{len(readers.faults)} of {sum(readers.requests.values()):,}")


@pytest.mark.parametrize(("name", "path", "key", "value"), EDITS, ids=[edit[0] for edit in EDITS])
def test_an_edit_of_an_object_is_undone(
    there: Layout, kubectl: Kubectl, name: str, path: str, key: str, value: object
) -> None:
    """What the chart renders is what runs."""

    def read() -> Any:
        return kubectl.get("-n", "site", name)["spec"].get(key)

    before = read()
    assert before != value
    kubectl.patch("site", name, [{"op": "add", "path": path, "value": value}])
    assert read() == value or (value == [] and not read())
    undone(there, kubectl, f"{path.rpartition('/')[2]} of {name}", lambda: read() == before)


@pytest.mark.parametrize(
    "name",
    ["poddisruptionbudget/site-web", "networkpolicy/site-api", "deployment/site-api", "deployment/site-web"],
)
def test_a_deleted_object_comes_back(there: Layout, kubectl: Kubectl, name: str) -> None:
    """A Deployment with as many ready pods as before. Readers miss the site while no web pod runs."""
    old = kubectl.get("-n", "site", name)["metadata"]["uid"]
    kubectl("-n", "site", "delete", name, "--wait=false")

    def back() -> bool:
        found = kubectl.get("-n", "site", name)
        ready = not name.startswith("deployment/") or api.is_rolled_out(found)
        return bool(found["metadata"]["uid"] != old and ready)

    undone(there, kubectl, f"{name}, deleted", back)


def test_an_edit_of_the_release_itself_is_undone(there: Layout, kubectl: Kubectl) -> None:
    """The HelmRelease belongs to a Kustomization: what follows Git, for how long, and under whose account."""
    before = kubectl.get("-n", "site", "helmrelease", "site")["spec"]
    kubectl.patch(
        "site",
        "helmrelease/site",
        [
            {"op": "replace", "path": "/spec/interval", "value": "1h"},
            {"op": "replace", "path": "/spec/serviceAccountName", "value": "default"},
            {"op": "add", "path": "/spec/maxHistory", "value": 1},
        ],
    )
    begun = time.monotonic()
    flux.reconcile(kubectl, "flux-system", "kustomization", "apps")
    processes.wait_until(
        lambda: kubectl.get("-n", "site", "helmrelease", "site")["spec"] == before, 60, "not undone"
    )
    write_result("interval, account and history of the HelmRelease", time.monotonic() - begun, "")


def replicas(there: Layout) -> tuple[int, int]:
    """Return the numbers of web and login pods that the Deployments ask for."""
    client = Api(there)
    web, login = (int(client.get(GROUPS[name])["spec"]["replicas"]) for name in ("web", "api"))
    client.close()
    return web, login


def set_pods(there: Layout, **values: str) -> str:
    """Set keys of the environment in site.toml, as an operator does; return the commit."""
    toml = there.site / "site.toml"
    text = site.change_settings(toml.read_text("utf-8"), {"[[environment]]": values})
    toml.write_text(text, "utf-8")
    site.pipelines(there, "settings")
    return site.commit(there, "Set the number of pods")


def hand_over(there: Layout, name: str) -> None:
    """Run the guide's command that lets another manager own the number of pods."""
    block = blocks(chapter("Scale, and drain a node"), "sh")[0]
    assert '"site-web"' in block
    processes.run(there, ["bash", "-euc", block.replace("site-web", name)])


def test_the_number_of_pods_is_of_its_owner(there: Layout, kubectl: Kubectl) -> None:
    """A number of Git is set by each release; one of a person or an autoscaler by none.

    The autoscaler has no metrics here: it raises the number to its least one.
    """
    with reading(5, pause=1.0) as readers:
        kubectl("-n", "site", "scale", "deployment/site-web", "--replicas=4")
        flux.reconcile(kubectl, "site", "helmrelease", "site")
        assert replicas(there) == (4, SHIPPED), "the correction of drift changes no number"
        changes.roll_out(there, changes.text(there))
        assert replicas(there) == (SHIPPED, SHIPPED), "a release sets the number of Git"

        values = {"autoscale_max": str(MOST), "autoscale_min": str(FEWEST), "login_replicas": '"unmanaged"'}
        set_pods(there, **values)
        site.push(there)
        version = site.publish(there)["version"].removesuffix("-rc")

        def message() -> str:
            status = kubectl.get("-n", "site", "helmrelease", "site")["status"]
            return " ".join(str(row.get("message")) for row in status["conditions"])

        processes.wait_until(
            lambda: "Helm alone owns spec.replicas" in message(), 120, "the chart does not refuse"
        )
        assert replicas(there) == (SHIPPED, SHIPPED)
        for name in ("site-web", "site-api"):
            hand_over(there, name)
        client = Api(there)
        flux.reconcile(kubectl, "site", "helmrelease", "site", reset=True)
        processes.wait_until(
            lambda: api.deployed_version(client.get(GROUPS["helmrelease"])) == version, 300, "no release"
        )
        client.close()
        processes.wait_until(
            lambda: replicas(there) == (FEWEST, SHIPPED), 120, "the autoscaler sets no number"
        )
        kubectl("-n", "site", "scale", "deployment/site-api", f"--replicas={LOGIN_PODS}")
        flux.reconcile(kubectl, "site", "helmrelease", "site")
        changes.roll_out(there, changes.text(there))
        assert replicas(there) == (FEWEST, LOGIN_PODS), "a release changes no number of others"

        # Back to numbers of Git: first those that run, then others.
        for web, login in ((FEWEST, LOGIN_PODS), (SHIPPED, SHIPPED)):
            values = {"replicas": str(web), "login_replicas": str(login), "autoscale_max": "0"}
            commit = set_pods(there, **values, autoscale_min=str(SHIPPED))
            changes.roll_out(there, changes.Change("pods", commit, f'"replicas": {login}'))
            assert replicas(there) == (web, login)
        assert kubectl.items("-n", "site", "horizontalpodautoscalers") == []
    figures.write(
        "The number of pods",
        "A release sets a number of site.toml, the correction of drift none. With `autoscale_max` and "
        f"`unmanaged` no release changed the number of the autoscaler ({FEWEST}) or of `kubectl scale` "
        f"({LOGIN_PODS}), there and back by the guide; {len(readers.faults)} of "
        f"{sum(readers.requests.values()):,} requests failed meanwhile.",
    )
    assert readers.faults == []
