"""Make the bases that images stand on, and bring them back from the registry.

Reads images/base/. Writes out/base/<name>/ (an OCI layout) and
images/base/base.lock. Starts buildah, debootstrap. Network: Debian's mirror, and
the registry where one is configured.

buildah only runs the Containerfile: what it makes differs from version to
version and from umask to umask. Its files are packed here, so that equal
packages give an equal digest, whoever made the base.
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
_SOURCES = "debian.sources"  # in the room: what apt takes packages from while a base is made
_TIMEOUT = 1200  # seconds for a step that downloads
# Settings of a Containerfile that are kept: what says how the image runs.
_RUNTIME_SETTINGS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal")


def base_directory(project: Path, name: str) -> Path:
    """Return where the base *name* lies in *project*."""
    return project / "out" / "base" / name


def make_bases(
    project: Path, names: Sequence[str], store: BaseRegistry | None, log: Log, debian: str = ""
) -> list[Base]:
    """Build the bases *names*, pin each, push it to *store* where one is given, and return them.

    *debian* is the setting of Debian's mirror, as ``mirror.find`` reads it. Raises
    ToolError when a program is missing or fails; then the last base of that name
    and its pin are as they were.
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
    folder = project / "images" / "base"
    # The mirror is mounted, so that no layer knows it. Proxies reach RUN by the environment of buildah alone.
    sources = staging / _SOURCES
    mount = [f"--volume={sources}:/etc/apt/sources.list.d/debian.sources:ro"] if sources.exists() else []
    buildah.run("build", "--isolation", "chroot", "--pull=never", "--no-cache", "--tag", name, *mount,
                "--file", folder / f"{name}.Containerfile", folder)  # fmt: skip
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
    place = base_directory(project, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    oci_layout.publish_layout(layout, place)
    base_lock.write_base_lock(project, base)
    return base


def pinned_base(project: Path, name: str, arch: str = "amd64") -> Base:
    """Return which base *name* is pinned for *arch*; raise PipelineError when none is."""
    base = base_lock.read_base_lock(project).get((name, arch))
    if base is None:
        raise PipelineError(f"{base_lock.FILE}: no base {name} for {arch}; run `make base`")
    return base


def find_base(project: Path, name: str, store: BaseRegistry, arch: str = "amd64") -> oci_layout.OciImage:
    """Return the pinned base *name*: from out/base, else from *store*.

    Raises PipelineError when it is nowhere, or another one than what is pinned.
    """
    base = pinned_base(project, name, arch)
    place = base_directory(project, name)
    if place.exists():
        image = oci_layout.read_layout(place)
        if image.digest == base.digest:
            return image
    if not store.registry:
        what = "is another one than what is pinned" if place.exists() else "is not there"
        raise PipelineError(f"out/base/{name}: {what}, and site.toml names no registry; run `make base`")
    with staging_directory(project / "out", "base") as staging:
        stores.pull_base(base, store, staging / "base")
        image = oci_layout.read_layout(staging / "base")
        place.parent.mkdir(parents=True, exist_ok=True)
        oci_layout.publish_layout(staging / "base", place)
    return image


class _Buildah:
    """buildah with a storage of its own, which goes with the room."""

    def __init__(self, staging: Path) -> None:
        storage = ("--root", staging / "storage", "--runroot", staging / "run", "--storage-driver", "vfs")
        self._proxies = debian_mirror.apt_proxies()
        self._argv: list[str | Path] = ["buildah", *storage]

    def run(self, *words: str | Path) -> str:
        return shell.run_program([*self._argv, *words], timeout=_TIMEOUT, env=self._proxies).decode().strip()


def _write_sources(staging: Path, setting: str) -> Mirror | PipelineError:
    """Write the sources of the mirror into *room* and return it, or why there is none.

    A machine of another distribution has none in its apt; Debian's image brings its own then.
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
    """Bring Debian's image into the storage: from its registry, or made here under the same name."""
    try:
        log(f"buildah: {DEBIAN}")
        buildah.run("pull", "--quiet", DEBIAN)
        return
    except ToolError as error:
        if not shell.find_program("debootstrap"):
            fix = "install debootstrap, or make the registry reachable"
            raise ToolError(f"{DEBIAN}: cannot be had here; {fix}: {error}") from None
    if isinstance(found, PipelineError):
        raise found
    log("debootstrap: the registry is out of reach, making Debian trixie here")
    root, archive = staging / "debian", staging / "debian.tar"
    words: list[str | Path] = ["--variant=minbase", "trixie", root, found.main]
    shell.run_program(["debootstrap", *words], timeout=_TIMEOUT, env=debian_mirror.apt_proxies())
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    (root / "etc/apt/sources.list.d/debian.sources").touch()  # the mirror's file is mounted there
    words = ["--numeric-owner", "--create", "--file", archive, "."]
    shell.run_program(["tar", "--directory", root, *words], timeout=_TIMEOUT)
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
    """Return name and version of the Debian packages that *files* are of."""
    status = next(file.data.decode() for file in files if file.path == "var/lib/dpkg/status")
    blocks = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
              for block in status.strip().split("\n\n")]  # fmt: skip
    return tuple(sorted(f"{block['Package']}={block['Version']}" for block in blocks))
