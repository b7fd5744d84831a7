"""A release as the steps leave it in out/, small and made by hand: no base, no helm, no history."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path

from pipelines.core import digests, results
from pipelines.core.results import ChartResult, ImageResult, LayerResult, SiteResult, VersionResult
from pipelines.image import oci_layout
from pipelines.image.layer import File, make_layer
from tests.support.project import SMALL_SITE, write

CANARY = "this stands on a page for members only"
CSS = "/assets/site.3fa9c1d0.css"
SITE: dict[str, str] = {
    "aliases.map": "",
    "public/index.html": "<p>Welcome.</p>",
    f"public{CSS}": "p { color: green }",
    f"public{CSS}.gz": "as if packed",
    f"public{CSS}.br": "as if packed better",
    "public/assets/icon.0a1b2c3d.svg": "<svg/>",
    "public/assets/login.99887766.js": "export {}",
    "public/assets/readme.txt": "not hashed",
    "gated/members/index.html": f"<p>{CANARY}</p>",
    "gated/members/assets/plan.5e5e5e5e.svg": f"<svg><title>{CANARY}</title></svg>",
}
COMMIT = "1" * 40


def release(
    project: Path,
    *,
    version: str = "1.0.4-rc",
    kind: str = "candidate",
    files: Mapping[str, str] | None = None,
    commit: str = COMMIT,
    time: int = 1_775_000_000,
    dirty: bool = False,
    drafts: bool = False,
    login: bool = True,
    heavy: int = 3000,
) -> ChartResult:
    """Write out/ of *project*: a site, its images, its chart; equal arguments give equal bytes.

    *files* are more than those of ``SITE``; *heavy* is how many bytes the base of
    the images weighs.
    """
    out = project / "out"
    shutil.rmtree(out, ignore_errors=True)
    for name, text in {**SITE, **(files or {})}.items():
        write(out / "site" / name, text)
    digest = digests.normalize_tree(out / "site").digest
    results.write(out / "site.json", SiteResult(digest, 0, drafts, 2, 9, 9, 1, (), (), {"render": 0.1}, {}))
    web = _image(out, "web", digest, {"base": _base(heavy), **_layers(out / "site")})
    api = (
        _image(out, "api", "", {"base": _base(heavy), "code": [File("app/api.py", b"pass")]}) if login else ""
    )
    results.write(out / "version.json", VersionResult(version, kind, commit, time, dirty, ""))
    return chart(out, version, commit, web, api, digest)


def chart(out: Path, version: str, commit: str, web: str, api: str, site: str) -> ChartResult:
    """Write a chart that carries these digests into *out*, and its record."""
    values = {"web": web, "api": api, "site": site, "commit": commit}
    about = f"apiVersion: v2\nname: site\nversion: {version}\ndescription: A small chart\n"
    data = _archive({"site/Chart.yaml": about, "site/values.yaml": json.dumps(values)})
    found = f"sha256:{hashlib.sha256(data).hexdigest()}"
    publisher = out / "charts" / f"site-{version}.tgz"
    publisher.parent.mkdir(parents=True, exist_ok=True)
    publisher.write_bytes(data)
    result = ChartResult("site", version, commit, found, len(data), web, api, site, CSS)
    results.write(out / "chart.json", result)
    return result


def site_toml(registry: str, repository: str, buckets: Mapping[str, str], previews: str = "") -> str:
    """Return site.toml of the small site with these targets."""
    text = (SMALL_SITE / "site.toml").read_text("utf-8")
    rows = "".join(f'{name} = "{value}"\n' for name, value in buckets.items())
    where = f'repository = "{repository}"\npreviews = "{previews}"\n'
    return f'{text}\n[images]\nregistry = "{registry}"\n\n[chart]\n{where}\n[buckets]\n{rows}'


def _base(size: int) -> list[File]:
    return [File("usr/lib/base", random.Random(4).randbytes(size))]


def _layers(site: Path) -> dict[str, list[File]]:
    """As pipelines/image/web.py arranges them."""
    found = [
        File(
            "etc/nginx/site/aliases.map" if name == "aliases.map" else f"srv/{name}",
            (site / name).read_bytes(),
        )
        for name in sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    ]
    return {
        "configuration": [File("etc/nginx/nginx.conf", b"events {}")],
        "assets": [file for file in found if "/assets/" in file.path],
        "pages": [file for file in found if "/assets/" not in file.path],
    }


def _image(out: Path, name: str, site: str, contents: Mapping[str, list[File]]) -> str:
    layers = [make_layer(one, files) for one, files in contents.items()]
    image = oci_layout.write_layout(
        out / "images" / name, {"User": "101:101"}, {"architecture": "amd64", "os": "linux"}, layers
    )
    bill = json.dumps({"bomFormat": "CycloneDX", "name": name}).encode()
    (out / "images" / f"{name}.cdx.json").write_bytes(bill)
    rows = tuple(LayerResult(one.name, one.digest, one.diff_id, one.size) for one in layers)
    found = f"sha256:{hashlib.sha256(bill).hexdigest()}"
    result = ImageResult(name, image.digest, "amd64", rows[0].digest, site, image.size, found, rows)
    results.write(out / f"image-{name}.json", result)
    return image.digest


def _archive(files: Mapping[str, str]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return gzip.compress(whole.getvalue(), mtime=0)
