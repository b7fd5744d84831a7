"""`plan` and `checks`: what a commit has to pass before it is published, and what it has passed.

Writes to stdout and stderr. The environment comes from the command line.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping

from pipelines.commands.context import Context, seconds
from pipelines.core import config, results
from pipelines.core.context import Deadlines
from pipelines.core.errors import PipelineError
from pipelines.flow.versioning import Pipeline, determine_version

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
    checks.add_argument(
        "name", nargs="?", default="", help="for begin and passed: lint, types, test or test-slow"
    )
    checks.set_defaults(work=record)


def pipeline(context: Context) -> Pipeline:
    """Return what GitLab says of the pipeline that runs this, if one does."""
    return Pipeline(
        merge_request=context.environ.get("CI_MERGE_REQUEST_IID", ""),
        number=context.environ.get("CI_PIPELINE_IID", ""),
        branch=context.environ.get("CI_COMMIT_BRANCH", ""),
        default=context.environ.get("CI_DEFAULT_BRANCH", ""),
        tag=context.environ.get("CI_COMMIT_TAG", ""),
    )


def check_image(environ: Mapping[str, str]) -> None:
    """Raise PipelineError in GitLab where SITE_CI_IMAGE names the image of the jobs without its digest.

    `publish` runs in that image with every credential, and a tag may name another
    image tomorrow.
    """
    image = environ.get("SITE_CI_IMAGE", "")
    if environ.get("GITLAB_CI") == "true" and image and not _DIGEST.search(image):
        raise PipelineError(
            f"SITE_CI_IMAGE: {image} has no digest, so that it may name another image tomorrow;"
            " run `make ci-image` and commit .gitlab-ci.yml"
        )


def make_plan(options: argparse.Namespace, context: Context) -> int:
    """Plan and tell."""
    from pipelines.flow.plan import make_plan as plan

    check_image(context.environ)
    project = options.project.resolve()
    site = config.load_config(project)
    found = determine_version(project, site, pipeline(context))
    done = plan(context.for_flow(project, site, Deadlines(options.deadline)), found)
    word = "has to pass the checks" if done.checks else "needs no checks"
    text = f"{found.version} {word}: {done.reason}\n"
    sys.stdout.write(results.to_json(done) if options.json else text)
    return 0


def record(options: argparse.Namespace, context: Context) -> int:
    """Do what is asked of the checks, and tell."""
    from pipelines.core.errors import UsageError
    from pipelines.flow import check_records

    project = options.project.resolve()
    if options.action == "due":
        base = context.environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
        rollback = determine_version(project, config.load_config(project), pipeline(context)).rollback
        wanted, reason = check_records.checks_due(project, base, rollback)
        print(reason, file=sys.stderr)
        print("yes" if wanted else "no")
        return 0
    if options.name not in check_records.NAMES:
        raise UsageError(f"checks {options.action}: name one of {', '.join(check_records.NAMES)}")
    if options.action == "begin":
        check_records.record_begin(project, options.name)
    elif check_records.record_passed(project, options.name) is None:
        print(f"{options.name}: not recorded, since the tree is not that of a commit", file=sys.stderr)
    return 0
