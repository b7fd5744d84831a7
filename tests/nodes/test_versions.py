"""Which nodes an upgrade takes, in which order, and what forbids it."""

from __future__ import annotations

import pytest

from nodes.versions import Running, minor_of, numbers, upgrade_faults, upgrade_order

NEW = "1.35.4"


def plane(name: str, version: str = "1.34.4", kubelet: str = "", *, is_ready: bool = True) -> Running:
    return Running(name, kubelet or version, version, is_ready=is_ready)


def worker(name: str, version: str = "1.34.4", *, is_interrupted: bool = False) -> Running:
    return Running(name, version, is_interrupted=is_interrupted)


CLUSTER = (worker("a"), plane("p2"), worker("b"), plane("p1"))
ALL = [one.name for one in CLUSTER]


def test_versions_are_compared_as_numbers() -> None:
    assert numbers("v1.9.10") < numbers("1.10.2")
    assert numbers("v1.35.4-rc.1+build") == (1, 35, 4)
    assert minor_of("1.35.4") == "1.35"


def test_control_planes_come_first_then_workers_by_name() -> None:
    """A kubelet must never be newer than its API server."""
    assert upgrade_order(NEW, CLUSTER) == ("p1", "p2", "a", "b")
    assert upgrade_faults(NEW, CLUSTER, ALL) == ()


def test_nodes_that_have_the_version_are_skipped() -> None:
    """An upgrade that broke off is finished by the next run."""
    found = (plane("p1", NEW), plane("p2", NEW, "1.34.4"), worker("a", NEW), worker("b"))
    assert upgrade_order(NEW, found) == ("p2", "b")
    assert upgrade_order(NEW, (plane("p1", NEW), worker("a", NEW))) == ()


def test_a_node_that_an_upgrade_left_drained_is_brought_back() -> None:
    assert upgrade_order(NEW, (plane("p1", NEW), worker("a", NEW, is_interrupted=True))) == ("a",)


@pytest.mark.parametrize(
    ("target", "nodes", "chosen", "faults"),
    [
        ("1.36.0", CLUSTER, ALL, ["p2", "p1"]),  # two minor versions
        ("1.33.9", CLUSTER, ALL, ["a", "p2", "p2", "b", "p1", "p1"]),  # back: kubelet and API server
        ("1.34.3", (plane("p1"),), ["p1"], ["p1", "p1"]),  # a patch back
        (NEW, (plane("p1"), worker("a", "1.31.9")), ["p1", "a"], ["a"]),  # kubelet: at most three behind
        (NEW, (plane("p1"), worker("a", "1.32.0")), ["p1", "a"], []),
        (NEW, (plane("p1"), plane("p2", is_ready=False)), ["p1", "p2"], ["p2"]),  # etcd would lose two
        (NEW, (plane("p1", is_ready=False),), ["p1"], []),  # the upgrade may repair it
        (NEW, (plane("p1"), worker("a")), ["a"], ["p1"]),  # workers before control planes
        (NEW, (plane("p1", NEW), worker("a")), ["a"], []),
    ],
)
def test_what_forbids_an_upgrade(
    target: str, nodes: tuple[Running, ...], chosen: list[str], faults: list[str]
) -> None:
    found = upgrade_faults(target, nodes, chosen)
    assert [one.partition(":")[0] for one in found] == faults


def test_a_fault_names_the_next_version() -> None:
    assert upgrade_faults("1.36.0", (plane("p1"),), ["p1"]) == (
        "p1: its API server is 1.34.4; upgrade to 1.35 first: one minor version at a time",
    )
