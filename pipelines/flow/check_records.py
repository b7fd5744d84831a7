"""Record which checks a commit has passed, and decide whether it has to pass them.

Reads the repository and out/. Writes out/checks. No network.

Code is everything in a commit except content/, which the build itself checks. Its
id is derived from Git's object ids: equal ids are equal code, in any commit.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.core import results
from pipelines.core.digests import sha256_hex
from pipelines.core.errors import PipelineError
from pipelines.core.results import CheckResult, PlanResult
from pipelines.tools import checkout, commits

CHECKS = ("lint", "types", "test", "test-slow")  # each is a target of the Makefile, and a job of the pipeline
EXEMPT = ("content",)


def code_id(project: Path, commit: str) -> str:
    """Return the id of the code of *commit*, 64 hex digits; "" for a commit not in this clone."""
    entries = commits.entries_at_commit(project, commit) if commit else None
    if entries is None:
        return ""
    rows = (f"{object_id}\t{name}\0" for name, object_id in sorted(entries.items()) if name not in EXEMPT)
    return sha256_hex("".join(rows).encode())


def record_begin(project: Path, name: str) -> None:
    """Record that the check *name* begins; its earlier record is removed."""
    for file in (_passed_file(project, name), _begun_file(project, name)):
        file.unlink(missing_ok=True)
    if not commits.commit_exists(project, "HEAD"):
        return
    head = checkout.read_checkout(project)
    if not checkout.is_dirty(head):
        results.write(
            _begun_file(project, name), CheckResult(name, head.commit, code_id(project, head.commit))
        )


def record_passed(project: Path, name: str) -> CheckResult | None:
    """Record that the check *name* has passed; return None, without a record, for no commit's tree.

    The tree must be clean at the beginning and at the end of the check, and its
    code unchanged.
    """
    begun = _begun_file(project, name)
    if not begun.is_file():
        return None
    start, head = results.read_check(begun), checkout.read_checkout(project)
    begun.unlink()
    if checkout.is_dirty(head) or code_id(project, head.commit) != start.code:
        return None
    result = CheckResult(name, head.commit, start.code)
    results.write(_passed_file(project, name), result)
    return result


def missing_checks(project: Path, commit: str) -> list[str]:
    """Return the checks without a record in out/checks for the code of *commit*."""
    own = code_id(project, commit)
    if not own:
        raise PipelineError(
            f"commit {commit[:12]} is not in this clone; run `git fetch`, then publish it again"
        )
    return [name for name in CHECKS if not _has_passed(_passed_file(project, name), name, own)]


def checks_due(project: Path, base: str, rollback: str) -> tuple[bool, str]:
    """Return whether HEAD has to be checked, and why; without a commit to compare with it has to.

    out/plan.json decides where it is of HEAD. *base* is the commit that a merge
    request is compared with, "" for none: a difference in content/ only needs no
    checks. *rollback* is the release that HEAD goes back to, "" for none.
    """
    head = checkout.read_checkout(project).commit
    file = project / "out" / "plan.json"
    if file.is_file() and (plan := results.read_plan(file)).commit == head:
        return plan.checks, plan.reason
    if rollback:
        return False, f"it goes back to {rollback}, and builds nothing"
    if base and code_id(project, base) and code_id(project, base) == code_id(project, head):
        return False, f"nothing but {EXEMPT[0]}/ differs from commit {base[:12]}, the merge base"
    return True, "there is no plan of this commit, and no commit to compare it with"


def _difference(project: Path, baseline: str, commit: str) -> str:
    """Return the first paths in which the code of two commits differs, for messages."""
    paths = commits.changed_paths(project, baseline, commit, EXEMPT)
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def plan_checks(project: Path, commit: str, baseline: str, version: str) -> PlanResult:
    """Return the plan of *commit*; *baseline* is the commit of *version*, the newest published one, or ""."""
    own, other = code_id(project, commit), code_id(project, baseline)
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
        names = _difference(project, baseline, commit)
        reason = f"differs from commit {baseline[:12]} of {version}, which is published, in {names}"
    return PlanResult(commit, own, baseline if other else "", not (other and own == other), reason)


def _has_passed(file: Path, name: str, own: str) -> bool:
    if not file.is_file():
        return False
    record = results.read_check(file)
    return (record.name, record.code) == (name, own)


def _passed_file(project: Path, name: str) -> Path:
    return project / "out" / "checks" / f"{name}.json"


def _begun_file(project: Path, name: str) -> Path:
    return project / "out" / "checks" / f"{name}.begun.json"
