"""``make bench``: the NGINX of the web image against a bare one, its memory, and how long packing takes.

Reads images/, out/base/web/. Works in a temporary folder. Writes its section of
benchmarks/RESULTS.md. Starts nginx and wrk. Network: the loopback alone.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from benchmarks import report
from benchmarks.build import PYTHON, ROOT, project
from benchmarks.measure import Peer, in_turns, median, ratio
from pipelines import config
from pipelines.image import layer
from pipelines.image.web import contents
from pipelines.site import compress

MODULES = Path("/usr/lib/nginx/modules")  # where Debian has them
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # Debian keeps nginx from the PATH of users
INSTALL = "sudo apt-get install nginx-light libnginx-mod-http-brotli-static wrk"

PAGES, PAGE, ASSET = 75, 10_000, 2_000  # posts of the site; bytes of what is asked for
CONNECTIONS = 32
BARS = {"off": 0.9, "on": 0.8}  # requests per second, the image's to the bare one's, by logging
GROWTH = 1.05  # of a worker, from a tenth of the requests to all of them: more is a leak
PACKING = 1.0  # seconds

# What it takes to answer the same requests, and nothing else. Only where both log, both log alike:
# the image's own file with the two names that it takes from elsewhere.
BARE = """\
worker_processes auto;
pid tmp/bare.pid;
error_log /dev/stderr crit;
load_module usr/lib/nginx/modules/ngx_http_brotli_static_module.so;
events {{}}
http {{
    include http/types.conf;
    sendfile on;
    gzip_static on;
    brotli_static on;
    {log}
    server {{
        listen 127.0.0.1:{port};
        root srv/public;
    }}
}}
"""
LOGS = {
    "off": "access_log off;",
    "on": 'map "" $zone { default page; } map "" $whole_addresses { default ""; } include http/log.conf;',
}

OFF = "access_log off; # "  # before what the image's line goes on to say


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, again and again."""

    name: str
    path: str
    coding: str  # Accept-Encoding


@dataclass(frozen=True, slots=True)
class Stint:
    """What was answered in some seconds."""

    requests: int = 0
    wall: float = 0  # seconds
    cpu: float = 0  # seconds, of the workers

    def __add__(self, other: Stint) -> Stint:
        return Stint(self.requests + other.requests, self.wall + other.wall, self.cpu + other.cpu)


class Server:
    """An NGINX that runs, and its access log."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process, self.port, self._log = process, port, log

    def load(self, request: Request) -> Stint:
        """Ask for one second, as fast as wrk can; raise RuntimeError unless every answer was a good one."""
        url = f"http://127.0.0.1:{self.port}{request.path}"
        before = self._cpu()
        words = [_program("wrk"), f"-t{len(_halves()[0])}", f"-c{CONNECTIONS}", "-d1s"]
        words += ["-H", f"Accept-Encoding: {request.coding}", url]
        with _on(_halves()[0]):
            done = subprocess.run(words, capture_output=True, text=True, check=True)
        spent = self._cpu() - before
        os.truncate(self._log, 0)  # both append; nothing of a round is left for the next one
        count = re.search(r"(\d+) requests in", done.stdout)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)  # tells the time better than "in 1.10s"
        if not count or not rate or re.search(r"Non-2xx|Socket errors", done.stdout):
            raise RuntimeError(f"{url}: not every answer was a good one: {done.stdout}{done.stderr}")
        return Stint(int(count[1]), int(count[1]) / float(rate[1]), spent)

    def answer(self, request: Request) -> tuple[int, str, bytes]:
        """Return status, coding and body of one answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", request.path, headers={"Accept-Encoding": request.coding})
            got = connection.getresponse()
            return got.status, got.getheader("Content-Encoding", "identity"), got.read()
        finally:
            connection.close()

    def memory(self) -> list[int]:
        """Return the resident kB of each worker."""
        found = []
        for worker in self._workers():
            status = Path(f"/proc/{worker}/status").read_text()
            found += [int(kb) for kb in re.findall(r"VmRSS:\s+(\d+) kB", status)]
        return found

    def _workers(self) -> list[str]:
        one = self.process.pid
        return Path(f"/proc/{one}/task/{one}/children").read_text().split()

    def _cpu(self) -> float:
        ticks = 0
        for worker in self._workers():
            # After the name, which may hold spaces: utime and stime are fields 14 and 15 (proc(5)).
            fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise SystemExit(f"error: {name} is not installed; {INSTALL}")
    return found


