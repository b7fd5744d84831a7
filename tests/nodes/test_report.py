"""What a task prints."""

from __future__ import annotations

import json

from nodes.host import Change
from nodes.report import status_json, status_text, to_json, to_text
from nodes.runs import HostResult, TaskResult
from nodes.tasks.status import NodeStatus

DIFF = "--- /etc/hosts\n+++ /etc/hosts\n@@ -1 +1 @@\n-a\n+b\n"


def result(*rows: HostResult, dry_run: bool = False) -> TaskResult:
    return TaskResult("base", dry_run, rows)


def test_a_dry_run_shows_the_diffs_and_a_row_for_each_machine() -> None:
    changes = (Change("write /etc/hosts", DIFF), Change("restart sshd"))
    done = result(
        HostResult("edge1", "would change", changes, "", 0.5),
        HostResult("mail1", "unchanged", (), "", 0.5),
        dry_run=True,
    )
    assert to_text(done).splitlines() == [
        "edge1: write /etc/hosts",
        *(f"    {line}" for line in DIFF.splitlines()),
        "edge1: restart sshd",
        "",
        "edge1  would change  2 changes",
        "mail1  unchanged     0 changes",
        "base (dry run): 1 would change, 1 unchanged",
    ]


def test_a_failure_names_what_is_done() -> None:
    """An operator must know which machines have the new configuration."""
    done = result(
        HostResult("edge1", "changed", (Change("restart sshd"),), "", 0.5),
        HostResult("mail1", "failed", (), "mail1: away ([Errno 111] refused); start it", 0.5),
        HostResult("plane1", "not started", (), "", 0.0),
    )
    assert to_text(done).splitlines()[-4:] == [
        "edge1   changed       1 change",
        "mail1   failed       0 changes  mail1: away ([Errno 111] refused); start it",
        "plane1  not started  0 changes",
        "base: 1 changed, 1 failed, 1 not started; done: edge1; fix mail1 and run it again",
    ]


def test_json_has_the_same() -> None:
    done = json.loads(to_json(result(HostResult("edge1", "changed", (Change("restart sshd"),), "", 0.5))))
    assert done == {
        "task": "base",
        "dry_run": False,
        "hosts": [
            {
                "host": "edge1",
                "state": "changed",
                "changes": [{"what": "restart sshd", "diff": ""}],
                "fault": "",
                "notes": [],
                "seconds": 0.5,
            }
        ],
    }


ROWS = (
    NodeStatus(
        "edge1",
        True,
        (("disk", 41), ("mesh", "3/3"), ("kubelet", None), ("certificate_days", 80), ("drift", 0)),
        (),
    ),
    NodeStatus("mail1", False, (), ("mail1: away (refused); start it",)),
    NodeStatus(
        "worker1", True, (("disk", 9), ("mesh", "3/3"), ("kubelet", "1.35.4"), ("drift", 1)), ("a", "b")
    ),
)


def test_status_is_a_row_for_each_machine_with_the_columns_that_one_has() -> None:
    """Without a mail server, the table has no column for the queue."""
    assert status_text(ROWS).splitlines() == [
        "machine         disk  mesh  kubelet  certificate  drift",
        "edge1    ok     41 %   3/3                  80 d      0",
        "mail1    away                                            mail1: away (refused); start it",
        "worker1  check   9 %   3/3   1.35.4                   1  a; b",
    ]


def test_status_has_every_key_as_json() -> None:
    edge, mail, worker = json.loads(status_json(ROWS))
    assert edge.keys() == mail.keys() == worker.keys()
    assert (edge["disk"], edge["kubelet"], edge["certificate_days"], edge["faults"]) == (41, None, 80, [])
    assert (mail["is_reachable"], mail["disk"]) == (False, None)
