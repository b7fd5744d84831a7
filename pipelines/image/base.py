"""Build and pin the bases of images, and pull them from the registry.

Reads images/base/. Writes out/base/<name>/ (an OCI layout) and
images/base/base.lock. Starts buildah, debootstrap. Network: Debian's mirror, and
the registry where one is configured.

buildah only runs the Containerfile: its layers depend on its version and the
umask. The files are packed here again, so that equal packages give an equal
digest on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.core.errors import PipelineError, ToolError
from pipelines.core.progress import Log
from pipelines.image import base_lock, debian_mirror, layer, oci_layout
from pipelines.image import base_registry as stores
from pipelines.image.base_lock import Base
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.debian_mirror import Mirror
from pipelines.image.staging import staging_directory
from pipelines.tools import shell

DEBIAN = "docker.io/library/debian:trixie-slim"
_SOURCES = "debian.sources"  # apt sources during the build, in the staging directory
_TIMEOUT = 1200  # seconds, for a step that downloads
# Settings of a Containerfile that the base keeps: those about running it.
_RUNTIME_SETTINGS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal")


def base_directory(project: Path, name: str) -> Path:
    """Return the directory of the base *name* in *project*."""
    return project / "out" / "base" / name


def make_bases(
    project: Path, names: Sequence[str], store: BaseRegistry | None, log: Log, debian: str = ""
) -> list[Base]:
    """Build and pin the bases *names*, push them to *store* if given, and return them.

    *debian* is the setting of Debian's mirror, as ``find_mirror`` reads it. Raises
    ToolError when a program is missing or fails; that base and its pin are
    unchanged then.
    """
    with staging_directory(project / "out", "base") as staging:
        buildah = _Buildah(staging)
        found = _write_sources(staging, debian)
        _import_debian(buildah, staging, log, found)
        return [_make_base(project, name, store, log, buildah, staging) for name in names]


def _make_base(
    project: Path, name: str, store: BaseRegistry | None, log: Log, buildah: _Buildah, staging: Path
) -> Base:
    log(f"buildah: {name}")
    context = project / "images" / "base"
    # Mounted, not copied: no layer contains the mirror. buildah passes its proxy variables to RUN.
    sources = staging / _SOURCES
    mount = [f"--volume={sources}:/etc/apt/sources.list.d/debian.sources:ro"] if sources.exists() else []
    buildah.run("build", "--isolation", "chroot", "--pull=never", "--no-cache", "--tag", name, *mount,
                "--file", context / f"{name}.Containerfile", context)  # fmt: skip
    buildah.run("push", "--quiet", name, f"oci:{staging / f'{name}-built'}:{name}")
    built = oci_layout.read_layout(staging / f"{name}-built")
    files = [file for one in built.layers for file in layer.unpack_files(one.data)]
    layout = staging / name
    packed = layer.make_layer("base", files, 12)
    image = oci_layout.write_layout(
        layout, _runtime_settings(built.config), _platform(built.config), [packed]
    )
    base = Base(name, image.digest, str(built.config["architecture"]), _debian_packages(files))
    if store:
        log(f"push: {store.registry}/base-{name}:{stores.base_tag(base)}")
        stores.push_base(layout, base, store)
    target = base_directory(project, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    oci_layout.publish_layout(layout, target)
    base_lock.write_base_lock(project, base)
    return base


def pinned_base(project: Path, name: str, arch: str = "amd64") -> Base:
    """Return the pinned base *name* for *arch*; raise PipelineError where there is none."""
    base = base_lock.read_base_lock(project).get((name, arch))
    if base is None:
        raise PipelineError(f"{base_lock.FILE}: no base {name} for {arch}; run `make base`")
    return base


def find_base(project: Path, name: str, store: BaseRegistry, arch: str = "amd64") -> oci_layout.OciImage:
    """Return the pinned base *name* from out/base, else from *store*.

    Raises PipelineError when neither has it.
    """
    base = pinned_base(project, name, arch)
    directory = base_directory(project, name)
    if directory.exists():
        image = oci_layout.read_layout(directory)
        if image.digest == base.digest:
            return image
    if not store.registry:
        what = "is not the pinned base" if directory.exists() else "no such base"
        raise PipelineError(f"out/base/{name}: {what}, and site.toml names no registry; run `make base`")
    with staging_directory(project / "out", "base") as staging:
        stores.pull_base(base, store, staging / "base")
        image = oci_layout.read_layout(staging / "base")
        directory.parent.mkdir(parents=True, exist_ok=True)
        oci_layout.publish_layout(staging / "base", directory)
    return image


class _Buildah:
    """buildah with its storage in the staging directory."""

    def __init__(self, staging: Path) -> None:
        storage = ("--root", staging / "storage", "--runroot", staging / "run", "--storage-driver", "vfs")
        self._proxies = debian_mirror.apt_proxies()
        self._argv: list[str | Path] = ["buildah", *storage]

    def run(self, *args: str | Path) -> str:
        return shell.run_program([*self._argv, *args], timeout=_TIMEOUT, env=self._proxies).decode().strip()


def _write_sources(staging: Path, setting: str) -> Mirror | PipelineError:
    """Write the apt sources of the mirror into *staging*; return the mirror, or the error of finding it.

    A machine of another distribution has no mirror in its apt; Debian's image has sources of its own.
    """
    try:
        found = debian_mirror.find_mirror(setting)
    except PipelineError as error:
        if setting:
            raise
        return error
    (staging / _SOURCES).write_text(debian_mirror.apt_sources(found), encoding="utf-8")
    return found


def _import_debian(buildah: _Buildah, staging: Path, log: Log, found: Mirror | PipelineError) -> None:
    """Import Debian's image: from its registry, else built by debootstrap under the same name."""
    try:
        log(f"buildah: {DEBIAN}")
        buildah.run("pull", "--quiet", DEBIAN)
        return
    except ToolError as error:
        if not shell.find_program("debootstrap"):
            fix = "install debootstrap, or allow access to the registry"
            raise ToolError(f"{DEBIAN}: cannot be pulled; {fix}: {error}") from None
    if isinstance(found, PipelineError):
        raise found
    log("debootstrap: the registry is unreachable; building Debian trixie")
    root, archive = staging / "debian", staging / "debian.tar"
    args: list[str | Path] = ["--variant=minbase", "trixie", root, found.main]
    shell.run_program(["debootstrap", *args], timeout=_TIMEOUT, env=debian_mirror.apt_proxies())
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    (root / "etc/apt/sources.list.d/debian.sources").touch()  # mount point of the mirror's sources
    args = ["--numeric-owner", "--create", "--file", archive, "."]
    shell.run_program(["tar", "--directory", root, *args], timeout=_TIMEOUT)
    container = buildah.run("from", "scratch")
    buildah.run("add", "--quiet", container, archive, "/")
    buildah.run("commit", "--quiet", container, DEBIAN)
    buildah.run("rm", container)


def _runtime_settings(config: Any) -> dict[str, Any]:
    found = config.get("config", {})
    return {name: found[name] for name in _RUNTIME_SETTINGS if found.get(name)}


def _platform(config: Any) -> dict[str, str]:
    return {"architecture": config["architecture"], "os": config["os"]}


def _debian_packages(files: list[layer.File]) -> tuple[str, ...]:
    """Return name and version of each Debian package in *files*."""
    status = next(file.data.decode() for file in files if file.path == "var/lib/dpkg/status")
    blocks = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
              for block in status.strip().split("\n\n")]  # fmt: skip
    return tuple(sorted(f"{block['Package']}={block['Version']}" for block in blocks))
