"""Write the NGINX configuration of the web image for the tree of the preview.

Reads images/web/nginx of the project. Writes the directory *root*. No network.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.site_tree import ALIASES, GATED, PUBLIC
from pipelines.image.web import IMAGE_HOSTS, image_hosts_conf
from pipelines.preview.builder import TREE

SOURCE = Path("images", "web", "nginx")
MODULES = Path("/usr/lib/nginx/modules")  # where Debian has them
# The health server of the image needs an address; a socket's path cannot be in use, as a port can.
HEALTH = Path("tmp", "health.sock")
# Added for the preview: host names of this machine alone, redirects to one of them, files that change.
_SERVER = """
if ($http_host !~* "^(localhost|127\\.0\\.0\\.1|\\[::1\\])(:\\d+)?$") {{
    return 421;
}}
if ($host != "{host}") {{
    return 307 {url}$request_uri;
}}
open_file_cache off;
"""
_VERSION = '{"commit": null, "image": null, "site": null, "version": null}\n'
_API = re.compile(r'^(map "" \$api +\{ default) "";', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ports:
    """The addresses and ports that are listened on."""

    readers: Sequence[tuple[str, int]]  # address and port of NGINX
    api: int  # of the login API, on 127.0.0.1


def write_nginx_tree(project: Path, root: Path, ports: Ports, *, url: str, site: SiteConfig) -> None:
    """Write the prefix directory *root* for `nginx -p`: the image's configuration for readers at *url*.

    Raises PipelineError where the project has no such configuration.
    """
    source, target = project / SOURCE, root / "etc/nginx"
    if not (source / "nginx.conf").is_file():
        raise PipelineError(f"{SOURCE}/nginx.conf: no such file; restore it from Git")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    if not site.login:  # as in the image of such a site
        shutil.rmtree(target / "login")
    default = (target / "cluster/cluster.conf").read_text("utf-8")
    cluster, found = _API.subn(rf'\1 "127.0.0.1:{ports.api}";', default)
    if not found:
        raise PipelineError(f"{SOURCE}/cluster/cluster.conf: no line for $api; restore it from Git")
    for name, text in {
        "etc/nginx/cluster/cluster.conf": cluster,
        f"etc/nginx/{IMAGE_HOSTS}": image_hosts_conf(site.image_hosts),
        "etc/nginx/listen/site.conf": "".join(map(_listen, ports.readers)),
        "etc/nginx/listen/health.conf": f"listen unix:{HEALTH} default_server;\n",
        "etc/nginx/server/preview.conf": _SERVER.format(host=urlsplit(url).hostname, url=url),
        "srv/version/version.json": _VERSION,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    for name, destination in {
        "srv/public": project / TREE / PUBLIC,
        "srv/gated": project / TREE / GATED,
        "etc/nginx/site/aliases.map": project / TREE / ALIASES,
        "usr/lib/nginx/modules": MODULES,
    }.items():
        link = root / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(destination)
    (root / HEALTH).parent.mkdir(exist_ok=True)


def _listen(address: tuple[str, int]) -> str:
    host, port = address
    return f"listen {f'[{host}]' if ':' in host else host}:{port} default_server;\n"
