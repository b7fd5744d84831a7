"""Graceful stop: open requests are completed, and a rollout fails no request."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.support.previews import free_port
from tests.support.tools import need
from tests.web.conftest import Start
from tests.web.server import WebServer, run_server

EDGE = """
worker_processes 1;
pid {folder}/edge.pid;
error_log /dev/stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    upstream pods {{
        server 127.0.0.1:{one} max_fails=0;
        server 127.0.0.1:{two} max_fails=0;
        keepalive 16;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://pods;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
    server {{ listen 127.0.0.1:{health}; location = /readyz {{ return 200; }} }}
}}
"""


@contextmanager
def edge(folder: Path, one: int, two: int) -> Iterator[WebServer]:
    """Run an edge that balances requests between two pods over keepalive connections."""
    port, health = free_port(), free_port()
    file = folder / "edge.conf"
    file.write_text(EDGE.format(folder=folder, one=one, two=two, port=port, health=health))
    argv = [need("nginx"), "-e", "/dev/stderr", "-c", str(file), "-g", "daemon off;"]
    with run_server(folder, argv, port, health) as web:
        yield web


class Load:
    """Readers that request pages without a pause and record failures."""

    def __init__(self, web: WebServer, readers: int = 6) -> None:
        self._web, self._over = web, threading.Event()
        self.done = 0
        self.failed: list[object] = []
        self._threads = [threading.Thread(target=self._read) for _ in range(readers)]

    def _read(self) -> None:
        while not self._over.is_set():
            try:
                response = self._web.get("/posts/long/")
                self.done += 1
                if response.status != 200 or len(response.body) != int(response.headers["content-length"]):
                    self.failed.append(response.status)
            except OSError as error:
                self.failed.append(error)

    def __enter__(self) -> Load:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *what: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop after the open requests."""
        self._over.set()
        for one in self._threads:
            one.join()

    def after(self, count: int) -> None:
        """Wait until *count* more requests are done."""
        goal, end = self.done + count, time.monotonic() + 30
        while self.done < goal:
            assert time.monotonic() < end, "the load stands still"
            time.sleep(0.01)


@pytest.mark.slow
def test_a_rollout_under_load_fails_no_request(start: Start, tmp_path: Path) -> None:
    """Both pods are replaced, one after the other, while readers come through the edge."""
    with start() as one, start() as two, edge(tmp_path, one.port, two.port) as front, Load(front) as load:
        load.after(200)
        assert one.quit() == 0
        load.after(200)
        with start(port=one.port):
            load.after(200)
            assert two.quit() == 0
            load.after(200)
            load.end()
    assert load.failed == []
    assert load.done > 800


def test_a_kept_connection_ends_within_seconds(start: Start) -> None:
    """An edge that keeps connections would read old pages from a pod that is replaced, until it stops."""
    with start() as web:
        connection = HTTPConnection("127.0.0.1", web.port, timeout=10)

        def closes() -> bool:
            connection.request("GET", "/")
            response = connection.getresponse()
            response.read()
            return response.getheader("Connection") == "close"

        assert not closes()
        socket_of_the_first = connection.sock
        begun = time.monotonic()
        while not closes():
            assert connection.sock is socket_of_the_first
            assert time.monotonic() - begun < 5
            time.sleep(0.25)
        assert time.monotonic() - begun > 2


def test_a_slow_reader_gets_the_rest_after_the_stop(start: Start, project: Path) -> None:
    """SIGQUIT: the socket closes for newcomers, what was begun is finished."""
    size = (project / "out/site/public/posts/long/index.html").stat().st_size
    count = 200
    with start() as web:
        line = socket.socket()
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", web.port))
        line.sendall(b"GET /posts/long/ HTTP/1.1\r\nHost: x\r\n\r\n" * count)
        time.sleep(0.3)
        assert web.process.poll() is None
        got = line.recv(1000)
        web.process.send_signal(3)
        time.sleep(0.5)
        refused = False
        try:
            web.get("/")
        except ConnectionRefusedError:
            refused = True
        assert refused
        line.settimeout(20)
        while part := line.recv(65536):
            got += part
        line.close()
        assert web.process.wait(30) == 0
    whole = got.count(b"HTTP/1.1 200 OK")
    assert whole >= 1
    assert got.count(b"\r\n\r\n") == whole
    assert len(got) > whole * size
