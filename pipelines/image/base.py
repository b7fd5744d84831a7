"""Make the bases that images stand on, and bring them back from the registry.

Reads images/base/. Writes out/base/<name>/ (an OCI layout) and
images/base/base.lock. Starts buildah, debootstrap, skopeo. Network: Debian's
mirror, and the registry where one is configured.

buildah only runs the Containerfile: what it makes differs from version to
version and from umask to umask. Its files are packed here, so that equal
packages give an equal digest, whoever made the base.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipelines.errors import PipelineError, ToolError
from pipelines.image import layer, lock, oci
from pipelines.image.lock import Base
from pipelines.image.stage import stage
from pipelines.tools import shell

DEBIAN = "docker.io/library/debian:trixie-slim"
_MIRROR = "http://deb.debian.org/debian"
_MESSAGE = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')  # of skopeo, which writes a log
_PATIENCE = 1200  # seconds for a step that downloads
# What the images of Debian have, and debootstrap leaves out: updates and security updates.
_SOURCES = """Types: deb
URIs: http://deb.debian.org/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.pgp
"""
# Settings of a Containerfile that are kept: what says how the image runs.
_KEPT = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "WorkingDir", "StopSignal")

Say = Callable[[str], None]


def folder_of(project: Path, name: str) -> Path:
    """Return where the base *name* lies in *project*."""
    return project / "out" / "base" / name


def make(project: Path, names: Sequence[str], registry: str, say: Say) -> list[Base]:
    """Build the bases *names*, pin each, push it to *registry* unless that is "", and return them.

    Raises ToolError when a program is missing or fails; then the last base of
    that name and its pin are as they were.
    """
    with stage(project / "out", "base") as room:
        buildah = _Buildah(room)
        _debian(buildah, room, say)
        return [_make(project, name, registry, say, buildah, room) for name in names]


def _make(project: Path, name: str, registry: str, say: Say, buildah: _Buildah, room: Path) -> Base:
    say(f"buildah: {name}")
    folder = project / "images" / "base"
    buildah.run("build", "--isolation", "chroot", "--pull=never", "--no-cache", "--tag", name,
                "--file", folder / f"{name}.Containerfile", folder)  # fmt: skip
    buildah.run("push", "--quiet", name, f"oci:{room / f'{name}-built'}:{name}")
    built = oci.read(room / f"{name}-built")
    files = [file for one in built.layers for file in layer.unpack(one.data)]
    layout = room / name
    packed = layer.layer("base", files, 12)
    image = oci.write(layout, _settings(built.config), _platform(built.config), [packed])
    base = Base(name, image.digest, str(built.config["architecture"]), _packages(files))
    if registry:
        say(f"skopeo: {_address(registry, base)}")
        push(layout, base, registry)
    place = folder_of(project, name)
    place.parent.mkdir(parents=True, exist_ok=True)
    oci.publish(layout, place)
    lock.write(project, base)
    return base


def push(layout: Path, base: Base, registry: str) -> None:
    """Copy *base* from *layout* to *registry*, its digest kept; what is there already is not sent again."""
    _copy(
        f"oci:{layout}",
        f"docker://{_address(registry, base)}",
        "log in with `skopeo login`, and say it again",
    )


def pinned(project: Path, name: str, arch: str = "amd64") -> Base:
    """Return which base *name* is pinned for *arch*; raise PipelineError when none is."""
    base = lock.read(project).get((name, arch))
    if base is None:
        raise PipelineError(f"{lock.FILE}: no base {name} for {arch}; run `make base`")
    return base


def find(project: Path, name: str, registry: str, arch: str = "amd64") -> oci.Image:
    """Return the pinned base *name*: from out/base, else from *registry*.

    Raises PipelineError when it is nowhere, or another one than what is pinned.
    """
    base = pinned(project, name, arch)
    place = folder_of(project, name)
    if place.exists():
        image = oci.read(place)
        if image.digest == base.digest:
            return image
    if not registry:
        what = "is another one than what is pinned" if place.exists() else "is not there"
        raise PipelineError(f"out/base/{name}: {what}, and site.toml names no registry; run `make base`")
    with stage(project / "out", "base") as room:
        source = f"docker://{registry}/base-{name}@{base.digest}"
        _copy(
            source, f"oci:{room / 'base'}", "log in with `skopeo login`, or make the base here: `make base`"
        )
        image = oci.read(room / "base")
        if image.digest != base.digest:
            raise PipelineError(f"{registry}: gave {image.digest} for {base.digest}; do not trust it")
        place.parent.mkdir(parents=True, exist_ok=True)
        oci.publish(room / "base", place)
    return image


def _copy(source: str, target: str, remedy: str) -> None:
    # Credentials: the file that REGISTRY_AUTH_FILE names, or that of `skopeo login`.
    words = ["--quiet", "--preserve-digests", source, target]
    try:
        shell.run(["skopeo", "copy", *words], timeout=_PATIENCE)
    except ToolError as error:
        said = _MESSAGE.findall(str(error))
        if not said:  # it is not there, or has not ended
            raise
        what = re.sub(r"\\(.)", r"\1", said[-1])
        raise ToolError(f"skopeo: {what}; {remedy}") from None


def _address(registry: str, base: Base) -> str:
    # With a tag: registries collect what has none.
    return f"{registry}/base-{base.name}:{base.arch}-{base.digest.removeprefix('sha256:')[:12]}"


class _Buildah:
    """buildah with a storage of its own, which goes with the room."""

    def __init__(self, room: Path) -> None:
        storage = ("--root", room / "storage", "--runroot", room / "run", "--storage-driver", "vfs")
        self._argv: list[str | Path] = ["buildah", *storage]

    def run(self, *words: str | Path) -> str:
        return shell.run([*self._argv, *words], timeout=_PATIENCE).decode().strip()


def _debian(buildah: _Buildah, room: Path, say: Say) -> None:
    """Bring Debian's image into the storage: from its registry, or made here under the same name."""
    try:
        say(f"buildah: {DEBIAN}")
        buildah.run("pull", "--quiet", DEBIAN)
        return
    except ToolError as error:
        if not shell.find("debootstrap"):
            remedy = "install debootstrap, or make the registry reachable"
            raise ToolError(f"{DEBIAN}: cannot be had here; {remedy}: {error}") from None
    say("debootstrap: the registry is out of reach, making Debian trixie here")
    root, archive = room / "debian", room / "debian.tar"
    shell.run(["debootstrap", "--variant=minbase", "trixie", root, _MIRROR], timeout=_PATIENCE)
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    (root / "etc/apt/sources.list.d/debian.sources").write_text(_SOURCES, encoding="utf-8")
    words: list[str | Path] = ["--numeric-owner", "--create", "--file", archive, "."]
    shell.run(["tar", "--directory", root, *words], timeout=_PATIENCE)
    container = buildah.run("from", "scratch")
    buildah.run("add", "--quiet", container, archive, "/")
    buildah.run("commit", "--quiet", container, DEBIAN)
    buildah.run("rm", container)


def _settings(config: Any) -> dict[str, Any]:
    found = config.get("config", {})
    return {name: found[name] for name in _KEPT if found.get(name)}


def _platform(config: Any) -> dict[str, str]:
    return {"architecture": config["architecture"], "os": config["os"]}


def _packages(files: list[layer.File]) -> tuple[str, ...]:
    """Return name and version of the Debian packages that *files* are of."""
    status = next(file.data.decode() for file in files if file.path == "var/lib/dpkg/status")
    blocks = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != " ")
              for block in status.strip().split("\n\n")]  # fmt: skip
    return tuple(sorted(f"{block['Package']}={block['Version']}" for block in blocks))
