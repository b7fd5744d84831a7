"""Ten releases in a row, while readers read and a member stays logged in."""

from __future__ import annotations

import pytest

from benchmarks.measure import format_met
from tests.cluster import changes, figures, members
from tests.cluster.layout import Layout
from tests.cluster.readers import Readers, reading

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