def _need() -> None:
    """End with one line when something is missing, before anything is measured."""
    for name in ("nginx", "wrk"):
        _program(name)
    if not (MODULES / "ngx_http_brotli_static_module.so").exists():
        raise SystemExit(f"error: NGINX lacks its module for brotli; {INSTALL}")
    if not (ROOT / "out" / "base" / "web").exists():
        raise SystemExit("error: out/base/web: is not there; run `make base` (needs buildah and debootstrap)")


def _halves() -> tuple[set[int], set[int]]:
    """Return the processors of wrk and those of the server, which then do not wait for each other."""
    cores = sorted(os.sched_getaffinity(0))
    half = len(cores) // 2
    return (set(cores[:half]), set(cores[half:])) if half else (set(cores), set(cores))


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """Let what is started within the block run on *cores* alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _unpack(site: Path, root: Path) -> None:
    """Write what is above the base of the image of *site* into *root*, with room to write and the modules."""
    for files in contents(site, config.load(site))[1].values():
        with tarfile.open(fileobj=io.BytesIO(layer.pack(files))) as tar:
            tar.extractall(root, filter="fully_trusted")
    (root / "tmp").mkdir(exist_ok=True)
    (root / "usr/lib/nginx").mkdir(parents=True)
    (root / "usr/lib/nginx/modules").symlink_to(MODULES)


def _requests(root: Path) -> list[Request]:
    """Return what is asked for: the page of *root* nearest to 10 kB, and a small asset, in each coding."""
    public = root / "srv" / "public"
    sizes = {file: file.stat().st_size for file in public.rglob("*/index.html")}
    page = min(sorted(sizes), key=lambda file: abs(sizes[file] - PAGE))
    # The theme has one large style sheet; its first rules make a small one.
    (style,) = (public / "assets").glob("site.*.css")
    data = style.read_bytes()[:ASSET]
    small = public / "assets" / f"small.{hashlib.sha256(data).hexdigest()[:8]}.css"
    for file, text in zip(
        (small, Path(f"{small}.gz"), Path(f"{small}.br")),
        (data, *compress.twins(data, compress.ASSET)),
        strict=True,
    ):
        file.write_bytes(text)
    places = {
        f"page of {sizes[page] / 1000:.1f} kB": f"/{page.parent.relative_to(public).as_posix()}/",
        f"asset of {len(data) / 1000:.1f} kB": f"/{small.relative_to(public).as_posix()}",
    }
    codings = ("identity", "gzip", "br")
    return [Request(name, path, coding) for name, path in places.items() for coding in codings]


@contextmanager
def _server(root: Path, conf: str, port: int) -> Iterator[Server]:
    """Run NGINX on the tree *root* with *conf*, a file of its etc/nginx."""
    # Only root may change the user, and a temporary folder is closed to others.
    user = "user root;" if os.geteuid() == 0 else ""
    words = [_program("nginx"), "-p", f"{root}/", "-e", "/dev/stderr", "-c", f"etc/nginx/{conf}"]
    log, faults = root / f"{conf}.log", root / f"{conf}.faults"
    with log.open("ab") as out, faults.open("wb") as err, _on(_halves()[1]):
        process = subprocess.Popen(
            [*words, "-g", f"daemon off; {user}"], stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
    try:
        end = time.monotonic() + 30
        while True:
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"NGINX with {conf} does not answer: {faults.read_text()}")
            time.sleep(0.02)
        yield Server(process, port, log)
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _both(root: Path, log: str) -> Iterator[dict[str, Server]]:
    """Run the bare NGINX and the image's on *root*, with logging "on" or "off"."""
    bare, ours, health = _free_port(), _free_port(), _free_port()
    settings = root / "etc" / "nginx"
    (settings / "bare.conf").write_text(BARE.format(log=LOGS[log], port=bare))
    (settings / "listen/site.conf").write_text(f"listen 127.0.0.1:{ours} default_server;\n")
    (settings / "listen/health.conf").write_text(f"listen 127.0.0.1:{health} default_server;\n")
    own = settings / "http" / "log.conf"
    text = own.read_text().replace(OFF, "access_log ")
    if log == "off":
        text, count = re.subn(r"(?m)^access_log ", OFF, text)
        if count != 1:
            raise RuntimeError(f"http/log.conf: {count} lines begin with access_log; mend this measurement")
    own.write_text(text)
    with _server(root, "bare.conf", bare) as a, _server(root, "nginx.conf", ours) as b:
        yield {"bare": a, "image": b}


