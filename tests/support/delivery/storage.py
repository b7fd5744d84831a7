"""Object storage for tests: moto's server, and versitygw where it is installed, over HTTP."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from botocore.config import Config

from tests.support.previews import TIMEOUT, free_port
from tests.support.tools import need

KEY, SECRET = "writer", "a secret of the writer"
REGION = "us-east-1"
VERSITYGW = pytest.param("versitygw", marks=pytest.mark.slow)
SERVERS = ("moto", VERSITYGW) if shutil.which("versitygw") else ("moto",)


@dataclass(frozen=True)
class Storage:
    """A server that runs."""

    host: str  # "127.0.0.1:9000"
    name: str  # "moto" or "versitygw"

    def client(self) -> Any:
        """Return a boto3 client for the assertions of a test."""
        return _client(self.host)

    def make(self, *buckets: str) -> None:
        """Make *buckets*."""
        for name in buckets:
            self.client().create_bucket(Bucket=name)

    def objects(self, bucket: str) -> dict[str, bytes]:
        """Return everything in *bucket*."""
        client = self.client()
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [row["Key"] for page in pages for row in page.get("Contents", ())]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@cache
def _client(host: str) -> Any:
    options = {"addressing_style": "path"}
    return boto3.session.Session(KEY, SECRET, region_name=REGION).client(
        "s3",
        endpoint_url=f"http://{host}",
        config=Config(s3=options, request_checksum_calculation="when_required"),
    )


@contextmanager
def storage(folder: Path, name: str) -> Iterator[Storage]:
    """Run the server *name* with its data below *folder* until the block ends."""
    port = free_port()
    env = {**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    if name == "moto":
        argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    else:
        program = need("versitygw")
        (folder / "data").mkdir()
        (folder / "meta").mkdir()  # some file systems keep no attributes
        argv = [program, "--port", f"127.0.0.1:{port}", "--quiet", "posix"]
        argv += ["--sidecar", str(folder / "meta"), str(folder / "data")]
    with (folder / "log").open("ab") as log:
        one = subprocess.Popen(argv, stdout=log, stderr=log, env=env)
    try:
        end = time.monotonic() + TIMEOUT
        while True:
            assert one.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, "the object storage does not respond"
            try:
                httpx.get(f"http://127.0.0.1:{port}/", timeout=1, trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield Storage(f"127.0.0.1:{port}", name)
    finally:
        one.terminate()
        one.wait(TIMEOUT)
