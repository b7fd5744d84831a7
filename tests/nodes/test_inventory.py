"""nodes.toml: values, defaults, and faults with their lines."""

from __future__ import annotations

import re
import tomllib

import pytest

from nodes import inventory, inventory_docs
from nodes.inventory import Inventory, load_inventory, parse_inventory
from nodes.tables import Mesh
from pipelines.core.errors import SourceError, UsageError
from tests.nodes import labs
from tests.support.project import ROOT


def faults(text: str) -> list[str]:
    with pytest.raises(SourceError) as caught:
        parse_inventory(text)
    return [str(fault) for fault in caught.value.faults]


def test_keys_that_are_left_out_take_their_defaults() -> None:
    found = labs.inventory()
    assert found.mesh == Mesh("10.90.0.0/24", interface="wg0", port=51820, mtu=1420)
    assert (found.ssh.user, found.ssh.port, found.cluster.pod_network) == ("deploy", 22, "10.244.0.0/16")


def test_nodes_come_by_role_or_name_in_the_order_of_names() -> None:
    """Changes are made one node after the other, in an order that does not depend on the command line."""
    found = labs.inventory()
    assert [one.name for one in found.chosen(["worker1", "edge1", "worker1"])] == ["edge1", "worker1"]
    assert [one.name for one in found.with_role("dns")] == ["edge1", "mail1"]
    assert [one.name for one in found.nodes if one.in_kubernetes] == ["plane1", "worker1"]


@pytest.mark.parametrize(
    ("names", "role", "message"),
    [
        (["worker2"], "", "worker2: not in nodes/nodes.toml; did you mean worker1?"),
        (["mail1"], "edge", "mail1: does not have the role edge; add it in nodes/nodes.toml:48"),
    ],
)
def test_a_node_that_cannot_be_chosen_is_refused(names: list[str], role: str, message: str) -> None:
    """A task that skips a named node would report success for it."""
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        labs.inventory().chosen(names, role)


CASES = tomllib.loads((ROOT / "tests" / "nodes" / "data" / "faults.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_fault_is_refused_with_its_line_and_its_fix(case: dict[str, str]) -> None:
    after = labs.TEXT.index(f'name = "{case["after"]}"') if "after" in case else 0
    before, text = labs.TEXT[:after], labs.TEXT[after:]
    assert case["old"] in text
    assert faults(before + text.replace(case["old"], case["new"], 1)) == [case["fault"]]


def test_all_faults_are_reported_at_once() -> None:
    """An operator who adds a machine fixes the file once, not once a fault."""
    text = labs.TEXT.replace("10.90.0.13", "10.91.0.13").replace('jump = "edge1"', 'jmp = "edge1"')
    text = text.replace("203.0.113.14", "203.0.113.12")
    assert [line.split(":")[1] for line in faults(text)] == ["35", "38", "42", "51"]


def test_the_committed_inventory_is_valid() -> None:
    assert isinstance(load_inventory(ROOT / inventory.FILE), Inventory)


def test_the_reference_is_up_to_date() -> None:
    """`make settings-docs` writes it from the declarations."""
    assert (ROOT / inventory_docs.REFERENCE).read_text("utf-8") == inventory_docs.reference()
    assert (ROOT / inventory_docs.SCHEMA).read_text("utf-8") == inventory_docs.schema_text()
