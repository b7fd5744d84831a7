"""Start a cluster, use it, end it: `python -m tests.cluster COMMAND`.

up [--until STEP]   start it, and print its addresses; it stays until `down`
run -- PYTEST…      run the tests in it; starts one, and ends it, where none runs
enter COMMAND…      run a command in its namespaces
pipelines WORDS…    run `python -m pipelines WORDS…` in its checkout, with its logins
down                end it, and remove everything
build               build and fetch what a cluster runs, into the cache
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence

from tests.cluster import debian, prerequisites, processes, programs, services, start, supervisor
from tests.cluster.layout import ROOT, Layout, layout

_ENTER = "python -m tests.cluster enter"


def build(there: Layout) -> None:
    """Build and fetch everything."""
    prerequisites.require()
    programs.build_all(there.cache)
    debian.packages(there.cache)
    debian.database_root(there.cache)


def _inside(there: Layout, argv: Sequence[str]) -> int:
    """Run *argv* in the namespaces; return its exit status."""
    command = processes.enter(there, argv)
    return subprocess.run(command, env=processes.environment(there), cwd=ROOT, check=False).returncode


def up(there: Layout, last: str, owned: bool = False) -> subprocess.Popen[bytes]:
    """Start a cluster up to the step *last*; end it again when a step fails."""
    if supervisor.is_running(there):
        raise SystemExit(f"error: {there.base}: a cluster runs there; run make cluster-down first")
    build(there)
    process = supervisor.start(there, owned)
    if _inside(there, [sys.executable, "-m", "tests.cluster.start", last]):
        logs = f"; read {there.logs}, then run make cluster-down" if not owned else ""
        raise SystemExit(f"error: the cluster does not start{logs}")
    return process


def describe(there: Layout) -> str:
    """Return what a person needs to use the cluster."""
    users = there.base / "users.json"
    rows = [*services.urls().items()]
    rows += [
        ("kubeconfig", str(there.kubeconfig)),
        ("logs", str(there.logs)),
        ("mail", str(there.run / "mail")),
    ]
    rows += [("checkout", f"{there.site}; {_ENTER} git -C {there.site} push")]
    if users.exists():
        found: dict[str, str] = json.loads(users.read_text())
        rows += [("user", f"{address}, password {password}") for address, password in found.items()]
    return "\n".join(
        [
            "The cluster runs. Its network has no way in from this machine; enter it:",
            f"  {_ENTER} bash",
            f"  {_ENTER} kubectl get pods --all-namespaces",
            "  python -m tests.cluster pipelines status   (or: run --unchecked)",
            *(f"  {name:16}{value}" for name, value in rows),
            "End it: make cluster-down",
        ]
    )


def run_tests(there: Layout, words: Sequence[str]) -> int:
    """Run pytest in the cluster that runs, or in one for these tests alone."""
    if supervisor.is_running(there) and not there.init.exists():
        raise SystemExit(f"error: {there.base}: a cluster is ending there; try again in a minute")
    process = None if supervisor.is_running(there) else up(there, "users", owned=True)
    try:
        pytest = [sys.executable, "-m", "pytest", "-m", "cluster", "-p", "no:cacheprovider"]
        return _inside(there, [*pytest, *words])
    finally:
        if process:
            supervisor.stop(there)
            process.wait()


def main(argv: Sequence[str]) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up", help="start a cluster, and leave it running")
    starting.add_argument(
        "--until", choices=list(start.STEPS), default="users", help="the last step (default: users)"
    )
    commands.add_parser("down", help="end it, and remove everything")
    commands.add_parser("build", help="build and fetch what it runs, into the cache")
    for name, text in (
        ("run", "run the tests in it"),
        ("enter", "run a command in it"),
        ("pipelines", "run `python -m pipelines` in it, with its logins"),
    ):
        commands.add_parser(name, help=text).add_argument("words", nargs=argparse.REMAINDER)
    options = parser.parse_args(argv)
    there = layout()
    if options.command == "down":
        supervisor.stop(there)
    elif options.command == "build":
        build(there)
    elif options.command == "up":
        up(there, options.until)
        print(describe(there))
    elif not supervisor.is_running(there) and options.command in ("enter", "pipelines"):
        raise SystemExit("error: no cluster runs; run make cluster")
    elif options.command == "enter":
        return _inside(there, options.words)
    elif options.command == "pipelines":
        return _inside(there, [sys.executable, "-m", "tests.cluster.site", *options.words])
    else:
        return run_tests(there, [word for word in options.words if word != "--"])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
