"""Builds that are killed, and builds at the same time, leave one complete tree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.core import digests, results
from tests.support.project import AS_OF, ROOT, build_site, small_site

KILLED = """
import os, random, signal, sys, threading, time
from pathlib import Path

from pipelines.core.files import write_atomic
from tests.support.project import build_site
seed, site = int(sys.argv[1]), Path(sys.argv[2])
build_site(site)  # warm: the delay below shall fall into the next one
delay = random.Random(seed).uniform(0, 0.9)
threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
source = site / "content/pages/about.md"
for turn in range(1000):
    text = source.read_text() + "\\n\\nKilled %d %d.\\n" % (seed, turn)
    write_atomic(source, text.encode())  # a kill shall not leave an empty text: the build would refuse it
    build_site(site)
"""


@pytest.mark.slow
def test_a_killed_build_leaves_a_whole_tree(tmp_path: Path) -> None:
    """kill -9 at random moments: out/site is always one complete build, and the next build works."""
    site = small_site(tmp_path, history=False)
    build_site(site)
    for seed in range(6):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(seed), str(site)],
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == -9, done.stderr.decode()
        result = results.read_site(site / "out" / "site.json")
        assert digests.tree_digest(site / "out" / "site") == result.digest
    final = build_site(site)
    assert digests.tree_digest(site / "out" / "site") == final.digest
    assert [path.name for path in (site / "out").glob(".site-*")] == []


@pytest.mark.slow
def test_two_builds_at_once_do_not_mix(tmp_path: Path) -> None:
    """Two authors in one checkout: one of the two trees is there afterwards, complete."""
    site = small_site(tmp_path)
    words = [sys.executable, "-m", "pipelines", "--project", str(site), "build", "--json"]
    runs = [
        subprocess.Popen(
            [*words, "--as-of", str(AS_OF), *extra], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for extra in ((), ("--drafts",))
    ]
    outputs = [run.communicate(timeout=120) for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    built_digests = [json.loads(output)["digest"] for output, _ in outputs]
    assert built_digests[0] != built_digests[1]
    assert digests.tree_digest(site / "out" / "site") in built_digests
    assert results.read_site(site / "out" / "site.json").digest == digests.tree_digest(site / "out" / "site")
