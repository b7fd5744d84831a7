"""The options of the tasks of Kubernetes: what is refused before a machine is touched."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from nodes import kubernetes_cli as cli
from nodes.inventory import Inventory
from nodes.runs import Session, TaskResult
from pipelines.core.errors import PipelineError, SourceError, UsageError
from tests.nodes import labs


@dataclass
class FakeRun:
    """The options of a task, as fabfile.py reads them; a result that is asked for is a failure."""

    directory: Path
    names: list[str]
    inventory: Inventory = field(default_factory=labs.inventory)

    @property
    def session(self) -> Session:
        return Session(self.inventory, self.directory / "known_hosts")

    def result(self, run: Callable[[], TaskResult]) -> None:
        raise AssertionError(run)


def refusal(work: Callable[..., Any], run: FakeRun, **options: str) -> str:
    with pytest.raises(PipelineError) as caught:
        work(run, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("work", "names", "options", "message"),
    [
        (cli._reset, "", {"confirm": "worker1"}, "--hosts: name one machine"),
        (cli._reset, "plane1 worker1", {"confirm": "plane1"}, "--hosts: name one machine"),
        (cli._reset, "worker1", {"confirm": "plane1"}, "--confirm: 'plane1' is not worker1"),
        (cli._reset, "worker1", {"confirm": ""}, "--confirm: missing; write --confirm worker1 to go on"),
        (cli._reset, "mail1", {"confirm": "mail1"}, "mail1: not a node of the cluster; add control-plane"),
        (cli._drain, "", {}, "--hosts: name the machines; this task is never for all of them"),
        (cli._uncordon, "", {}, "--hosts: name the machines"),
        (cli._init, "worker1", {}, "--hosts: the cluster begins with plane1, of the endpoint"),
        (cli._certificates, "", {"days": "ninety"}, "--days: 'ninety' is not a number; write 90"),
        (cli._certificates, "worker1", {"days": "90"}, "worker1: does not have the role control-plane"),
        (cli._backup, "", {"to": ""}, "--to: name the file for the snapshot, outside of Git"),
        (cli._restore, "worker1", {"file": "x", "confirm": ""}, "worker1: not a control plane"),
        (cli._restore, "plane1", {"file": "none.db", "confirm": ""}, "--file: none.db cannot be read"),
    ],
)  # fmt: skip
def test_wrong_usage_is_refused(
    tmp_path: Path, work: Callable[..., Any], names: str, options: dict[str, str], message: str
) -> None:
    """`pytest` has no terminal, as a script has none: nothing is asked there."""
    assert refusal(work, FakeRun(tmp_path, names.split()), **options).startswith(message)


def test_the_key_of_the_packages_is_asked_for_with_its_address(tmp_path: Path) -> None:
    """A key that a machine fetches by itself would be whatever the network gives it."""
    found = refusal(cli._join, FakeRun(tmp_path, []))
    assert found.startswith("nodes/kubernetes.asc: cannot be read")
    assert "download https://pkgs.k8s.io/core:/stable:/v1.35/deb/Release.key, compare its" in found


def test_an_authority_that_is_missing_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nodes/mirror\.pem: cannot be read"):
        cli._containerd(FakeRun(tmp_path, []))


def test_a_name_that_is_typed_confirms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun(tmp_path, ["worker1"])
    node = run.inventory.node("worker1")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    prompts: list[str] = []

    answers = [" worker1 ", "worker2"]

    def type_name(prompt: str) -> str:
        prompts.append(prompt)
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", type_name)
    cli._confirm(run, node, "", "loses its pods")
    assert prompts == ["worker1 loses its pods. Type its name: "]
    with pytest.raises(UsageError, match="'worker2' is not worker1"):
        cli._confirm(run, node, "", "loses its pods")


def test_each_task_has_its_options_and_no_other() -> None:
    def make(context: Context, hosts: str, dry_run: bool, json: bool, directory: str) -> FakeRun:
        raise AssertionError(context)

    common = {"hosts", "dry_run", "json", "directory"}
    containerd, kubernetes = cli.collections(make, {}, "nodes")
    found = {
        name: {one.name for one in task.get_arguments()} - common
        for collection in (containerd, kubernetes)
        for name, task in collection.tasks.items()
    }
    assert {name: own for name, own in found.items() if own} == {
        "certs": {"days"},
        "reset": {"confirm"},
        "backup": {"to"},
        "restore": {"file", "confirm"},
    }
    assert sorted(kubernetes.tasks) == [
        "backup", "certs", "drain", "init", "join", "reset", "restore", "uncordon", "upgrade",
    ]  # fmt: skip
    assert all(re.match(r"[A-Z].*\.$", task.__doc__ or "") for task in kubernetes.tasks.values())
