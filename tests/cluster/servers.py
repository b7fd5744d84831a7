"""Servers outside of the nodes, each a process: `python -m tests.cluster.servers git FOLDER PORT`.

git: git http-backend behind HTTP. nexus: the tests' fake. storage: moto, an S3 in memory. mail: a sink of one
file a mail. All listen in the namespaces only.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cluster.layout import HOST, MAIL

USER = "ci"  # who pushes; a read needs no login


def cgi_variables(folder: Path, method: str, target: str, headers: Message) -> dict[str, str]:
    """Return the variables of git-http-backend(1) for a request of *target*, a path in *folder*."""
    path, _, query = target.partition("?")
    return {
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "CONTENT_LENGTH": headers.get("Content-Length", ""),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        "REMOTE_USER": USER,
        "REMOTE_ADDR": "127.0.0.1",
    }


def split_response(output: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return status, headers and body of the output of a CGI program."""
    head, _, body = output.partition(b"\r\n\r\n")
    pairs = [line.decode().split(": ", 1) for line in head.split(b"\r\n")]
    headers = [(name, value) for name, value in pairs]
    status = next((int(value.split()[0]) for name, value in headers if name.lower() == "status"), 200)
    return status, [pair for pair in headers if pair[0].lower() != "status"], body


def serve_git(folder: Path, port: int) -> None:
    """Serve the repositories in *folder*."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # the names that http.server calls
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            variables = cgi_variables(folder, self.command, self.path, self.headers)
            argv = ["git", "http-backend"]
            done = subprocess.run(
                argv, env=os.environ | variables, input=body, stdout=subprocess.PIPE, check=False
            )
            status, headers, content = split_response(done.stdout)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def serve_nexus(port: int) -> None:
    """Serve the fake Nexus with the repository "helm"."""
    from tests.fakes.nexus import nexus

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with nexus("helm", port=port):
        signal.pause()


# Web pods read the bucket of assets without a login, objects by their name alone.
_PUBLIC = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::assets/*",
        }
    ],
}


def serve_storage(port: int) -> None:
    """Serve an object storage, with the buckets of the site."""
    # moto takes the first label of a host name for a bucket.
    os.environ["S3_IGNORE_SUBDOMAIN_BUCKETNAME"] = "true"
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    import boto3
    from botocore.config import Config

    session = boto3.session.Session("writer", "secret", region_name="us-east-1")
    config = Config(s3={"addressing_style": "path"})
    client = session.client("s3", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    for name in ("assets", "archive", "backups"):
        client.create_bucket(Bucket=name)
    client.put_bucket_policy(Bucket="assets", Policy=json.dumps(_PUBLIC))
    signal.pause()


class _Sink:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Write the mail to a file, whole."""
        partial = self.folder / f"{time.time():.6f}.new"
        partial.write_bytes(envelope.content)
        partial.rename(partial.with_suffix(".eml"))
        return "250 kept"


def serve_mail(folder: Path, port: int) -> None:
    """Accept every mail, and keep it in *folder*."""
    from aiosmtpd.controller import Controller

    folder.mkdir(parents=True, exist_ok=True)
    # Without a name it looks up that of the machine, which nothing here resolves.
    controller = Controller(_Sink(folder), HOST, port, ready_timeout=60, server_hostname=MAIL)
    controller.start()
    asyncio.new_event_loop().run_forever()


def main(kind: str, *words: str) -> None:
    """Run the server *kind*."""
    port = int(words[-1])
    if kind == "git":
        serve_git(Path(words[0]), port)
    elif kind == "nexus":
        serve_nexus(port)
    elif kind == "storage":
        serve_storage(port)
    elif kind == "mail":
        serve_mail(Path(words[0]), port)
    else:
        raise SystemExit(f"error: {kind}: unknown server; write git, nexus, storage or mail")


if __name__ == "__main__":
    main(*sys.argv[1:])
