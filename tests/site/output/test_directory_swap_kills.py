"""Killed and concurrent builds, in processes of their own."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.tools.atomic_exchange import recover_exchange, supports_exchange
from tests.site.output.generated_site import (
    FILES,
    PROJECT,
    build,
    generation,
    visible,
)

PUBLISHER = """
import json, sys
from pathlib import Path
import pipelines.tools.atomic_exchange as module
from pipelines.core.digests import normalize_tree
from pipelines.site.output.directory_swap import staging_directory, swap_directory
out, name, rounds, files = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[5])
def unsupported(one, two):
    raise OSError(22, "no such exchange here")
if sys.argv[4] == "steps":
    module._at_once = unsupported
for number in range(rounds):
    generation = f"{name}.{number}"
    with staging_directory(out) as stage:
        pages = [f"public/{number}/index.html" for number in range(files)]
        for path in ("aliases.map", "gated/members/a", *pages):
            (stage / path).parent.mkdir(parents=True, exist_ok=True)
            (stage / path).write_text(generation)
        normalize_tree(stage)
        swap_directory(stage, out / "site", json.dumps({"generation": generation}))
    print(number, flush=True)
"""


def publisher(out: Path, name: str, rounds: int = 10**9, how: str = "atomic") -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-c", PUBLISHER, str(out), name, str(rounds), how, str(FILES)]
    return subprocess.Popen(argv, cwd=PROJECT, stdout=subprocess.PIPE)


class Reader(threading.Thread):
    """Read the site in a loop; record each generation and each error."""

    def __init__(self, out: Path, *, gaps: bool = False) -> None:
        super().__init__()
        self.out, self.gaps = out, gaps
        self.seen: set[str] = set()
        self.errors: list[str] = []
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.002):
            try:
                found = generation(self.out / "site")
                json.loads((self.out / "site.json").read_text())
            except (AssertionError, OSError, ValueError) as error:
                if not (self.gaps and isinstance(error, FileNotFoundError)):
                    self.errors.append(repr(error))
            else:
                self.seen.add(str(found))

    def __enter__(self) -> Reader:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["atomic", "steps"])
def test_a_kill_at_any_moment_leaves_a_complete_site(tmp_path: Path, how: str) -> None:
    """kill -9 at random moments; a reader sees the old or the new site, never a mixture.

    Without an atomic exchange, a killed one may leave no site until the next
    build starts and completes it.
    """
    if how == "atomic" and not supports_exchange(tmp_path):
        pytest.skip("this file system has no atomic exchange")
    moments = random.Random(2)
    build(tmp_path, "first")
    with Reader(tmp_path, gaps=how == "steps") as reader:
        for number in range(15):
            process = publisher(tmp_path, str(number), how=how)
            assert process.stdout
            process.stdout.readline()  # it has started
            time.sleep(moments.uniform(0, 0.08))
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdout.close()
            if how == "steps":
                recover_exchange(tmp_path / "site")
            generation(tmp_path / "site")
    assert reader.errors == []
    assert len(reader.seen) > 10
    build(tmp_path, "last")
    assert generation(tmp_path / "site") == "last"
    assert visible(tmp_path) == [".lock", "site", "site.json"]


@pytest.mark.slow
def test_concurrent_builds_do_not_mix(tmp_path: Path) -> None:
    """All succeed; the site is always that of one build, and finally that of the last."""
    if not supports_exchange(tmp_path):
        pytest.skip("this file system has no atomic exchange")
    build(tmp_path, "first")
    with Reader(tmp_path) as reader:
        running = [publisher(tmp_path, name, rounds=25) for name in "abc"]
        outputs = [process.communicate()[0] for process in running]
    assert reader.errors == []
    assert [process.returncode for process in running] == [0, 0, 0]
    assert [len(lines.split()) for lines in outputs] == [25, 25, 25]
    assert generation(tmp_path / "site") in {"a.24", "b.24", "c.24"}
    assert visible(tmp_path) == [".lock", "site", "site.json"]
