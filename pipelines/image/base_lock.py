"""Read and write the pinned bases: images/base/base.lock, one line a base.

Reads and writes that file. No network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import Fault, SourceError
from pipelines.core.files import write_atomic

FILE = "images/base/base.lock"
_HEADER = "# Pinned bases: name, digest, architecture, packages. Written by `make base`.\n"
_LINE = re.compile(
    r"(?P<name>[a-z]+) (?P<digest>sha256:[0-9a-f]{64}) (?P<arch>[a-z0-9]+)(?P<packages>( \S+=\S+)+)"
)


@dataclass(frozen=True, slots=True, order=True)
class Base:
    """A pinned base."""

    name: str
    digest: str  # "sha256:…" of its manifest
    arch: str  # OCI name: "amd64"
    packages: tuple[str, ...]  # "nginx=1.26.3-3", sorted

    def __str__(self) -> str:
        return " ".join((self.name, self.digest, self.arch, *self.packages))


def read_base_lock(project: Path) -> dict[tuple[str, str], Base]:
    """Return the pinned bases by name and architecture; raise SourceError for invalid lines."""
    file = project / FILE
    if not file.exists():
        return {}
    bases: dict[tuple[str, str], Base] = {}
    faults: list[Fault] = []
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not (row := _LINE.fullmatch(line)):
            faults.append(Fault(FILE, number, "is not a pinned base", "rewrite it by `make base`"))
            continue
        base = Base(row["name"], row["digest"], row["arch"], tuple(row["packages"].split()))
        if (base.name, base.arch) in bases:
            faults.append(Fault(FILE, number, f"pins {base.name} twice", "remove one of the lines"))
        bases[base.name, base.arch] = base
    if faults:
        raise SourceError(faults)
    return bases


def write_base_lock(project: Path, base: Base) -> None:
    """Pin *base*, in place of the base with its name and architecture."""
    bases = read_base_lock(project) | {(base.name, base.arch): base}
    lines = "".join(f"{bases[key]}\n" for key in sorted(bases))
    write_atomic(project / FILE, (_HEADER + lines).encode())
