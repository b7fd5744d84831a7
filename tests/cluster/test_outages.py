"""One part after the other is away: public pages are served, the login may have a gap, and all recovers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.cluster import changes, database, figures, members, node, processes, services, site
from tests.cluster.api import GROUPS, Api, is_rolled_out
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import NODES, Layout, node_name
from tests.cluster.login_probe import PAGE, longest_gap, probing
from tests.cluster.readers import reading

pytestmark = pytest.mark.cluster

READERS = 10
HOLD = 30  # seconds that a server is away, more than a release takes
HOLD_NODE = 75  # Kubernetes takes a killed node out of the Services after about 50 s
OPERATOR = ("-n", "postgres-operator", "scale", "deployment/postgres-operator")
_RESULTS: list[tuple[str, ...]] = []


@dataclass(frozen=True)
class Outage:
    """What goes away, and what a commit of that time does."""

    name: str
    away: Callable[[Layout, Kubectl], Iterator[None]]
    blocks: bool = False  # nothing can be published meanwhile
    releases: bool = False  # a release goes live meanwhile
    login: float = 0.0  # seconds without the login, at most
    hold: float = HOLD


def _number(kubectl: Kubectl, leads: bool) -> int:
    """Return the number of the leader's node, or of another one."""
    pod = kubectl.get("-n", "database", "pod", database.leader(kubectl))
    own = next(number for number in NODES if node_name(number) == pod["spec"]["nodeName"])
    return own if leads else next(number for number in NODES if number != own)


def _drained(there: Layout, kubectl: Kubectl, leads: bool) -> Iterator[None]:
    name = node_name(_number(kubectl, leads))
    try:
        kubectl("drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s", timeout=320)
        yield
    finally:
        kubectl("uncordon", name)


def _killed(there: Layout, kubectl: Kubectl, leads: bool) -> Iterator[None]:
    number = _number(kubectl, leads)
    try:
        node.kill(there, number)
        yield
    finally:
        node.restart(there, number)


def _killed_leader(there: Layout, kubectl: Kubectl) -> Iterator[None]:
    kubectl("-n", "database", "delete", "pod", database.leader(kubectl), "--grace-period=0", "--force")
    yield


def _stopped(there: Layout, name: str) -> Iterator[None]:
    processes.stop(there, name)
    try:
        yield
    finally:
        processes.restart(there, name)
        services.wait(there)


def _paused(there: Layout, name: str) -> Iterator[None]:
    processes.pause(there, name)
    try:
        yield
    finally:
        processes.resume(there, name)


def _no_operator(there: Layout, kubectl: Kubectl) -> Iterator[None]:
    kubectl(*OPERATOR, "--replicas=0")
    try:
        yield
    finally:
        kubectl(*OPERATOR, "--replicas=1")


# Those in memory forget all at their end, so they hang instead of ending.
OUTAGES = (
    Outage("a drained node", lambda t, k: _drained(t, k, leads=False), releases=True),
    Outage("the drained node of the database's leader", lambda t, k: _drained(t, k, leads=True), login=60),
    Outage("the killed leader of the database", _killed_leader, login=60),
    Outage("a killed node", lambda t, k: _killed(t, k, leads=False), login=90, hold=HOLD_NODE),
    Outage(
        "the killed node of the database's leader",
        lambda t, k: _killed(t, k, leads=True),
        login=120,
        hold=HOLD_NODE,
    ),
    Outage("the registry (ended)", lambda t, k: _stopped(t, "registry"), blocks=True),
    Outage("Git (ended)", lambda t, k: _stopped(t, "git"), blocks=True),
    Outage("the chart repository (hangs)", lambda t, k: _paused(t, "nexus"), blocks=True),
    Outage("the object storage (hangs)", lambda t, k: _paused(t, "storage"), blocks=True),
    Outage("the database's operator", _no_operator, releases=True),
)


def settled(there: Layout, kubectl: Kubectl) -> None:
    """Wait until everything runs as before: three of each kind, on three nodes."""
    client = Api(there)
    node.wait_until_ready(there)
    database.wait_until_complete(kubectl)
    for kind in ("web", "api"):
        words = ("-n", "site", "pods", "--selector", f"app.kubernetes.io/component={kind}")
        found = kubectl.items(*words, "--field-selector", "status.phase=Running")
        if len({one["spec"]["nodeName"] for one in found}) < len(NODES):
            kubectl("-n", "site", "rollout", "restart", f"deployment/site-{kind}")
        processes.wait_until(lambda k=kind: is_rolled_out(client.get(GROUPS[k])), 300, f"{kind} is not ready")  # type: ignore[misc]
    client.close()


def push_and_publish(there: Layout) -> None:
    """Publish, with a shorter deadline than that of a pipeline."""
    site.push(there)
    site.publish(there, "--deadline", str(HOLD), "--index-wait", str(HOLD))


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda one: one.name)
def test_public_pages_are_served_and_a_commit_goes_live_afterwards(
    there: Layout, kubectl: Kubectl, outage: Outage
) -> None:
    """No reader of a public page notices; a commit of that time is live at once, or after the return."""
    settled(there, kubectl)
    session = members.logged_in(there, f"outage-{len(_RESULTS)}-{int(time.time())}@example.org", "Olaf")
    seconds: float | None = None
    with reading(READERS, pause=1.0) as readers, probing(session) as probe:
        with contextmanager(outage.away)(there, kubectl):
            begun = time.monotonic()
            change = changes.text(there)
            if outage.blocks:
                with pytest.raises(RuntimeError):
                    push_and_publish(there)
                time.sleep(max(0.0, HOLD - (time.monotonic() - begun)))
            elif outage.releases:
                seconds = changes.roll_out(there, change)
            else:
                time.sleep(outage.hold)
        back = time.monotonic()
        if seconds is None:
            changes.roll_out(there, change)
            seconds = time.monotonic() - back
        settled(there, kubectl)
    row = (
        outage.name,
        f"{len(readers.faults)} of {sum(readers.requests.values()):,}",
        f"{longest_gap(probe.requests):.1f}",
        f"{probe.failed} of {len(probe.requests):,}",
        f"{seconds:.0f}",
    )
    report(row)
    assert readers.faults == []
    assert longest_gap(probe.requests) <= outage.login
    assert session.page(PAGE) == 200


def report(row: tuple[str, ...]) -> None:
    """Write the section."""
    _RESULTS.append(row)
    head = ("away", "failed requests", "login gap in s", "failed logged-in requests", "commit live after s")
    text = (
        f"{READERS} readers opened public pages and their assets, a member a members' page, each request on "
        "a new connection, from before the outage until everything ran as before. The gap is the longest "
        "time without a members' page. A commit of that time: seconds until it is live, since its push where "
        "it can be published meanwhile, else since the return."
    )
    figures.write("Outages", f"{text}\n\n{figures.table(head, _RESULTS)}")
