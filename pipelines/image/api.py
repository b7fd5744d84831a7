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

from pipelines.config import SiteConfig
from pipelines.errors import Fault, PipelineError, SourceError
from pipelines.image import base, bytecode, kept, wheels
from pipelines.image.layer import File
from pipelines.image.pack import Content, pack
from pipelines.image.sbom import Package
from pipelines.image.store import Store
from pipelines.image.target import target_of
from pipelines.image.unpack import unpack
from pipelines.results import ImageResult

CODE, PACKAGES = "srv", "srv/packages"  # where they lie in the image: PYTHONPATH of the base
_KINDS = (".css", ".html", ".js", ".py", ".svg", ".txt")


def api(project: Path, site: SiteConfig, say: wheels.Say, bases: Store | None = None) -> ImageResult:
    """Pack api/ of *project* into out/images/api; equal inputs give equal bytes.

    *bases* is as for ``web``.
    Raises PipelineError for a site without login, wheels that are not the pinned
    ones, and a base that is not; then nothing has changed.
    """
    if not site.login:
        raise PipelineError(
            "site.toml: login = false, so there is no API to pack; leave this step out, or set login = true"
        )
    code = list(_code(project))
    foundation = base.find(project, "api", bases or Store(site.registry))
    target = target_of(base.pinned(project, "api"))
    if not wheels.folder_of(project, target).exists():
        wheels.fetch(project, target, say)
    found = wheels.read(project, target)
    words = (foundation.digest, target.machine, site.name, site.url, *(wheel.sha256 for wheel in found))
    key = kept.key_of(words, code)
    if last := kept.find(project / "out", "api", key):
        return last
    packages = [file for wheel in found for file in unpack(wheel, PACKAGES)]
    upper = bytecode.with_bytecode(project, foundation, target.machine, {"packages": packages, "code": code})
    parts = [Package(wheel.pin.name, wheel.pin.version, wheel.sha256) for wheel in found]
    content = Content(upper, f"The login of {site.name}", packages=parts)
    return kept.keep(project / "out", "api", key, pack(project, "api", site, foundation, content))


def _code(project: Path) -> Iterator[File]:
    """Yield the files of api/; whatever else lies there is a fault, so that nothing gets in unseen."""
    root = project / "api"
    faults = []
    for path in sorted(path for path in root.rglob("*") if not path.is_dir() or path.is_symlink()):
        name = path.relative_to(project).as_posix()
        if "__pycache__" in path.parts:
            continue
        if path.is_symlink() or not path.is_file() or path.suffix not in _KINDS:
            what = f"is no plain file named {', '.join(f'*{kind}' for kind in _KINDS)}"
            faults.append(Fault(name, 0, what, "remove it, or give it such a name"))
        else:
            yield File(f"{CODE}/{name}", path.read_bytes())
    if not (root / "manage.py").is_file():
        faults.append(Fault("api/manage.py", 0, "no such file", "bring it back from Git"))
    if faults:
        raise SourceError(faults)
