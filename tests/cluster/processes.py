"""Run commands and servers inside the namespaces of a cluster.

Reads the inventory of running servers, run/processes. Writes it, and their logs. No network.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster import programs
from tests.cluster.layout import ROOT, Layout
from tests.cluster.prerequisites import SYSTEM_PATH

INSIDE = "SITE_CLUSTER_INSIDE"  # set in the namespaces
# Servers outlive this process: Python warns of a Popen that is collected while its program runs.
_STARTED: list[subprocess.Popen[bytes]] = []


def environment(there: Layout, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of all programs in the namespaces: its names, its authority, its kubeconfig."""
    kept = {name: environ[name] for name in ("LANG", "LC_ALL", "TERM", "CI") if name in environ}
    bundle = str(there.bundle)
    return {
        **kept,
        "HOME": str(there.base / "home"),
        "TMPDIR": str(there.base / "tmp"),
        "PATH": f"{there.bin}:{ROOT / '.venv' / 'bin'}:{SYSTEM_PATH}",
        "KUBECONFIG": str(there.kubeconfig),
        "SITE_CLUSTER_DIR": str(there.base),
        "SITE_CLUSTER_CACHE": str(there.cache),
        INSIDE: "yes",
        programs.GO_VERSION: programs.go_version(),
        # The variables of Go, Python's requests, curl and Git.
        **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"), bundle),
    }


def enter(there: Layout, argv: Sequence[str], init: int | None = None) -> list[str]:
    """Return the command line that runs *argv* in the namespaces, in the root of the checkout."""
    target = str(init or there.init.read_text())
    return ["nsenter", "--target", target, "--net", "--mount", "--pid", "env", "-C", str(ROOT), *argv]


def in_network(name: str) -> list[str]:
    """Return the words that run a command in the network of a node: `ip netns exec` would remount /sys."""
    return ["nsenter", f"--net=/run/netns/{name}"]


def start(
    there: Layout,
    name: str,
    argv: Sequence[str | Path],
    *,
    cwd: Path = ROOT,
    extra: Mapping[str, str] | None = None,
) -> int:
    """Start a server in a session of its own, with its output in logs/NAME.log; return its process ID."""
    inventory = there.run / "processes"
    inventory.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    with (there.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env={**environment(there), **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _STARTED.append(process)
    record = {"pid": process.pid, "argv": words, "cwd": str(cwd), "extra": dict(extra or {})}
    (inventory / f"{name}.json").write_text(json.dumps(record))
    return process.pid


def is_alive(there: Layout, name: str) -> bool:
    """Return whether the server runs."""
    with suppress(OSError):
        record = json.loads((there.run / "processes" / f"{name}.json").read_text())
        state = Path(f"/proc/{record['pid']}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


def stop(there: Layout, name: str, number: int = signal.SIGTERM, timeout: float = 30) -> None:
    """End the server and its session, and wait for its end."""
    record = json.loads((there.run / "processes" / f"{name}.json").read_text())
    with suppress(ProcessLookupError):
        os.killpg(record["pid"], number)
    wait_until(lambda: not is_alive(there, name), timeout, f"{name} does not end")


def pause(there: Layout, name: str) -> None:
    """Stop the server without an end: it accepts connections and responds to none, until resume()."""
    os.killpg(json.loads((there.run / "processes" / f"{name}.json").read_text())["pid"], signal.SIGSTOP)


def resume(there: Layout, name: str) -> None:
    """Let a paused server continue."""
    os.killpg(json.loads((there.run / "processes" / f"{name}.json").read_text())["pid"], signal.SIGCONT)


def restart(there: Layout, name: str) -> None:
    """Start a server again that was ended, as it was started."""
    record = json.loads((there.run / "processes" / f"{name}.json").read_text())
    start(there, name, record["argv"], cwd=Path(record["cwd"]), extra=record["extra"])


def run(
    there: Layout, argv: Sequence[str | Path], *, text: str = "", cwd: Path = ROOT, timeout: float = 300
) -> str:
    """Run a command to its end, and return its stdout; raise RuntimeError with its output when it fails."""
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        env=environment(there),
        input=text,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        words = " ".join(str(word) for word in argv)
        raise RuntimeError(
            f"{words}: exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


def wait_until(condition: Callable[[], object], timeout: float, failure: str, pause: float = 0.2) -> None:
    """Repeat *condition* until it is true; raise TimeoutError with *failure* after *timeout* seconds.

    An OSError, or a RuntimeError of run(), counts as false.
    """
    end = time.monotonic() + timeout
    last: Exception | None = None
    while True:
        try:
            if condition():
                return
        except (OSError, RuntimeError) as error:
            last = error
        if time.monotonic() > end:
            raise TimeoutError(f"{failure} within {timeout:.0f} s{f': {last}' if last else ''}")
        time.sleep(pause)
