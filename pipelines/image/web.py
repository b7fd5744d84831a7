"""Pack the web image: a built site, and the configuration of the NGINX that serves it.

Reads out/site, out/site.json, images/web/nginx/, the pinned base. Writes
out/images/web/ (an OCI layout), out/images/web.cdx.json, out/image-web.json.
Network: to pull the base, where it is missing.

Four layers, the ones that change least first: base, configuration, assets
(hashed names), pages. A new post changes the last layer only, and a node pulls
that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.core import digests, results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.results import ImageResult
from pipelines.image import base
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.layer import File
from pipelines.image.pack import ImageContent, pack_image

NGINX = "images/web/nginx"
IMAGE_HOSTS = "http/image-hosts.conf"  # below NGINX; the image has its own
# Placeholder of /version.json: the chart mounts its own file over it.
_UNKNOWN_VERSION = {"commit": None, "image": None, "site": None, "version": None}


def pack_web_image(project: Path, site: SiteConfig, bases: BaseRegistry | None = None) -> ImageResult:
    """Pack out/site of *project* into out/images/web; equal inputs give equal bytes.

    *bases* is the registry to pull a missing base from; default: that of *site*,
    without credentials. Raises PipelineError for a tree with drafts, a tree that
    differs from its record, and a base other than the pinned one; out/ is
    unchanged then.
    """
    digest, layers = web_files(project, site)
    base_image = base.find_base(project, "web", bases or BaseRegistry(site.registry))
    return pack_image(project, "web", site, base_image, ImageContent(layers, site.tagline, digest))


def web_files(project: Path, site: SiteConfig) -> tuple[str, dict[str, list[File]]]:
    """Return the digest of out/site and the files of each layer above the base.

    Each file is read once and the digest is made of these bytes, so a concurrent
    build is detected.
    """
    record = results.read_site(project / "out" / "site.json")
    if record.drafts:
        raise PipelineError("out/site: contains drafts, which must not be published; run `make build`")
    found = digests.read_tree(project / "out" / "site")
    digest = digests.digest_of_files(found)
    if digest != record.digest:
        raise PipelineError("out/site: differs from out/site.json: it was changed; run `make build`")
    if not site.login and any(name.startswith("gated/") for name in found):
        raise PipelineError(
            "out/site: contains members' pages, but site.toml has login = false; run `make build`"
        )
    files = [File(_image_path(name), data) for name, data in found.items()]
    return digest, {
        "configuration": list(_nginx_files(project, site)),
        "assets": [file for file in files if "/assets/" in file.path],
        "pages": [
            *(file for file in files if "/assets/" not in file.path),
            File("srv/site-digest", f"{digest}\n".encode()),
        ],
    }


def _image_path(name: str) -> str:
    """Return the path in the image of the site's file *name*."""
    return "etc/nginx/site/aliases.map" if name == "aliases.map" else f"srv/{name}"


def image_hosts_conf(hosts: Iterable[str]) -> str:
    """Return the NGINX file that adds the origins *hosts* to img-src of the Content-Security-Policy."""
    return f'map "" $image_hosts {{ default "{"".join(f" {host}" for host in hosts)}"; }}\n'


def _nginx_files(project: Path, site: SiteConfig) -> Iterator[File]:
    """Yield the configuration of NGINX; without a login, none of members, gate and API."""
    root = project / NGINX
    faults = []
    for path in sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file() or path.suffix not in (".conf", ".map"):
            what = "is not a plain file named *.conf or *.map"
            faults.append(Fault(f"{NGINX}/{name}", 0, what, "remove or rename it"))
        elif name == IMAGE_HOSTS:
            yield File(f"etc/nginx/{name}", image_hosts_conf(site.image_hosts).encode())
        elif site.login or not name.startswith("login/"):
            yield File(f"etc/nginx/{name}", path.read_bytes())
    if not (root / "nginx.conf").is_file():
        faults.append(Fault(f"{NGINX}/nginx.conf", 0, "no such file", "restore it from Git"))
    if faults:
        raise SourceError(faults)
    yield File("srv/version/version.json", json.dumps(_UNKNOWN_VERSION).encode() + b"\n")
