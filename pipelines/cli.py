"""The command line: parse, call, print.

Results on stdout (``--json`` for machines), progress and faults on stderr.
Exit status: 0 done, 1 a fault, 2 wrong usage, 130 interrupted. The only place
that reads the clock and the environment.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pipelines.commands import checking, cluster, delivery, publishing, status
from pipelines.commands.context import Context
from pipelines.core import config, results
from pipelines.core.errors import PipelineError, SourceError, UsageError

_IMAGES = ("web", "api")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        work = getattr(options, "work", None)  # of pipelines/commands
        code = int((work(options, _context()) if work else options.run(options)) or 0)
        sys.stdout.flush()  # here, where it can be said that nobody reads it
        return code
    except SourceError as error:
        _say_faults(error)
        return error.exit_code
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone: nothing is left to say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _say_faults(error: SourceError) -> None:
    count = len(error.faults)
    print(error, file=sys.stderr)
    print(f"\n{count} fault{'s' if count != 1 else ''}; nothing was written", file=sys.stderr)


def _usage(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipelines", description="From Markdown to a live page, one step a command."
    )
    parser.set_defaults(run=lambda _: _usage(parser))
    parser.add_argument("--project", type=Path, default=Path(), help="the folder with site.toml")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    build = commands.add_parser("build", help="render content/ and theme/ into out/site")
    build.add_argument("--drafts", action="store_true", help="with drafts and posts not due")
    build.add_argument("--as-of", metavar="TIME", help="which posts are due: 2026-11-23, or seconds")
    build.add_argument("--json", action="store_true", help="print the result as JSON")
    build.add_argument("--workers", type=_count, default=None, help="processes (default: one a core)")
    build.set_defaults(run=_build)

    check = commands.add_parser("check", help="build, and try the links to other sites too")
    check.add_argument("--external", action="store_true", help="try the links to other hosts")
    check.add_argument("--as-of", metavar="TIME", help="as for build")
    check.set_defaults(run=_check, drafts=False, json=False, workers=None)

    diagrams = commands.add_parser("diagrams", help="render PlantUML to the SVG that is committed")
    diagrams.set_defaults(run=_diagrams)

    serve = commands.add_parser("serve", help="show the site here and reload it on save")
    serve.add_argument("--port", type=_port, default=8000)
    serve.add_argument("--nginx", action="store_true", help="with the real NGINX in front, without reload")
    serve.set_defaults(run=_serve)

    for word, owner in (("user", False), ("admin", True)):
        what = "the owner" if owner else "a member"
        invite = commands.add_parser(word, help=f"make {what}, and send the mail to set a password")
        invite.add_argument("email")
        invite.add_argument("--name", default="", help="what the site calls them")
        invite.add_argument("--port", type=_port, default=8000, help="of the preview, for the mail's link")
        invite.set_defaults(run=_invite, owner=owner)

    number = commands.add_parser("version", help="say what is built, by Git, into out/version.json")
    form = number.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the result as JSON")
    form.add_argument("--rollback", action="store_true",
                      help="print the release that this commit goes back to, if it does")  # fmt: skip
    number.set_defaults(run=_version)

    image = commands.add_parser("image", help="pack what was built into out/images/NAME")
    image.add_argument(
        "name", nargs="?", choices=_IMAGES, help="one of them (default: all that the site has)"
    )
    image.add_argument("--json", action="store_true", help="print the result as JSON")
    image.set_defaults(run=_image)

    chart = commands.add_parser("chart", help="pack the chart that rolls out what was built (needs helm)")
    chart.add_argument("--json", action="store_true", help="print the result as JSON")
    chart.set_defaults(run=_chart)

    base = commands.add_parser("base", help="make the bases of images, and pin them (needs buildah)")
    base.add_argument("names", nargs="+", choices=_IMAGES, metavar="NAME", help=" or ".join(_IMAGES))
    base.add_argument("--push", action="store_true", help="and send it to the registry of site.toml")
    base.set_defaults(run=_base)

    wheels = commands.add_parser("wheels", help="fetch the packages of the API's image (asks pip's index)")
    wheels.set_defaults(run=_wheels)

    for several in (checking, publishing, status, delivery, cluster):
        several.add(commands)
    whole = commands.add_parser("run", help="everything in order: from this commit to a published chart")
    delivery.add_times(whole)
    publishing.add_unchecked(whole)
    whole.set_defaults(run=_run)

    new = commands.add_parser("new", help="begin a post or a page")
    new.add_argument("kind", choices=("post", "page", "member"))
    new.add_argument("title")
    new.set_defaults(run=_new)
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _build(options: argparse.Namespace) -> int:
    from pipelines.commands.summaries import build_summary
    from pipelines.site.build import BuildOptions, build
    from pipelines.tools.terminal import ProgressBar

    project = options.project.resolve()
    site = config.load_config(project)
    as_of = _as_of(options.as_of, project)
    workers = options.workers or len(os.sched_getaffinity(0))
    choice = BuildOptions(as_of=as_of, drafts=options.drafts, workers=workers)
    with ProgressBar() as bar:
        result = build(project, project / "out" / "site", site, choice, progress=bar)
    if options.json:
        sys.stdout.write(results.to_json(result))
    else:
        sys.stdout.write(build_summary(result))
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> int:
    from pipelines.commands.summaries import external_report
    from pipelines.site.check.external import check_external_links
    from pipelines.tools.terminal import ProgressBar

    code = _build(options)
    if options.external:
        project = options.project.resolve()
        with ProgressBar() as bar:
            report = check_external_links(
                project / "out" / "site", config.load_config(project).url, progress=bar
            )
        sys.stdout.write(external_report(report))
    return code


def _diagrams(options: argparse.Namespace) -> int:
    from pipelines.site.diagrams.render import render_diagrams
    from pipelines.tools import git

    project = options.project.resolve()
    index = git.read_index(project, ["content"])
    changed = render_diagrams(project, lambda text: print(text, file=sys.stderr), index)
    for path in changed:
        print(path.relative_to(project).as_posix())
    return 0


def _serve(options: argparse.Namespace) -> int:
    from pipelines.preview.server import serve_preview

    return serve_preview(
        options.project, options.port, environ=os.environ, clock=time.time, log=_log, front=options.nginx
    )


def _invite(options: argparse.Namespace) -> int:
    from pipelines.preview.accounts import invite

    words = {"name": options.name, "owner": options.owner, "port": options.port}
    invite(options.project, options.email, **words, environ=os.environ)
    return 0


def _log(line: str) -> None:
    with suppress(OSError):  # nobody reads it: a preview goes on
        print(line, file=sys.stderr, flush=True)


def _version(options: argparse.Namespace) -> int:
    from pipelines.flow.versioning import determine_version

    project = options.project.resolve()
    result = determine_version(project, config.load_config(project), checking.pipeline(_context()))
    if result.dirty:
        print("warning: the tree is not that of the commit, so nothing of it is published; commit it",
              file=sys.stderr)  # fmt: skip
    line = result.rollback if options.rollback else result.version
    sys.stdout.write(results.to_json(result) if options.json else f"{line}\n" * bool(line))
    return 0


def _image(options: argparse.Namespace) -> int:
    from pipelines.commands import bases
    from pipelines.commands.summaries import image_summary

    project = options.project.resolve()
    site = config.load_config(project)
    if options.json and not options.name:
        raise UsageError(f"--json tells of one image; name it: {' or '.join(_IMAGES)}")
    names = [options.name] if options.name else [name for name in _IMAGES if name != "api" or site.login]
    for name in names:
        result = bases.pack(name, project, site, os.environ, _log)
        sys.stdout.write(results.to_json(result) if options.json else image_summary(result))
    return 0


def _chart(options: argparse.Namespace) -> int:
    from pipelines.charts.build import build_chart
    from pipelines.commands.summaries import chart_summary

    project = options.project.resolve()
    result = build_chart(project, config.load_config(project))
    sys.stdout.write(results.to_json(result) if options.json else chart_summary(result))
    return 0


def _base(options: argparse.Namespace) -> int:
    from pipelines.commands import bases
    from pipelines.image import base, debian_mirror

    project = options.project.resolve()
    site = config.load_config(project)
    if options.push and not site.registry:
        raise PipelineError("site.toml: nowhere to push to; set registry under [images]")
    store = bases.writable(os.environ, site) if options.push else None
    for one in base.make_bases(
        project, options.names, store, _log, os.environ.get(debian_mirror.VARIABLE, "")
    ):
        print(one)
    return 0


def _wheels(options: argparse.Namespace) -> int:
    from pipelines.image import base, wheels
    from pipelines.image.python_target import target_of

    project = options.project.resolve()
    target = target_of(base.pinned_base(project, "api"))
    with suppress(PipelineError):  # what is there and whole is not fetched again
        wheels.read_wheels(project, target)
        return 0
    wheels.fetch_wheels(project, target, _log)
    wheels.read_wheels(project, target)
    return 0


def _context() -> Context:
    return Context(os.environ, Path.home(), time.time, time.monotonic, time.sleep, _log)


def _run(options: argparse.Namespace) -> int:
    """Run everything in order, as the pipeline that calls this is told."""
    from pipelines.site.build import BuildOptions

    as_of = _as_of(None, options.project.resolve())
    choice = BuildOptions(as_of=as_of, drafts=False, workers=len(os.sched_getaffinity(0)))
    return delivery.run(options, _context(), checking.pipeline(_context()), choice)


def _new(options: argparse.Namespace) -> int:
    from pipelines.site.content.new import create_page

    project = options.project.resolve()
    site = config.load_config(project)
    print(create_page(project, site, options.kind, options.title, int(time.time())))
    return 0


def _as_of(text: str | None, project: Path) -> int:
    """Return the time that decides which posts are due, in seconds since 1970.

    What the caller says, else SOURCE_DATE_EPOCH, else the trailer As-Of of HEAD,
    else its time, else (a tree without Git) the clock, which is said on stderr.
    """
    from pipelines.flow import versioning
    from pipelines.tools import checkout, commits

    text = text or os.environ.get("SOURCE_DATE_EPOCH")
    if text:
        if (found := versioning.parse_time(text)) is None:
            raise UsageError(f"--as-of {text!r} is not a time; {versioning.TIME_FORMATS}")
        return found
    if time_of_head := commits.commit_time(project, "HEAD"):
        return (
            versioning.scheduled_time(commits.commit_trailers(project, "HEAD", checkout.AS_OF))
            or time_of_head
        )
    now = int(time.time())
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"no Git here: posts are due as of the clock; for equal bytes: --as-of {shown}", file=sys.stderr)
    return now
