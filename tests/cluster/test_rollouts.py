"""Ten releases in a row, while readers read and a member stays logged in."""

from __future__ import annotations

import pytest

from benchmarks.measure import format_met
from tests.cluster import changes, figures, front_door, members, processes
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import Layout
from tests.cluster.readers import Readers, assets_of, reading

pytestmark = pytest.mark.cluster

READERS, ROUNDS = 50, 2


def test_ten_rollouts_fail_no_request(there: Layout) -> None:
    """Two of each kind: no failed request, no missing asset of a page that a reader has, no lost session."""
    session = members.logged_in(there, "rollouts@example.org", "Rita")
    seconds: list[tuple[str, str]] = []
    with reading(READERS, session) as readers:
        for _ in range(ROUNDS):
            for kind, make in changes.KINDS.items():
                seconds.append((kind, f"{changes.roll_out(there, make(there)):.1f}"))
    figures.write("Ten rollouts with readers", report(readers, seconds))
    assert readers.requests["members' page"] > 100
    assert readers.faults == []


def test_a_style_sheet_that_no_pod_has_comes_from_the_bucket(there: Layout) -> None:
    """The bucket's certificate is of a private authority: `ca` of `[buckets]`."""
    kubectl = Kubectl(there)
    selector = ("-n", "site", "pods", "-l", "app.kubernetes.io/component=web")
    before = {one["metadata"]["name"] for one in kubectl.items(*selector)}
    (old,) = (path for path in assets_of(front_door.get("/").body) if path.endswith(".css"))
    changes.roll_out(there, changes.style(there))

    def replaced() -> bool:
        return not before & {one["metadata"]["name"] for one in kubectl.items(*selector)}

    processes.wait_until(replaced, 90, "web pods of the release before have not ended")
    assert old not in assets_of(front_door.get("/").body)
    assert front_door.get(old).status == 200


def report(readers: Readers, seconds: list[tuple[str, str]]) -> str:
    """Return the section."""
    counts = [(kind, f"{count:,}") for kind, count in sorted(readers.requests.items())]
    return "\n\n".join(
        [
            f"{READERS} readers opened pages and every hashed asset that these name, one member a members' "
            "page each second, each request on a new connection, with NetworkPolicies enforced. Seconds from "
            "the push until the release is deployed and tested, and all pods are new.",
            figures.table(("release", "s"), seconds),
            figures.table(("requests", "number"), counts),
            f"Bar: no failed request: {format_met(not readers.faults)} ({len(readers.faults)} of "
            f"{sum(readers.requests.values()):,}).",
        ]
    )
