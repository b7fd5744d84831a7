"""Compile Python with the Python of the base, so that a container need not at each start.

Reads the layers of a base. Writes a folder in out/ while it runs. Starts the
base's own Python, from a folder, without a container. No network.

Bytecode differs from version to version of Python. That of the base is pinned by
its digest, so its bytecode is the same whoever packs the image; it is started
by the base's own loader, which needs no privilege, but Linux and a processor
of the base's kind.
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
    """Return *layers*, each with the bytecode of its files; each is compiled on its own.

    The bytecode is never compared with its source (PEP 552, unchecked): neither
    can change in an image. *machine* is the architecture as Linux names it.
    """
    if (sys.platform, platform.machine()) != ("linux", machine):
        raise PipelineError(
            f"image api: the Python of the base compiles what is packed, and needs Linux on {machine}; "
            "pack it on such a machine"
        )
    with staging_directory(project / "out", "compile") as staging:
        python = _unpack_python(base_image, staging / "base")
        return {
            name: [*files, *_compile(python, files, staging / f"of-{name}")] for name, files in layers.items()
        }


def _unpack_python(base_image: oci_layout.OciImage, folder: Path) -> list[str | Path]:
    """Write the base's Python below *folder*; return the words that start it."""
    for one in base_image.layers:
        _write_files((file for file in layer.unpack_files(one.data) if file.path.startswith("usr/")), folder)
    (loader,) = folder.glob("usr/lib/*/ld-linux-*.so.*")
    # Without site and without this folder: nothing of this machine is loaded.
    return [loader, "--library-path", loader.parent, folder / "usr/bin/python3", "-S", "-P"]


def _compile(python: list[str | Path], files: Sequence[File], folder: Path) -> list[File]:
    _write_files((file for file in files if file.path.endswith(".py")), folder)
    words: list[str | Path] = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    # The names in tracebacks are those of the image.
    words += ["-s", folder, "-p", "/", folder]
    env = {"PYTHONHOME": str(folder.parent / "base/usr"), "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}
    shell.run_program([*python, *words], timeout=_TIMEOUT, env=env, clean_env=True)
    found = sorted(folder.rglob("__pycache__/*.pyc"))
    return [File(one.relative_to(folder).as_posix(), one.read_bytes()) for one in found]


def _write_files(files: Iterable[File], folder: Path) -> None:
    for file in files:
        place = folder / file.path
        if file.folder or file.link.startswith("/"):  # such a link would lead out of the folder
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.link:
            place.symlink_to(file.link)
        else:
            place.write_bytes(file.data)
            place.chmod(file.mode)
