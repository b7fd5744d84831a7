"""Pack a chart by the real helm so that equal files give equal bytes, and take one apart.

Reads the folder that it is given, or a commit. Writes a temporary folder that goes again.
Starts helm. No network.

helm 4 writes user, mode and order of files by rules of its own and takes over one
thing from the disk, the times of files: here they are all the same.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from pipelines.core.digests import EPOCH
from pipelines.core.errors import Fault, PipelineError, SourceError, ToolError
from pipelines.tools import checkout, commits, shell

_PATIENCE = 60  # seconds for helm, which takes a tenth of one
_LARGEST = 16 * 2**20  # bytes that a chart unpacks to; ours has a hundredth


def read_chart_files(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files of the chart in *folder* by path; raise SourceError for what helm would not pack.

    *name* is how messages call the folder. helm would pack what a link leads to:
    links are refused. What editors leave behind is left out.
    """
    files, faults = {}, []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if checkout.is_ignorable(place) and place != ".helmignore":
            continue
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            faults.append(
                Fault(f"{name}/{place}", 0, "is no plain file", "put a copy of the file in its place")
            )
        elif path.is_file():
            files[place] = path.read_bytes()
    if "Chart.yaml" not in files:
        faults.append(Fault(f"{name}/Chart.yaml", 0, "no such file", "bring it back from Git"))
    if faults:
        raise SourceError(faults)
    return files


def read_committed_chart(project: Path, commit: str, name: str) -> dict[str, bytes]:
    """Return the same of the chart in the folder *name* of *project*, as it is in *commit*.

    Raises PipelineError where that commit has no chart there.
    """
    if commits.file_at_commit(project, commit, f"{name}/Chart.yaml") is None:
        raise PipelineError(f"commit {commit[:12]}: has no chart {name}; name a later release")
    files = commits.files_at_commit(project, commit, name)
    return {
        path: data for path, data in files.items() if path == ".helmignore" or not checkout.is_ignorable(path)
    }


def package_chart(files: Mapping[str, bytes], name: str, version: str) -> bytes:
    """Return the archive of the chart *name* that consists of *files*, as *version*.

    Raises ToolError when helm is missing, is another than helm 4, or refuses the chart.
    """
    helm = shell.find_program("helm")
    if helm is None:
        raise ToolError(
            "helm: not installed, or not on the PATH; run `make kube`, and call this through make"
        )
    with tempfile.TemporaryDirectory(prefix="chart-") as room:
        chart = Path(room) / name
        for path, data in files.items():
            file = chart / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            os.utime(file, (EPOCH, EPOCH))
        words = ["--version", version, "--app-version", version, "--destination", room]
        if not (said := _version(helm)).startswith("v4."):
            raise ToolError(f"helm: is {said}, whose archives differ each time; install helm 4: `make kube`")
        _run(helm, ["package", str(chart), *words], room)
        return (Path(room) / f"{name}-{version}.tgz").read_bytes()


@cache  # it takes as long as the packing
def _version(helm: str) -> str:
    with tempfile.TemporaryDirectory(prefix="chart-") as room:
        return _run(helm, ["version", "--template", "{{.Version}}"], room)


def _run(helm: str, words: list[str], room: str) -> str:
    """Return what helm says. It has nothing of this machine: no plugins, no settings, no credentials."""
    homes = {f"HELM_{one}_HOME": f"{room}/{one.lower()}" for one in ("CACHE", "CONFIG", "DATA")}
    return shell.run_program([helm, *words], timeout=_PATIENCE, env=homes, clean_env=True).decode().strip()


def unpack_chart(archive: bytes) -> tuple[str, dict[str, bytes]]:
    """Return the name of the chart in *archive*, and its files by path.

    Raises PipelineError for anything but the archive of a chart.
    """
    files: dict[PurePosixPath, bytes] = {}
    try:
        with gzip.open(io.BytesIO(archive)) as packed:
            data = packed.read(_LARGEST + 1)  # to its end, where the checksum is
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                file = tar.extractfile(member) if member.isreg() else None
                if file is None or path.is_absolute() or ".." in path.parts:
                    raise PipelineError(
                        f"chart: holds {member.name!r}, which no chart of ours has; do not trust it"
                    )
                files[path] = file.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError):
        raise PipelineError("chart: is not a whole archive; fetch it again") from None
    names = {path.parts[0] for path in files}
    if len(data) > _LARGEST or len(names) != 1 or PurePosixPath(*names, "Chart.yaml") not in files:
        raise PipelineError("chart: is an archive, and not one of a chart; do not trust it")
    (name,) = names
    return name, {path.relative_to(name).as_posix(): data for path, data in files.items()}
