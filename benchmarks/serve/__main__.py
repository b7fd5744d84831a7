"""``make bench``: the NGINX of the web image against a bare one, its memory, and how long packing takes.

Reads images/, out/base/web/. Works in a temporary folder. Writes its section of
benchmarks/RESULTS.md. Starts nginx and wrk. Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import report
from benchmarks.build import ROOT, project
from benchmarks.programs import need, version
from benchmarks.serve.asked import requests, unpack
from benchmarks.serve.memory import memory
from benchmarks.serve.packing import packing
from benchmarks.serve.server import CONNECTIONS
from benchmarks.serve.throughput import throughput

PAGES = 75  # posts of the site


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 3 s instead of 5 of 5 s")
    rounds, seconds = (3, 3) if parser.parse_args().quick else (5, 5)
    need("nginx", "wrk")
    if not (ROOT / "out" / "base" / "web").exists():
        raise SystemExit("error: out/base/web: is not there; run `make base` (needs buildah and debootstrap)")
    load = os.getloadavg()[0]
    # A job that is cancelled ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as name:
        site, root = Path(name, "site"), Path(name, "root")
        site.mkdir()
        build = project(site, PAGES)
        shutil.copytree(ROOT / "images", site / "images")
        shutil.copytree(ROOT / "out" / "base" / "web", site / "out" / "base" / "web")
        print("building the site", file=sys.stderr)
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        unpack(site, root)
        asked = requests(root)
        rates = throughput(root, asked, rounds, seconds)
        print("memory", file=sys.stderr)
        held = memory(root, asked, 1_000_000)
        print("packing", file=sys.stderr)
        packed = packing(site, PAGES, build, rounds)
    text = f"""\
## Requests, {rounds} rounds of {seconds} s in turns

*image* is the configuration of the web image (images/web/nginx/); *bare* names the root, the media types,
sendfile and the compressed twins, and nothing else. Both are {version("nginx")} with one
worker a processor and the same files, asked by {version("wrk")} over {CONNECTIONS} connections that are
kept. wrk has one half of the processors, the server the other. They take turns every second, the first of
which is not counted. Medians of the rounds; the ratio is that of the pairs. *CPU* is what the workers used
for one request. With logging *on* both write the same line (http/log.conf) to a file. The load average of
the machine was {load:.1f} before: from 0.5 on, other work is in the figures.

{rates}

## Memory of the image's workers

Resident, with logging, under the requests above by turns.

{held}

## Packing

{packed}
"""
    report.write("What serving costs", "benchmarks.serve", text)
    print(text)


if __name__ == "__main__":
    main()
