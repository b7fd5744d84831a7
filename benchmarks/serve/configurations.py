"""The two compared configurations: the NGINX of the image, and a minimal one.

Writes both below the tree that they serve. Starts nginx. Network: the loopback alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serve.server import Server, free_port, run_nginx

# The least that serves the same requests. With logging it includes the log format of the image, and defines
# the two variables that the format uses.
MINIMAL_CONF = """\
worker_processes auto;
pid tmp/minimal.pid;
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

DISABLED_LOG = "access_log off; # "  # replaces "access_log ", and comments the rest of the line out


@contextmanager
def run_both(root: Path, log: str) -> Iterator[dict[str, Server]]:
    """Run the minimal NGINX and the image's on *root*, with logging "on" or "off"."""
    minimal, ours, health = free_port(), free_port(), free_port()
    settings = root / "etc" / "nginx"
    (settings / "minimal.conf").write_text(MINIMAL_CONF.format(log=LOGS[log], port=minimal))
    (settings / "listen/site.conf").write_text(f"listen 127.0.0.1:{ours} default_server;\n")
    (settings / "listen/health.conf").write_text(f"listen 127.0.0.1:{health} default_server;\n")
    own = settings / "http" / "log.conf"
    text = own.read_text().replace(DISABLED_LOG, "access_log ")
    if log == "off":
        text, count = re.subn(r"(?m)^access_log ", DISABLED_LOG, text)
        if count != 1:
            raise RuntimeError(f"http/log.conf: {count} lines start with access_log; expected 1")
    own.write_text(text)
    with run_nginx(root, "minimal.conf", minimal) as a, run_nginx(root, "nginx.conf", ours) as b:
        yield {"minimal": a, "image": b}
