"""The command line: parse, call, print.

Results on stdout (``--json`` for machines), progress and faults on stderr.
Exit status: 0 done, 1 a fault, 2 wrong usage, 130 interrupted. The only place
that reads the clock and the environment.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import config, results
from pipelines.commands import delivery
from pipelines.commands import status as status_command
from pipelines.errors import PipelineError, SourceError, UsageError

if TYPE_CHECKING:
    from pipelines.version import Pipeline

_IMAGES = ("web", "api")
_SECRETS = ("keys", "receiver", "mail", "charts", "images", "backup", "alerts")
_STEPS = ("introduce", "use", "retire")  # of a rotation
_ARCHIVE = ("save", "list", "fetch", "restore", "prune")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = _parser()
    try:
        options = parser.parse_args(arguments)
        status = int(options.run(options) or 0)
        sys.stdout.flush()  # here, where it can be said that nobody reads it
        return status
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
    number.add_argument("--json", action="store_true", help="print the result as JSON")
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

    publish = commands.add_parser("publish", help="send images, assets, archive and chart to their places")
    publish.add_argument("--index-wait", type=_seconds, default=60, metavar="SECONDS",
                         help="how long the repository may take to name the chart (default: 60)")  # fmt: skip
    publish.add_argument("--json", action="store_true", help="print the result as JSON")
    publish.set_defaults(run=_publish)

    archive = commands.add_parser(
        "archive", help="keep a release, tell of those that are kept, bring one back"
    )
    archive.add_argument("action", nargs="?", choices=_ARCHIVE, default="save", metavar="ACTION",
                         help=f"one of {', '.join(_ARCHIVE)} (default: save)")  # fmt: skip
    archive.add_argument("version", nargs="?", help="for fetch and restore: the release")
    archive.add_argument("--push", action="store_true", help="restore: push its images again too")
    archive.add_argument("--delete", action="store_true", help="prune: remove what it lists")
    archive.add_argument("--json", action="store_true", help="fetch: print the release as JSON")
    archive.set_defaults(run=_archive)
    for one in (publish, archive):
        one.add_argument("--deadline", type=_seconds, default=900, metavar="SECONDS",
                         help="how long all of it may take (default: 900)")  # fmt: skip

    status_command.add(commands).set_defaults(run=_status)
    for word, one in delivery.add(commands).items():
        one.set_defaults(run=_deliver, word=word)

    settings = commands.add_parser("settings", help="write what flux/ needs to know of site.toml")
    settings.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    settings.set_defaults(run=_settings)

    secrets = commands.add_parser("secrets", help="make a Secret of the cluster, or rotate its keys")
    secrets.add_argument("kind", nargs="?", choices=_SECRETS, default="keys", metavar="KIND",
                         help=f"one of {', '.join(_SECRETS)} (default: keys)")  # fmt: skip
    secrets.add_argument("--user", default="", help="the login's name; its password comes on standard input")
    secrets.add_argument("--server", default="", help="images: the host of the registry")
    secrets.add_argument("--out", type=Path, metavar="FILE", help="write it there, readable by you alone")
    secrets.add_argument("--sops", action="store_true", help="encrypted by sops, as .sops.yaml says")
    secrets.add_argument("--rotate", nargs=3, metavar=("NAME", "KEYS", "FILE"),
                         help="change a key: NAME of the Secret, its secret-keys or encryption-keys, "
                              "and the file that holds it")  # fmt: skip
    secrets.add_argument("--step", choices=_STEPS, help="of --rotate: a new key is believed, then used, "
                         "and the oldest is forgotten; roll out after each (default: introduce)")  # fmt: skip
    secrets.set_defaults(run=_secrets)

    new = commands.add_parser("new", help="begin a post or a page")
    new.add_argument("kind", choices=("post", "page", "member"))
    new.add_argument("title")
    new.set_defaults(run=_new)
    return parser


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 256:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"\d{1,5}(\.\d{1,3})?", text) or float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return float(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def _build(options: argparse.Namespace) -> int:
    from pipelines.site.build import Options, build
    from pipelines.terminal import Bar, summary

    project = options.project.resolve()
    site = config.load(project)
    as_of = _as_of(options.as_of, project)
    workers = options.workers or len(os.sched_getaffinity(0))
    choice = Options(as_of=as_of, drafts=options.drafts, workers=workers)
    with Bar() as bar:
        result = build(project, project / "out" / "site", site, choice, progress=bar)
    if options.json:
        sys.stdout.write(results.to_json(result))
    else:
        sys.stdout.write(summary(result))
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> int:
    from pipelines.site.external import try_links
    from pipelines.terminal import Bar, external_report

    status = _build(options)
    if options.external:
        project = options.project.resolve()
        with Bar() as bar:
            report = try_links(project / "out" / "site", config.load(project).url, progress=bar)
        sys.stdout.write(external_report(report))
    return status


def _diagrams(options: argparse.Namespace) -> int:
    from pipelines.site.diagrams import render

    project = options.project.resolve()
    changed = render(project, lambda text: print(text, file=sys.stderr))
    for path in changed:
        print(path.relative_to(project).as_posix())
    return 0


def _serve(options: argparse.Namespace) -> int:
    from pipelines.preview.serve import serve

    return serve(
        options.project, options.port, told=os.environ, clock=time.time, say=_say, front=options.nginx
    )


def _invite(options: argparse.Namespace) -> int:
    from pipelines.preview.accounts import invite

    words = {"name": options.name, "owner": options.owner, "port": options.port}
    invite(options.project, options.email, **words, told=os.environ)
    return 0


def _say(line: str) -> None:
    with suppress(OSError):  # nobody reads it: a preview goes on
        print(line, file=sys.stderr, flush=True)


def _pipeline() -> Pipeline:
    """Return what GitLab says of the pipeline that runs this, if one does."""
    from pipelines.version import Pipeline

    return Pipeline(
        merge_request=os.environ.get("CI_MERGE_REQUEST_IID", ""),
        number=os.environ.get("CI_PIPELINE_IID", ""),
        branch=os.environ.get("CI_COMMIT_BRANCH", ""),
        default=os.environ.get("CI_DEFAULT_BRANCH", ""),
        tag=os.environ.get("CI_COMMIT_TAG", ""),
    )


def _version(options: argparse.Namespace) -> int:
    from pipelines.version import version

    project = options.project.resolve()
    result = version(project, config.load(project), _pipeline())
    if result.dirty:
        print("warning: the tree is not that of the commit, so nothing of it is published; commit it",
              file=sys.stderr)  # fmt: skip
    sys.stdout.write(results.to_json(result) if options.json else f"{result.version}\n")
    return 0


def _image(options: argparse.Namespace) -> int:
    from pipelines.terminal import image_summary

    project = options.project.resolve()
    site = config.load(project)
    if options.json and not options.name:
        raise UsageError(f"--json tells of one image; name it: {' or '.join(_IMAGES)}")
    names = [options.name] if options.name else [name for name in _IMAGES if name != "api" or site.login]
    for name in names:
        result = _pack(name, project, site)
        sys.stdout.write(results.to_json(result) if options.json else image_summary(result))
    return 0


def _pack(name: str, project: Path, site: config.SiteConfig) -> results.ImageResult:
    if name == "api":
        from pipelines.image.api import api

        return api(project, site, _say)
    from pipelines.image.web import web

    return web(project, site)


def _chart(options: argparse.Namespace) -> int:
    from pipelines.chart.pack import pack
    from pipelines.terminal import chart_summary

    project = options.project.resolve()
    result = pack(project, config.load(project))
    sys.stdout.write(results.to_json(result) if options.json else chart_summary(result))
    return 0


def _base(options: argparse.Namespace) -> int:
    from pipelines.image import base

    project = options.project.resolve()
    site = config.load(project)
    if options.push and not site.registry:
        raise PipelineError("site.toml: nowhere to push to; set registry under [images]")
    for one in base.make(project, options.names, site.registry if options.push else "", _say):
        print(one)
    return 0


def _wheels(options: argparse.Namespace) -> int:
    from pipelines.image import base, wheels
    from pipelines.image.target import target_of

    project = options.project.resolve()
    target = target_of(base.pinned(project, "api"))
    with suppress(PipelineError):  # what is there and whole is not fetched again
        wheels.read(project, target)
        return 0
    wheels.fetch(project, target, _say)
    wheels.read(project, target)
    return 0


def _publish(options: argparse.Namespace) -> int:
    from pipelines import access
    from pipelines.flow.publish import publish
    from pipelines.flow.services import Times
    from pipelines.terminal import Bar, publish_summary

    project = options.project.resolve()
    site = config.load(project)
    who = access.read(os.environ, site.registry, site.chart.repository)
    times = Times(options.deadline, options.index_wait)
    with Bar() as bar:
        result = publish(project, site, who, times, say=_say, progress=bar, clock=time.monotonic)
    sys.stdout.write(results.to_json(result) if options.json else publish_summary(result))
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _archive(options: argparse.Namespace) -> int:
    from pipelines import access
    from pipelines.flow import archive
    from pipelines.flow.services import Times
    from pipelines.terminal import Bar, archive_list, release_summary

    if bool(options.version) != (options.action in ("fetch", "restore")):
        raise UsageError("archive fetch and archive restore want a version, and the others take none")
    project = options.project.resolve()
    site = config.load(project)
    who = access.read(os.environ, site.registry, site.chart.repository)
    times = Times(options.deadline)
    with Bar() as bar:
        if options.action == "save":
            print("\n".join(archive.save_release(project, site, who, times, say=_say, progress=bar)))
        elif options.action == "list":
            sys.stdout.write(archive_list(archive.releases(site, who, times, _say)))
        elif options.action == "fetch":
            release = archive.fetch_release(project, site, who, options.version, times, _say)
            sys.stdout.write(results.to_json(release) if options.json else release_summary(release))
        elif options.action == "restore":
            folder = project / "out" / "releases" / options.version
            words = {"push": options.push, "say": _say, "progress": bar}
            archive.restore_release(folder, site, who, options.version, times, **words)
            print(folder.relative_to(project).as_posix())
        else:
            now = datetime.now(UTC)
            for key in archive.prune_assets(site, who, times, now, delete=options.delete, say=_say):
                print(key)
    return 0


def _status(options: argparse.Namespace) -> int:
    machine = status_command.Machine(os.environ, Path.home(), time.time, time.monotonic, time.sleep)
    return status_command.run(options, machine)


def _deliver(options: argparse.Namespace) -> int:
    machine = delivery.Machine(os.environ, time.monotonic, _say)
    if options.word == "promote":
        return delivery.promote(options, machine)
    if options.word == "rollback":
        return delivery.rollback(options, machine)
    from pipelines.site.build import Options

    as_of = _as_of(None, options.project.resolve())
    choice = Options(as_of=as_of, drafts=False, workers=len(os.sched_getaffinity(0)))
    return delivery.run(options, machine, _pipeline(), choice)


def _settings(options: argparse.Namespace) -> int:
    from pipelines import settings

    project = options.project.resolve()
    found = settings.settings(project, config.load(project))
    if options.check:
        settings.check(project, found)
        return 0
    for path in settings.write(project, found):
        print(path)
    return 0


def _secrets(options: argparse.Namespace) -> int:
    from pipelines import secrets

    project = options.project.resolve()
    if options.rotate:
        name, keys, file = options.rotate
        count = secrets.rotate(project, name, keys, Path(file), options.step or "introduce")
        print(f"{file}: {name} has {count} {keys} now", file=sys.stderr)
        return 0
    if options.step:
        raise UsageError("--step belongs to --rotate")
    if options.out:
        secrets.place(project, options.out, clear=not options.sops)
    elif os.environ.get("CI") and not options.sops:
        raise UsageError("the log of a pipeline is no place for a Secret; add --out FILE, or --sops")
    value = _told_in_secret(options.kind) if "value" in secrets.KINDS[options.kind][1] else ""
    given = secrets.Given(user=options.user, server=options.server, value=value)
    text = secrets.manifest(secrets.make(options.kind, given))
    if options.sops:
        text = secrets.sealed(project, text, options.out)
    if options.out:
        secrets.save(options.out, text)
        print(options.out)
    else:
        sys.stdout.write(text.decode())
    return 0


def _told_in_secret(kind: str) -> str:
    """Return the first line of standard input, which a terminal does not show."""
    if sys.stdin.isatty():
        return getpass(f"password, key or address for {kind}: ")
    return sys.stdin.readline().rstrip("\r\n")


def _new(options: argparse.Namespace) -> int:
    from pipelines.site.new import new

    project = options.project.resolve()
    site = config.load(project)
    print(new(project, site, options.kind, options.title, int(time.time())))
    return 0


def _as_of(text: str | None, project: Path) -> int:
    """Return the time that decides which posts are due, in seconds since 1970.

    What the caller says, else SOURCE_DATE_EPOCH, else the time of HEAD, else
    (a tree without Git) the clock, which is said on stderr.
    """
    from pipelines.tools import git

    text = text or os.environ.get("SOURCE_DATE_EPOCH")
    if text:
        return _moment(text)
    if history := git.history(project, "content"):
        return history.head_time
    now = int(time.time())
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"no Git here: posts are due as of the clock; for equal bytes: --as-of {shown}", file=sys.stderr)
    return now


def _moment(text: str) -> int:
    try:
        if re.fullmatch(r"\d{1,11}", text):
            return int(text)
        moment = datetime.fromisoformat(text)
    except ValueError:
        remedy = "write 2026-11-23, 2026-11-23T18:30:00Z or seconds since 1970"
        raise UsageError(f"--as-of {text!r} is not a time; {remedy}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
