"""Pack a chart with helm so that equal files give equal bytes, and unpack one.

Reads the directory that it is given, or a commit. Writes a temporary directory.
Starts helm. No network.

helm 4 fixes user, mode and order of files itself, and takes only their mtimes from
the disk: here all of them are equal.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path, PurePosixPath

import yaml

from pipelines.charts.safe_yaml import load_yaml
from pipelines.core.digests import EPOCH
from pipelines.core.errors import Fault, PipelineError, SourceError, ToolError
from pipelines.tools import checkout, commits, shell

_TIMEOUT = 60  # seconds for helm, which takes a tenth of one
_MAX_UNPACKED = 16 * 2**20  # bytes of an unpacked chart; helm/site has a hundredth


def read_chart_files(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files of the chart in *folder* by path, without those that editors leave.

    *name* is the directory in messages. Raises SourceError for symbolic links, whose
    targets helm would pack, and for a missing Chart.yaml.
    """
    files, faults = {}, []
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if checkout.is_ignorable(path) and path != ".helmignore":
            continue
        if file.is_symlink() or not (file.is_file() or file.is_dir()):
            faults.append(
                Fault(f"{name}/{path}", 0, "is not a regular file", "replace it by a copy of the file")
            )
        elif file.is_file():
            files[path] = file.read_bytes()
    if "Chart.yaml" not in files:
        faults.append(Fault(f"{name}/Chart.yaml", 0, "no such file", "restore it from Git"))
    if faults:
        raise SourceError(faults)
    return files


def read_committed_chart(project: Path, commit: str, name: str) -> dict[str, bytes]:
    """Return the files of the chart in the directory *name* of *project* as of *commit*.

    Raises PipelineError where that commit has no chart there.
    """
    if commits.file_at_commit(project, commit, f"{name}/Chart.yaml") is None:
        raise PipelineError(f"commit {commit[:12]}: has no chart {name}; name a later release")
    files = commits.files_at_commit(project, commit, name)
    return {
        path: data for path, data in files.items() if path == ".helmignore" or not checkout.is_ignorable(path)
    }


def package_chart(files: Mapping[str, bytes], name: str, version: str) -> bytes:
    """Return the archive of *version* of the chart *name* with *files*.

    Raises ToolError when helm is missing, is not helm 4, or refuses the chart.
    """
    helm = shell.find_program("helm")
    if helm is None:
        raise ToolError(
            "helm: not installed, or not on the PATH; run `make kube`, and call this through make"
        )
    with tempfile.TemporaryDirectory(prefix="chart-") as directory:
        chart = Path(directory) / name
        for path, data in files.items():
            file = chart / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            os.utime(file, (EPOCH, EPOCH))
        options = ["--version", version, "--app-version", version, "--destination", directory]
        with ThreadPoolExecutor(1) as pool:  # a process of helm takes 0.1 s to start
            packing = pool.submit(_run_helm, helm, ["package", str(chart), *options], directory)
            helm_version = _helm_version(helm)
        if not helm_version.startswith("v4."):
            raise ToolError(
                f"helm: is {helm_version}, whose archives differ each time; install helm 4: `make kube`"
            )
        packing.result()
        return (Path(directory) / f"{name}-{version}.tgz").read_bytes()


@cache
def _helm_version(helm: str) -> str:
    with tempfile.TemporaryDirectory(prefix="chart-") as directory:
        return _run_helm(helm, ["version", "--template", "{{.Version}}"], directory)


def _run_helm(helm: str, arguments: list[str], directory: str) -> str:
    """Return the output of helm, which sees no plugins, settings or credentials of this machine."""
    env = {f"HELM_{one}_HOME": f"{directory}/{one.lower()}" for one in ("CACHE", "CONFIG", "DATA")}
    return shell.run_program([helm, *arguments], timeout=_TIMEOUT, env=env, clean_env=True).decode().strip()


def unpack_chart(archive: bytes) -> tuple[str, dict[str, bytes]]:
    """Return the name of the chart in *archive*, and its files by path.

    Raises PipelineError for anything other than the archive of one chart.
    """
    files: dict[PurePosixPath, bytes] = {}
    try:
        with gzip.open(io.BytesIO(archive)) as stream:
            data = stream.read(_MAX_UNPACKED + 1)  # to its end, where the checksum is
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                file = tar.extractfile(member) if member.isreg() else None
                if file is None or path.is_absolute() or ".." in path.parts:
                    raise PipelineError(
                        f"chart: holds {member.name!r}, which no chart of this pipeline has; do not trust it"
                    )
                files[path] = file.read()
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError):
        raise PipelineError("chart: is not a complete archive; fetch it again") from None
    names = {path.parts[0] for path in files}
    if len(data) > _MAX_UNPACKED or len(names) != 1 or PurePosixPath(*names, "Chart.yaml") not in files:
        raise PipelineError("chart: is an archive, but not of a chart; do not trust it")
    (name,) = names
    return name, {path.relative_to(name).as_posix(): data for path, data in files.items()}


def commit_of_chart(archive: bytes, name: str = "site") -> str:
    """Return the commit in the values of the chart *archive*; "" for one that this pipeline did not pack."""
    try:
        with gzip.open(io.BytesIO(archive)) as stream:
            data = stream.read(_MAX_UNPACKED)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            file = tar.extractfile(f"{name}/values.yaml")
            commit = load_yaml(file.read())["release"]["commit"] if file else ""
    except (tarfile.TarError, zlib.error, EOFError, OSError, KeyError, TypeError, yaml.YAMLError):
        return ""
    return commit if isinstance(commit, str) and re.fullmatch(r"[0-9a-f]{40}", commit) else ""
