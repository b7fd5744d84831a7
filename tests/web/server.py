"""Run the web image: its files in a directory by the local NGINX, or the image in a container.

Both get cluster.conf and the listening addresses as mounts, as from the chart.
Everything else is the image's.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from pipelines.core import config
from pipelines.image import layer
from pipelines.image.web import web_files
from tests.support.previews import TIMEOUT, free_port
from tests.support.project import ROOT
from tests.support.tools import need

NGINX = ROOT / "images" / "web" / "nginx"
MODULES = Path("/usr/lib/nginx/modules")  # Debian's directory
_READERS = itertools.count()
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")  # the image's and Debian's
TRUSTED = "set_real_ip_from 127.0.0.0/8;\n"


@dataclass(frozen=True)
class PodmanImage:
    """An image that podman can run."""

    podman: list[str]  # podman with the options of its storage
    name: str


@dataclass(frozen=True)
class Response:
    """A response of a server."""

    status: int
    headers: Mapping[str, str]  # names in lower case; several of one name joined by ", "
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as text."""
        return self.body.decode()


class WebServer:
    """A running server."""

    def __init__(self, port: int, health: int, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.port, self.health, self.process, self._folder = port, health, process, folder
        self._log: list[dict[str, Any]] = []  # what was read of the access log, which has thousands of lines
        self._log_read = 0  # bytes

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        port: int | None = None,
    ) -> Response:
        """Request *path* unchanged, over a new connection, with a minimum of headers."""
        connection = HTTPConnection("127.0.0.1", port or self.port, timeout=TIMEOUT)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            length = {} if body is None else {"Content-Length": str(len(body))}
            # Each request has another client address, for a server that trusts this proxy.
            number = next(_READERS)
            reader = {} if port else {"X-Forwarded-For": f"198.18.{number // 250 % 250}.{number % 250}"}
            for name, value in {"Host": "small.example", **reader, **length, **(headers or {})}.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            fields: dict[str, str] = {}
            for name, value in response.getheaders():
                known = fields.get(name.lower())
                fields[name.lower()] = value if known is None else f"{known}, {value}"
            return Response(response.status, fields, response.read())
        finally:
            connection.close()

    def raw(self, data: bytes) -> bytes:
        """Send *data*; return all bytes until the server closes or stops sending."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as line:
            line.sendall(data)
            line.settimeout(2)
            parts = []
            try:
                while part := line.recv(65536):
                    parts.append(part)
            except (TimeoutError, ConnectionResetError):
                pass
            return b"".join(parts)

    @property
    def stderr_text(self) -> str:
        """Return its standard error."""
        return (self._folder / "stderr").read_text("utf-8", "replace")

    @property
    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the access log so far."""
        with (self._folder / "stdout").open("rb") as file:
            file.seek(self._log_read)
            whole = file.read().rpartition(b"\n")
        self._log_read += len(whole[0] + whole[1])
        self._log += [json.loads(line) for line in whole[0].splitlines()]
        return self._log

    def logged(self, path: str) -> dict[str, Any]:
        """Wait for the last line of the log about *path*."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            if found := [line for line in self.log if line["path"] == path]:
                return found[-1]
            time.sleep(0.05)
        raise AssertionError(f"{path} was never logged")

    def quit(self, number: int = signal.SIGQUIT) -> int:
        """Send the signal *number* and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    @property
    def active_connections(self) -> int:
        """Return the number of open connections, this one included."""
        text = self.get("/stub_status", port=self.health).text
        return int(re.findall(r"Active connections: (\d+)", text)[0])


def cluster_conf(extra: str = TRUSTED, **values: str) -> str:
    """Return cluster.conf with *values* for its variables, and *extra* appended."""
    text = (NGINX / "cluster" / "cluster.conf").read_text("utf-8")
    for name, value in values.items():
        found = re.search(rf'(?m)^map "" \${name} +{{ default ""; }}$', text)
        assert found, f"cluster.conf has no variable {name}"
        text = text.replace(found[0], f'map "" ${name} {{ default "{value}"; }}')
    return text + extra


