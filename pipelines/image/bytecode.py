"""Compile an image's Python code with the Python of its base, once, instead of at each start.

Reads the layers of a base. Writes a temporary directory in out/. Starts the base's
Python from that directory, without a container. No network.

Bytecode depends on Python's version. The base is pinned by digest, so the bytecode
is equal on every machine. The base's own dynamic loader starts its Python: that
needs no privileges, but Linux on the base's architecture.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipelines.core.errors import PipelineError
from pipelines.image import layer, oci_layout
from pipelines.image.layer import File
from pipelines.image.staging import staging_directory
from pipelines.tools import shell

_TIMEOUT = 300  # seconds


def with_bytecode(
    project: Path, base_image: oci_layout.OciImage, machine: str, layers: Mapping[str, Sequence[File]]
) -> dict[str, list[File]]:
    """Return *layers*, each with the bytecode of its files.

    Python does not compare the bytecode with its source (PEP 552, unchecked hash):
    an image is immutable. *machine* is the architecture as Linux names it.
    """
    if (sys.platform, platform.machine()) != ("linux", machine):
        raise PipelineError(
            f"image api: compiling with the Python of the base requires Linux on {machine}; "
            "pack it on such a machine"
        )
    with staging_directory(project / "out", "compile") as staging:
        python = _unpack_python(base_image, staging / "base")
        return {
            name: [*files, *_compile(python, files, staging / f"of-{name}")] for name, files in layers.items()
        }


def _unpack_python(base_image: oci_layout.OciImage, folder: Path) -> list[str | Path]:
    """Unpack the base's Python into *folder*; return its command line."""
    for one in base_image.layers:
        _write_files((file for file in layer.unpack_files(one.data) if file.path.startswith("usr/")), folder)
    (loader,) = folder.glob("usr/lib/*/ld-linux-*.so.*")
    # -S -P: no site-packages and no current directory, so nothing of this machine is imported.
    return [loader, "--library-path", loader.parent, folder / "usr/bin/python3", "-S", "-P"]


def _compile(python: list[str | Path], files: Sequence[File], folder: Path) -> list[File]:
    _write_files((file for file in files if file.path.endswith(".py")), folder)
    options: list[str | Path] = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # Paths in tracebacks are those of the image.
    options += ["-s", folder, "-p", "/", folder]
    env = {"PYTHONHOME": str(folder.parent / "base/usr"), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    shell.run_program([*python, *options], timeout=_TIMEOUT, env=env, clean_env=True)
    found = sorted(folder.rglob("__pycache__/*.pyc"))
    return [File(one.relative_to(folder).as_posix(), one.read_bytes()) for one in found]


def _write_files(files: Iterable[File], folder: Path) -> None:
    for file in files:
        path = folder / file.path
        if file.folder or file.link.startswith("/"):  # an absolute link leads out of *folder*
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            path.symlink_to(file.link)
        else:
            path.write_bytes(file.data)
            path.chmod(file.mode)
