"""The restore of the operator's guide, word by word: after an accident, and of a namespace that is lost."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cluster import database, figures, members, node, processes, site
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import HERE, Layout
from tests.cluster.readers import reading
from tests.support.guide import blocks, chapter

pytestmark = pytest.mark.cluster

LIMIT = 2400  # seconds of all steps
NAMES = ("empty database", "choose", "stop", "manifest", "copy", "in place", "start", "resume")
_RESULTS: list[tuple[str, ...]] = []


def steps(target: str, uid: str, lost: bool) -> dict[str, str]:
    """Return the commands of the guide, by step, for a time and, where the namespace is lost, a UID."""
    found = dict(zip(NAMES, blocks(chapter("Restore the database"), "sh"), strict=True))
    found["choose"], count = re.subn(r'(RESTORE_TO=)".*"', rf'\1"{target}"', found["choose"])
    assert count == 1
    if lost:
        found["choose"] = re.sub(r'(RESTORE_UID=)".*"', rf'\1"{uid}"', found["choose"])
        del found["copy"]  # the guide: where the old database still runs
    else:
        del found["empty database"]
    return found


def follow(there: Layout, folder: Path, found: dict[str, str]) -> dict[str, float]:
    """Run the commands in one shell; return when each step ended, in seconds."""
    shutil.copy(HERE / "flux_command.sh", folder / "flux")
    script = "set -euo pipefail\n" + "\n".join(
        f"{text}\ndate +'END %s.%N {name}' >> steps" for name, text in found.items()
    )
    begun = time.time()
    environ = processes.environment(there)
    environ["PATH"] = f"{folder}:{environ['PATH']}"
    with (folder / "output").open("wb") as output:
        argv = ["bash", "-xc", script]
        done = subprocess.run(
            argv, cwd=folder, env=environ, stdout=output, stderr=output, timeout=LIMIT, check=False
        )
    assert done.returncode == 0, (folder / "output").read_text()[-4000:]
    rows = re.findall(r"END ([\d.]+) (.+)", (folder / "steps").read_text())
    return {name: float(at) - begun for at, name in rows}


def lose_the_namespace(there: Layout, kubectl: Kubectl) -> None:
    """Delete the namespace of the database: pods, volumes, Secrets, the custom resource."""
    kubectl("delete", "namespace", "database", "--timeout=300s", timeout=320)
    node.make_volumes(there)  # a provisioner would


@pytest.mark.parametrize("lost", [False, True], ids=["after an accident", "a lost namespace"])
def test_members_log_in_after_a_restore(there: Layout, kubectl: Kubectl, tmp_path: Path, lost: bool) -> None:
    """Members of the chosen time are back with their passwords, later ones are not; no reader notices."""
    kind = "namespace" if lost else "accident"
    early, late = f"early-{kind}@example.org", f"late-{kind}@example.org"
    database.wait_for_base_backup(there, kubectl)
    members.logged_in(there, early, "Early")
    time.sleep(1.5)
    target = datetime.now(UTC).isoformat(timespec="seconds")
    time.sleep(1.5)
    members.logged_in(there, late, "Late")
    database.sql(kubectl, "TRUNCATE accounts_user CASCADE")
    assert members.Session().login(early)[0] == 400
    uid = database.uid(kubectl)
    database.archive(there, kubectl)
    node.make_volumes(there, 4)  # of the copy, and of the restored three
    with reading(5, pause=2.0) as readers:
        if lost:
            lose_the_namespace(there, kubectl)
        begun = time.monotonic()
        found = steps(target, uid, lost)
        resume = {"resume": found.pop("resume")}
        ends = follow(there, tmp_path, found)
        session = members.Session()
        status, body = session.login(early)
        seconds = time.monotonic() - begun
        (tmp_path / "later").mkdir()
        later = follow(there, tmp_path / "later", resume)
    assert status == 200, body
    assert session.page("/members/welcome/") == 200
    assert members.Session().login(late)[0] == 400
    assert database.uid(kubectl) != uid
    spec = kubectl.get("-n", "database", "postgresql", database.CLUSTER)["spec"]
    assert "clone" not in spec  # else a pod that loses its volume restores it again
    database.wait_until_complete(kubectl)
    site.wait_until_live(there)
    ends["resume"] = [*ends.values()][-1] + later["resume"]
    report("a lost namespace" if lost else "an accident", seconds, ends, len(readers.faults))
    assert readers.faults == []
    assert os.path.getsize(tmp_path / "restored.yaml")


def report(kind: str, seconds: float, ends: dict[str, float], faults: int) -> None:
    """Write the section."""
    last, rows = 0.0, []
    for name, end in ends.items():
        rows.append((name, f"{end - last:.0f}"))
        last = end
    names = "; ".join(f"{name} {value} s" for name, value in rows)
    _RESULTS.append((kind, f"{seconds / 60:.1f}", str(faults), names))
    text = (
        "The commands of the operator's guide, step by step, on a database of a few members: a base backup "
        "and the WAL since, to a point in time. Minutes from the first command until a member logs in with "
        "the password of that time. Five readers read public pages meanwhile. `resume` is after that: the "
        "operator replaces the pods one by one, and waits ten minutes for each whose end it misses."
    )
    table = figures.table(("restore after", "minutes", "failed requests", "steps"), _RESULTS)
    figures.write("Restore of the database", f"{text}\n\n{table}")
