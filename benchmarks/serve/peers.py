"""The two that are compared: the NGINX of the image, and a bare one.

Writes their configurations below the tree that both serve. Starts nginx. Network: the loopback alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serve.server import Server, free_port, running

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


@contextmanager
def both(root: Path, log: str) -> Iterator[dict[str, Server]]:
    """Run the bare NGINX and the image's on *root*, with logging "on" or "off"."""
    bare, ours, health = free_port(), free_port(), free_port()
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
    with running(root, "bare.conf", bare) as a, running(root, "nginx.conf", ours) as b:
        yield {"bare": a, "image": b}