def throughput(root: Path, requests: list[Request], rounds: int, seconds: int) -> str:
    """Return the table of requests per second, as Markdown."""
    lines = [
        "| logging | what | coding | bare, requests/s | image, requests/s | image to bare: median "
        "(least to greatest) | bar | met | bare, CPU µs | image, CPU µs |",
        "|---|---|---|---:|---:|---:|---:|---|---:|---:|",
    ]
    for log, bar in BARS.items():
        with _both(root, log) as servers:
            for request in requests:
                bare, image = (server.answer(request) for server in servers.values())
                if bare != image or image[:2] != (200, request.coding):
                    raise RuntimeError(f"{request}: answered with {bare[:2]} and {image[:2]}, or other bytes")
                found = _turns(servers, request, rounds, seconds)
                least, middle, most = ratio(found["image"], found["bare"], _rate)
                rates = " | ".join(f"{median(one, _rate):.0f}" for one in found.values())
                costs = " | ".join(f"{median(one, _cpu):.1f}" for one in found.values())
                lines.append(
                    f"| {log} | {request.name} | {request.coding} | {rates} "
                    f"| {middle:.2f} ({least:.2f} to {most:.2f}) "
                    f"| {bar:.2f} | {_met(middle >= bar)} | {costs} |"
                )
                print(lines[-1], file=sys.stderr)
    return "\n".join(lines)


def _turns(servers: dict[str, Server], request: Request, rounds: int, seconds: int) -> dict[str, list[Stint]]:
    """Load the servers A B A B … by the second, after one second each that is not counted."""
    found: dict[str, list[Stint]] = {name: [] for name in servers}
    for server in servers.values():
        server.load(request)
    for _ in range(rounds):
        # Other work on the machine comes and goes within seconds: it should meet both.
        slices = [{name: server.load(request) for name, server in servers.items()} for _ in range(seconds)]
        for name, stints in found.items():
            stints.append(sum((one[name] for one in slices), start=Stint()))
    return found


def memory(root: Path, requests: list[Request], total: int) -> str:
    """Return the table of what the workers of the image hold, as Markdown."""
    lines = ["| requests | largest worker kB | all workers kB |", "|---:|---:|---:|"]
    largest = []
    with _both(root, "on") as servers:
        one, done, turn = servers["image"], 0, 0
        for mark in (0, total // 10, total):
            while done < mark:
                done += one.load(requests[turn % len(requests)]).requests
                turn += 1
            held = one.memory()
            largest.append(max(held))
            lines.append(f"| {done:,} | {max(held)} | {sum(held)} |")
            print(lines[-1], file=sys.stderr)
    growth = largest[2] / largest[1]
    flat = _met(growth <= GROWTH)
    return "\n".join([*lines, "", f"From the second row to the third: {growth:.3f}; bar {GROWTH}: {flat}."])


def packing(site: Path, build: list[str], rounds: int) -> str:
    """Return how long `image` takes after one page of *site* has changed, as Markdown."""
    page = site / "content" / "posts" / "post-00003.md"

    def change() -> None:
        page.write_text(page.read_text() + "\nOne more sentence.\n")
        _build(build)

    argv = [PYTHON, "-m", "pipelines", "--project", str(site), "image", "web"]
    (runs,) = in_turns([Peer("image after a change", argv, site, change)], rounds).values()
    walls = [run.wall for run in runs]
    middle, cpu = statistics.median(walls), statistics.median(run.cpu for run in runs)
    return (
        f"`image web` on a site of {PAGES} posts, after one of them has changed and the site is built: "
        f"{middle:.2f} s ({min(walls):.2f} to {max(walls):.2f}), {cpu:.2f} s of CPU, medians of {rounds} "
        f"whole processes; bar {PACKING:.0f} s: {_met(middle <= PACKING)}."
    )


def _build(argv: list[str]) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def _met(true: bool) -> str:
    return "met" if true else "**missed**"


def _rate(stint: Stint) -> float:
    return stint.requests / stint.wall


def _cpu(stint: Stint) -> float:
    return stint.cpu / stint.requests * 1e6


def _version(name: str) -> str:
    done = subprocess.run([_program(name), "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)  # wrk -v ends with status 1
    return f"{name} {found[0] if found else 'of unknown version'}"


def main() -> None:
    """Measure, and write what was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 3 s instead of 5 of 5 s")
    rounds, seconds = (3, 3) if parser.parse_args().quick else (5, 5)
    _need()
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
        _build(build)
        _unpack(site, root)
        requests = _requests(root)
        rates = throughput(root, requests, rounds, seconds)
        print("memory", file=sys.stderr)
        held = memory(root, requests, 1_000_000)
        print("packing", file=sys.stderr)
        packed = packing(site, build, rounds)
    text = f"""\
## Requests, {rounds} rounds of {seconds} s in turns

*image* is the configuration of the web image (images/web/nginx/); *bare* names the root, the media types,
sendfile and the compressed twins, and nothing else. Both are {_version("nginx")} with one
worker a processor and the same files, asked by {_version("wrk")} over {CONNECTIONS} connections that are
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
