"""The NGINX outside of the nodes: the edge of the operator's guide, and TLS for all other servers.

Reads docs/operator.md. Writes nothing. Listens on port 443 of the host, in the namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.cluster.layout import (
    EDGE_PORT,
    GHCR,
    GIT,
    NEXUS,
    NODES,
    REGISTRY,
    ROOT,
    SITE,
    STORAGE,
    ZALANDO,
    Layout,
    node_address,
)

REGISTRY_PORT, GHCR_PORT, NEXUS_PORT, STORAGE_PORT, GIT_PORT, WEBHOOK_PORT = (
    5000,
    5001,
    8081,
    9000,
    8082,
    9292,
)
BACKENDS = {
    REGISTRY: REGISTRY_PORT,
    GHCR: GHCR_PORT,
    NEXUS: NEXUS_PORT,
    STORAGE: STORAGE_PORT,
    GIT: GIT_PORT,
}
_PROXY = """
  server {{
    listen 443 ssl;
    server_name {name};
    client_max_body_size 0;
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
"""
_CONFIG = """\
daemon off;
user root;
worker_processes 1;
pid {run}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {run}/body;
  proxy_temp_path {run}/proxy;
  fastcgi_temp_path {run}/fastcgi;
  uwsgi_temp_path {run}/uwsgi;
  scgi_temp_path {run}/scgi;
  ssl_certificate {pki}/edge.crt;
  ssl_certificate_key {pki}/edge.key;
  server {{
    listen 443 ssl;
    server_name {zalando};
    root {run}/charts;
  }}
{servers}
{site}
}}
"""


def guide_edge(guide: str) -> str:
    """Return the configuration that *guide*, the text of docs/operator.md, has for an edge."""
    section = guide.partition("### 4. The edge")[2]
    found = re.search(r"^```nginx\n(.*?)^```", section, re.M | re.S)
    assert found, "docs/operator.md: the section of the edge has no block of nginx"
    return found[1]


def site_edge(example: str, pki: str, nodes: Mapping[str, str]) -> str:
    """Return *example* for this network: *nodes* maps its addresses to these.

    Flux's controllers are no pods here, so that the webhook has one address, on the host.
    """
    hooks = f"upstream hooks {{\n    zone hooks_nodes 64k;\n    server 127.0.0.1:{WEBHOOK_PORT};\n}}"
    text, count = re.subn(r"upstream hooks \{.*?\n\}", hooks, example, flags=re.S)
    for old, new in nodes.items():
        text = text.replace(f"{old}:30080", f"{new}:{EDGE_PORT}")
    text = text.replace("example.org", SITE)
    text = text.replace("/etc/ssl/site/fullchain.pem", f"{pki}/edge.crt")
    text = text.replace("/etc/ssl/site/privkey.pem", f"{pki}/edge.key")
    assert count == 1, "docs/operator.md: the edge has no upstream hooks"
    assert "192.0.2." not in text, "docs/operator.md: the edge has other addresses than those of three nodes"
    return text


def config(there: Layout, guide: str) -> str:
    """Return the configuration of NGINX."""
    nodes = {f"192.0.2.1{number}": node_address(number) for number in NODES}
    return _CONFIG.format(
        run=there.run / "edge",
        pki=there.pki,
        zalando=ZALANDO,
        servers="".join(_PROXY.format(name=name, port=port) for name, port in BACKENDS.items()),
        site=site_edge(guide_edge(guide), str(there.pki), nodes),
    )


def guide() -> str:
    """Return the operator's guide."""
    return (ROOT / "docs" / "operator.md").read_text("utf-8")
