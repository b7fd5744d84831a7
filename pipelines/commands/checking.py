"""`plan` and `checks`: what a commit has to pass before it is published, and what it has passed.

Writes to stdout and stderr. The environment comes from the command line.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping

from pipelines import access, config, results
from pipelines.commands.machine import Machine, seconds
from pipelines.errors import PipelineError
from pipelines.version import Pipeline, version

_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}\Z")
_ACTIONS = ("due", "begin", "passed")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the two commands to *commands*."""
    plan = commands.add_parser("plan", help="say whether this commit has to pass the checks: out/plan.json")
    plan.add_argument("--deadline", type=seconds, default=60, metavar="SECONDS",
                      help="how long the chart repository may take (default: 60)")  # fmt: skip
    plan.add_argument("--json", action="store_true", help="print the result as JSON")
    plan.set_defaults(work=make_plan)

    checks = commands.add_parser("checks", help="record the checks that this commit has passed")
    checks.add_argument("action", choices=_ACTIONS, metavar="ACTION",
                        help="due: print if they have to run; begin, passed: around a check")  # fmt: skip
    checks.add_argument("name", nargs="?", default="", help="for begin and passed: lint, types or test")
    checks.set_defaults(work=record)


def pipeline(machine: Machine) -> Pipeline:
    """Return what GitLab says of the pipeline that runs this, if one does."""
    return Pipeline(
        merge_request=machine.told.get("CI_MERGE_REQUEST_IID", ""),
        number=machine.told.get("CI_PIPELINE_IID", ""),
        branch=machine.told.get("CI_COMMIT_BRANCH", ""),
        default=machine.told.get("CI_DEFAULT_BRANCH", ""),
        tag=machine.told.get("CI_COMMIT_TAG", ""),
    )


def check_image(told: Mapping[str, str]) -> None:
    """Raise PipelineError in GitLab where SITE_CI_IMAGE names the image of the jobs without its digest.

    `publish` runs in that image with every credential, and a tag may name another
    image tomorrow.
    """
    image = told.get("SITE_CI_IMAGE", "")
    if told.get("GITLAB_CI") == "true" and image and not _DIGEST.search(image):
        raise PipelineError(
            f"SITE_CI_IMAGE: {image} has no digest, so that it may name another image tomorrow;"
            " run `make ci-image` and commit .gitlab-ci.yml"
        )


def make_plan(options: argparse.Namespace, machine: Machine) -> int:
    """Plan and tell."""
    from pipelines.flow.plan import plan
    from pipelines.flow.services import Times

    check_image(machine.told)
    project = options.project.resolve()
    site = config.load(project)
    who = access.read(machine.told, site.registry, site.chart.repository)
    found = version(project, site, pipeline(machine))
    done = plan(project, site, who, found, Times(options.deadline), machine.say)
    word = "has to pass the checks" if done.checks else "needs no checks"
    text = f"{found.version} {word}: {done.reason}\n"
    sys.stdout.write(results.to_json(done) if options.json else text)
    return 0


def record(options: argparse.Namespace, machine: Machine) -> int:
    """Do what is asked of the checks, and tell."""
    from pipelines import checks
    from pipelines.errors import UsageError

    project = options.project.resolve()
    if options.action == "due":
        base = machine.told.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
        rollback = version(project, config.load(project), pipeline(machine)).rollback
        wanted, reason = checks.due(project, base, rollback)
        print(reason, file=sys.stderr)
        print("yes" if wanted else "no")
        return 0
    if options.name not in checks.NAMES:
        raise UsageError(f"checks {options.action}: name one of {', '.join(checks.NAMES)}")
    if options.action == "begin":
        checks.begin(project, options.name)
    elif checks.passed(project, options.name) is None:
        print(f"{options.name}: not recorded, since the tree is not that of a commit", file=sys.stderr)
    return 0
