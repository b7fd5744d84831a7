"""``make bench``: the web image's NGINX against a minimal one, its memory, and the time to pack the image.

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
from benchmarks.programs import require, version
from benchmarks.project import ROOT, write_project
from benchmarks.serve.memory import measure_memory
from benchmarks.serve.packing import measure_packing
from benchmarks.serve.requests import select_requests, unpack_image
from benchmarks.serve.server import CONNECTIONS
from benchmarks.serve.throughput import measure_throughput

PAGES = 75  # posts of the site


def main() -> None:
    """Measure, and write the section of the server."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 3 s instead of 5 of 5 s")
    rounds, seconds = (3, 3) if parser.parse_args().quick else (5, 5)
    require("nginx", "wrk")
    if not (ROOT / "out" / "base" / "web").exists():
        raise SystemExit("error: out/base/web: does not exist; run `make base` (needs buildah, debootstrap)")
    load = os.getloadavg()[0]
    # Run the finally blocks of a cancelled job, which end its processes.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as name:
        site, root = Path(name, "site"), Path(name, "root")
        site.mkdir()
        build = write_project(site, PAGES)
        shutil.copytree(ROOT / "images", site / "images")
        shutil.copytree(ROOT / "out" / "base" / "web", site / "out" / "base" / "web")
        print("building the site", file=sys.stderr)
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        unpack_image(site, root)
        requests = select_requests(root)
        rates = measure_throughput(root, requests, rounds, seconds)
        print("memory", file=sys.stderr)
        resident = measure_memory(root, requests, 1_000_000)
        print("packing", file=sys.stderr)
        packing = measure_packing(site, PAGES, build, rounds)
    text = f"""\
## Requests, {rounds} interleaved rounds of {seconds} s

*image* is the configuration of the web image (images/web/nginx/); *minimal* sets only the root, the media
types, sendfile and precompressed files. Both are {version("nginx")} with one
worker a processor and the same files, under {version("wrk")} with {CONNECTIONS} keep-alive
connections. wrk has one half of the processors, the server the other. They alternate every second, after a
warm-up second. Medians of the rounds; the ratio is that of the pairs. *CPU* is the time of the workers
for one request. With logging *on* both write the same line (http/log.conf) to a file. The load average of
the machine was {load:.1f} before: from 0.5 on, other work is in the figures.

{rates}

## Memory of the image's workers

Resident, with logging, under the requests above in turn.

{resident}

## Packing

{packing}
"""
    report.write_section("What serving costs", "benchmarks.serve", text)
    print(text)


if __name__ == "__main__":
    main()
