"""Pack the image of the login API: Python packages and code on the base with Python.

Reads api/, requirements/api.txt, out/wheels/, the pinned base. Writes
out/images/api/ (an OCI layout), out/images/api.cdx.json, out/image-api.json and a
cache key. Network: to download the base and the wheels, where they are missing.

Three layers, the one that changes least first: base, packages, code. A change of
the code changes the last layer only.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import Log
from pipelines.core.results import ImageResult
from pipelines.image import base, bytecode, cache, wheels
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.layer import File
from pipelines.image.pack import ImageContent, pack_image
from pipelines.image.python_target import target_of
from pipelines.image.sbom import PythonPackage
from pipelines.image.wheel_files import unpack_wheel

CODE, PACKAGES = "srv", "srv/packages"  # directories in the image: PYTHONPATH of the base
_SUFFIXES = (".css", ".html", ".js", ".py", ".svg", ".txt")


def pack_api_image(
    project: Path, site: SiteConfig, log: Log, bases: BaseRegistry | None = None
) -> ImageResult:
    """Pack api/ of *project* into out/images/api; equal inputs give equal bytes.

    *bases* is as for ``web``. Raises PipelineError for a site without login, and for
    wheels or a base other than the pinned ones; out/ is unchanged then.
    """
    if not site.login:
        raise PipelineError(
            "site.toml: login = false: the site has no API to pack; skip this step, or set login = true"
        )
    code = list(_code_files(project))
    base_image = base.find_base(project, "api", bases or BaseRegistry(site.registry))
    target = target_of(base.pinned_base(project, "api"))
    if not wheels.wheel_directory(project, target).exists():
        wheels.fetch_wheels(project, target, log)
    pinned = wheels.read_wheels(project, target)
    inputs = (base_image.digest, target.machine, site.name, site.url, *(wheel.sha256 for wheel in pinned))
    key = cache.cache_key(inputs, code)
    if cached := cache.find_cached(project / "out", "api", key):
        return cached
    files = [file for wheel in pinned for file in unpack_wheel(wheel, PACKAGES)]
    layers = bytecode.with_bytecode(project, base_image, target.machine, {"packages": files, "code": code})
    packages = [PythonPackage(wheel.pin.name, wheel.pin.version, wheel.sha256) for wheel in pinned]
    content = ImageContent(layers, f"The login of {site.name}", packages=packages)
    return cache.store_cached(
        project / "out", "api", key, pack_image(project, "api", site, base_image, content)
    )


def _code_files(project: Path) -> Iterator[File]:
    """Yield the files of api/; raise SourceError for links and other kinds of files."""
    root = project / "api"
    faults = []
    for path in sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()):
        name = path.relative_to(project).as_posix()
        if "__pycache__" in path.parts:
            continue
        if path.is_symlink() or not path.is_file() or path.suffix not in _SUFFIXES:
            what = f"is not a plain file named {', '.join(f'*{suffix}' for suffix in _SUFFIXES)}"
            faults.append(Fault(name, 0, what, "remove or rename it"))
        else:
            yield File(f"{CODE}/{name}", path.read_bytes())
    if not (root / "manage.py").is_file():
        faults.append(Fault("api/manage.py", 0, "no such file", "restore it from Git"))
    if faults:
        raise SourceError(faults)
