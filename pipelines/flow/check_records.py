"""Record which checks a commit has passed, and say whether it has to pass them.

Reads the repository and out/. Writes out/checks. No network.

Code is everything of a commit but content/, which the build itself checks. Its id
is made of Git's object ids, so equal ids are equal code, on whatever commit.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.results import CheckResult, PlanResult
from pipelines.tools import checkout, commits

NAMES = ("lint", "types", "test", "test-slow")  # each is a target of the Makefile, and a job of the pipeline
EXEMPT = ("content",)


def checked_paths(project: Path, commit: str) -> str:
    """Return the id of the code of *commit*, 64 hex digits; "" where this clone does not have it."""
    found = commits.entries_at_commit(project, commit) if commit else None
    if found is None:
        return ""
    rows = (f"{about}\t{name}\0" for name, about in sorted(found.items()) if name not in EXEMPT)
    return hashlib.sha256("".join(rows).encode()).hexdigest()


def record_begin(project: Path, name: str) -> None:
    """Note that the check *name* begins; what it passed earlier counts no longer."""
    for file in (_record(project, name), _begun(project, name)):
        file.unlink(missing_ok=True)
    if not commits.commit_exists(project, "HEAD"):
        return
    head = checkout.read_checkout(project)
    if not checkout.is_dirty(head):
        results.write(
            _begun(project, name), CheckResult(name, head.commit, checked_paths(project, head.commit))
        )


def record_passed(project: Path, name: str) -> CheckResult | None:
    """Record that the check *name*, which was begun, has passed; None where that says nothing of a commit.

    A tree with changes that are not committed, before or after, is not that of
    a commit, nor is one whose code changed meanwhile.
    """
    begun = _begun(project, name)
    if not begun.is_file():
        return None
    start, head = results.read_check(begun), checkout.read_checkout(project)
    begun.unlink()
    if checkout.is_dirty(head) or checked_paths(project, head.commit) != start.code:
        return None
    result = CheckResult(name, head.commit, start.code)
    results.write(_record(project, name), result)
    return result


def missing_checks(project: Path, commit: str) -> list[str]:
    """Return the checks that no record in out/checks says to have passed on the code of *commit*."""
    own = checked_paths(project, commit)
    if not own:
        raise PipelineError(
            f"commit {commit[:12]} is not in this clone; run `git fetch`, then publish it again"
        )
    return [name for name in NAMES if not _has_passed(_record(project, name), name, own)]


def checks_due(project: Path, base: str, rollback: str) -> tuple[bool, str]:
    """Return whether HEAD has to be checked, and why; without anything to compare with it has to.

    out/plan.json decides where it is of HEAD. *base* is the commit that a merge
    request is compared with, "" for none: there, content alone is not checked.
    *rollback* is the release that HEAD goes back to, "" for none.
    """
    head = checkout.read_checkout(project).commit
    plan = project / "out" / "plan.json"
    if plan.is_file() and (found := results.read_plan(plan)).commit == head:
        return found.checks, found.reason
    if rollback:
        return False, f"it goes back to {rollback}, and builds nothing"
    if base and checked_paths(project, base) and checked_paths(project, base) == checked_paths(project, head):
        return False, f"nothing but {EXEMPT[0]}/ differs from commit {base[:12]}, the merge base"
    return True, "there is no plan of this commit, and no commit to compare it with"


def difference(project: Path, baseline: str, commit: str) -> str:
    """Return in words how the code of two commits differs."""
    paths = commits.changed_paths(project, baseline, commit, EXEMPT)
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def plan_checks(project: Path, commit: str, baseline: str, version: str) -> PlanResult:
    """Return the plan of *commit*; *baseline* is the commit of *version*, the newest published one, or ""."""
    own, other = checked_paths(project, commit), checked_paths(project, baseline)
    if not version:
        reason = "nothing is published yet"
    elif not baseline:
        reason = f"{version}, the newest published version, was not packed by this pipeline"
    elif not other:
        reason = f"commit {baseline[:12]} of {version}, the newest published version, is not in this clone"
    elif own == other:
        reason = (
            f"nothing but {EXEMPT[0]}/ differs from commit {baseline[:12]} of {version}, which is published"
        )
    else:
        names = difference(project, baseline, commit)
        reason = f"differs from commit {baseline[:12]} of {version}, which is published, in {names}"
    return PlanResult(commit, own, baseline if other else "", not (other and own == other), reason)


def _has_passed(file: Path, name: str, own: str) -> bool:
    if not file.is_file():
        return False
    record = results.read_check(file)
    return (record.name, record.code) == (name, own)


def _record(project: Path, name: str) -> Path:
    return project / "out" / "checks" / f"{name}.json"


def _begun(project: Path, name: str) -> Path:
    return project / "out" / "checks" / f"{name}.begun.json"