def write_mounts(
    folder: Path, text: str, port: int = 0, more: Mapping[str, str] | None = None
) -> tuple[int, int]:
    """Write the chart's mounts into *folder*, and *more* by path; return the two ports."""
    port, health = port or free_port(), free_port()
    for name, data in {
        "cluster/cluster.conf": text,
        "listen/site.conf": f"listen 127.0.0.1:{port} default_server backlog=4096;\n",
        "listen/health.conf": f"listen 127.0.0.1:{health} default_server;\n",
        **(more or {}),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(data)
    return port, health


@contextmanager
def run_process(
    folder: Path,
    project: Path,
    text: str | None = None,
    port: int = 0,
    more: Mapping[str, str] | None = None,
) -> Iterator[WebServer]:
    """Run the files of *project*'s image below *folder* by the NGINX of this machine.

    It trusts one public authority: NGINX parses the list for each location, and
    all 150 take 0.15 s of CPU time at each start.
    """
    root = folder / "root"
    unpack_image(project, root)
    _trust_one_authority(root)
    text = cluster_conf() if text is None else text
    port, health = write_mounts(root / "etc/nginx", text, port, more)
    with run_server(folder, nginx_command(root), port, health) as web:
        yield web


def unpack_image(project: Path, root: Path) -> None:
    """Write the layers and what the base has for NGINX into *root*."""
    unpack_layers(project, root)
    (root / "tmp").mkdir(exist_ok=True)
    modules = root / "usr/lib/nginx/modules"
    if not modules.exists():
        modules.parent.mkdir(parents=True)
        modules.symlink_to(MODULES)


def nginx_command(root: Path) -> list[str]:
    """Return the command that runs NGINX on the files in *root*."""
    # Only root may set the user; other users cannot read a test's directory.
    user = "user root;" if os.geteuid() == 0 else ""
    words = ("-p", f"{root}/", "-e", "/dev/stderr", "-c", "etc/nginx/nginx.conf", "-g", f"daemon off; {user}")
    return [need("nginx"), *words]


def _trust_one_authority(root: Path) -> None:
    """Replace the list of authorities in the configuration by its first certificate."""
    file, end = root / "etc/nginx/http/proxy.conf", "-----END CERTIFICATE-----\n"
    (root / "authority.pem").write_text(AUTHORITIES.read_text().partition(end)[0] + end)
    before, name, after = file.read_text().partition(f" {AUTHORITIES};")
    assert name, f"{file}: does not name {AUTHORITIES}"
    file.write_text(f"{before} {root}/authority.pem;{after}")


def unpack_layers(project: Path, root: Path) -> None:
    """Write the layers above the base into *root*, as a runtime does."""
    _, layers = web_files(project, config.load_config(project))
    for files in layers.values():
        with tarfile.open(fileobj=io.BytesIO(layer.pack_files(files))) as tar:
            tar.extraction_filter = lambda member, _: member  # Python 3.11.2 has no argument for it
            tar.extractall(root)


@contextmanager
def run_container(
    folder: Path,
    image: PodmanImage,
    text: str | None = None,
    port: int = 0,
    more: Mapping[str, str] | None = None,
) -> Iterator[WebServer]:
    """Run *image* unprivileged, with a read-only root, on the loopback of this machine."""
    mounts = folder / "mounts"
    port, health = write_mounts(mounts, cluster_conf() if text is None else text, port, more)
    words = [
        *unprivileged_options(f"web-{port}"),
        *("--volume", f"{mounts}/cluster:/etc/nginx/cluster:ro"),
        *("--volume", f"{mounts}/listen:/etc/nginx/listen:ro"),
    ]
    with run_server(folder, [*image.podman, *words, image.name], port, health) as web:
        yield web


def unprivileged_options(name: str) -> list[str]:
    """Return the options of podman that run *name* as the chart does, on the network of this machine."""
    # The limit of this process: podman's default exceeds that of some machines.
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return [
        *("run", "--rm", "--name", name, "--network", "host", "--read-only", "--tmpfs", "/tmp:mode=1777"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--log-driver", "none"),
        *("--ulimit", f"nofile={files}:{files}", "--ulimit", "nproc=1000:1000"),
    ]


@contextmanager
def run_server(folder: Path, argv: list[str], port: int, health: int) -> Iterator[WebServer]:
    with (folder / "stdout").open("ab") as out, (folder / "stderr").open("ab") as err:
        one = subprocess.Popen(argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL)
    web = WebServer(port, health, one, folder)
    try:
        _wait_until_ready(web)
        yield web
    finally:
        if one.poll() is None:
            one.send_signal(signal.SIGTERM)
            one.wait(60)


def _wait_until_ready(web: WebServer) -> None:
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        assert web.process.poll() is None, web.stderr_text
        try:
            if web.get("/readyz", port=web.health).status == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"not ready in time: {web.stderr_text}")


@contextmanager
def podman_image(layout: Path) -> Iterator[PodmanImage]:
    """Yield the image of *layout* in a podman storage of its own, removed after the block."""
    folder = tempfile.mkdtemp(prefix="pod-")  # podman accepts at most 50 characters
    words = [need("podman"), "--root", f"{folder}/storage", "--runroot", f"{folder}/run"]
    if shutil.which("runc"):  # crun of Debian 12 refuses machines with both versions of cgroups
        words += ["--runtime", "runc"]
    done = subprocess.run([*words, "pull", "-q", f"oci:{layout}"], capture_output=True, text=True, check=True)
    try:
        yield PodmanImage(words, done.stdout.strip())
    finally:
        subprocess.run([*words, "rmi", "--all", "--force"], capture_output=True, check=False)
        subprocess.run(["umount", f"{folder}/storage/overlay"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
