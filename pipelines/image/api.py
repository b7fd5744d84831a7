"""Put the login API, and the packages that it stands on, on the base with Python.

Reads api/, requirements/api.txt, out/wheels/, the pinned base. Writes
out/images/api/ (an OCI layout), out/images/api.cdx.json, out/image-api.json, and
of what it was made: the same again is not compiled and packed again.
Network: the base and the wheels, where they have to be fetched; else none.

Three layers, the one that changes least first: base, packages, code. A change of
the code leaves all but the last as they were.
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

CODE, PACKAGES = "srv", "srv/packages"  # where they lie in the image: PYTHONPATH of the base
_SUFFIXES = (".css", ".html", ".js", ".py", ".svg", ".txt")


def pack_api_image(
    project: Path, site: SiteConfig, log: Log, bases: BaseRegistry | None = None
) -> ImageResult:
    """Pack api/ of *project* into out/images/api; equal inputs give equal bytes.

    *bases* is as for ``web``.
    Raises PipelineError for a site without login, wheels that are not the pinned
    ones, and a base that is not; then nothing has changed.
    """
    if not site.login:
        raise PipelineError(
            "site.toml: login = false, so there is no API to pack; leave this step out, or set login = true"
        )
    code = list(_code_files(project))
    base_image = base.find_base(project, "api", bases or BaseRegistry(site.registry))
    target = target_of(base.pinned_base(project, "api"))
    if not wheels.wheel_directory(project, target).exists():
        wheels.fetch_wheels(project, target, log)
    found = wheels.read_wheels(project, target)
    words = (base_image.digest, target.machine, site.name, site.url, *(wheel.sha256 for wheel in found))
    key = cache.cache_key(words, code)
    if last := cache.find_cached(project / "out", "api", key):
        return last
    packages = [file for wheel in found for file in unpack_wheel(wheel, PACKAGES)]
    upper = bytecode.with_bytecode(project, base_image, target.machine, {"packages": packages, "code": code})
    parts = [PythonPackage(wheel.pin.name, wheel.pin.version, wheel.sha256) for wheel in found]
    content = ImageContent(upper, f"The login of {site.name}", packages=parts)
    return cache.store_cached(
        project / "out", "api", key, pack_image(project, "api", site, base_image, content)
    )


def _code_files(project: Path) -> Iterator[File]:
    """Yield the files of api/; whatever else lies there is a fault, so that nothing gets in unseen."""
    root = project / "api"
    faults = []
    for path in sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()):
        name = path.relative_to(project).as_posix()
        if "__pycache__" in path.parts:
            continue
        if path.is_symlink() or not path.is_file() or path.suffix not in _SUFFIXES:
            what = f"is no plain file named {', '.join(f'*{kind}' for kind in _SUFFIXES)}"
            faults.append(Fault(name, 0, what, "remove it, or give it such a name"))
        else:
            yield File(f"{CODE}/{name}", path.read_bytes())
    if not (root / "manage.py").is_file():
        faults.append(Fault("api/manage.py", 0, "no such file", "bring it back from Git"))
    if faults:
        raise SourceError(faults)
