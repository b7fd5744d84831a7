"""The files of the compared servers, and the requests sent to them.

Reads the project of a built site. Writes the tree that NGINX runs on. No network.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.programs import MODULES
from pipelines.core import config
from pipelines.image import layer
from pipelines.image.web import web_files
from pipelines.site.output import compression

PAGE, ASSET = 10_000, 2_000  # bytes of the requested files


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is repeated."""

    name: str
    path: str
    coding: str  # Accept-Encoding


def unpack_image(site: Path, root: Path) -> None:
    """Extract the layers above the base of the image of *site* into *root*; add tmp/ and the modules."""
    for files in web_files(site, config.load_config(site))[1].values():
        with tarfile.open(fileobj=io.BytesIO(layer.pack_files(files))) as tar:
            tar.extraction_filter = lambda member, _: member  # Python 3.11.2 has no argument for it
            tar.extractall(root)
    (root / "tmp").mkdir(exist_ok=True)
    (root / "usr/lib/nginx").mkdir(parents=True)
    (root / "usr/lib/nginx/modules").symlink_to(MODULES)


def select_requests(root: Path) -> list[Request]:
    """Return requests for the page of *root* nearest to 10 kB and for a small asset, in each coding."""
    public = root / "srv" / "public"
    sizes = {file: file.stat().st_size for file in public.rglob("*/index.html")}
    page = min(sorted(sizes), key=lambda file: abs(sizes[file] - PAGE))
    # The theme has one large style sheet: cut a small one from its start.
    (style,) = (public / "assets").glob("site.*.css")
    data = style.read_bytes()[:ASSET]
    small = public / "assets" / f"small.{hashlib.sha256(data).hexdigest()[:8]}.css"
    for file, text in zip(
        (small, Path(f"{small}.gz"), Path(f"{small}.br")),
        (data, *compression.compress_variants(data, compression.ASSET_LEVELS)),
        strict=True,
    ):
        file.write_bytes(text)
    paths = {
        f"page of {sizes[page] / 1000:.1f} kB": f"/{page.parent.relative_to(public).as_posix()}/",
        f"asset of {len(data) / 1000:.1f} kB": f"/{small.relative_to(public).as_posix()}",
    }
    codings = ("identity", "gzip", "br")
    return [Request(name, path, coding) for name, path in paths.items() for coding in codings]
