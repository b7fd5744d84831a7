"""Select wheels for the Python and the C library of a base.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.tags import Tag, compatible_tags, cpython_tags

from pipelines.core.errors import PipelineError
from pipelines.image.base_lock import Base

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}  # as OCI and as Linux name them
# Platform names from before PEP 600, which wheels for amd64 still have, by their glibc.
_LEGACY_MANYLINUX = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}


@dataclass(frozen=True, slots=True)
class PythonTarget:
    """The Python of a base."""

    arch: str  # OCI name: "amd64"
    python: str  # "3.13.5"
    glibc: int  # 41 for glibc 2.41

    @property
    def machine(self) -> str:
        """Return the architecture as Linux names it."""
        return _MACHINES[self.arch]

    @property
    def minor(self) -> tuple[int, int]:
        """Return 3 and 13 for Python 3.13.5."""
        major, minor, _ = self.python.split(".")
        return int(major), int(minor)

    @property
    def abi(self) -> str:
        """Return the tag of its ABI: cp313."""
        return "cp{}{}".format(*self.minor)

    @property
    def platforms(self) -> list[str]:
        """Return the platform tags of compatible wheels, the newest first (PEP 600)."""
        found = []
        for glibc in range(self.glibc, 4, -1):
            found.append(f"manylinux_2_{glibc}_{self.machine}")
            if glibc in _LEGACY_MANYLINUX:
                found.append(f"{_LEGACY_MANYLINUX[glibc]}_{self.machine}")
        return found

    @property
    def tags(self) -> dict[Tag, int]:
        """Return the tags of compatible wheels, each with its rank; 0 is the best."""
        every = [
            *cpython_tags(self.minor, [self.abi], self.platforms),
            *compatible_tags(self.minor, self.abi, self.platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(every)))}

    @property
    def environment(self) -> dict[str, str]:
        """Return the complete marker environment; `packaging` takes a missing key from this machine."""
        return {
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": "{}.{}".format(*self.minor),
            "sys_platform": "linux",
        }

    def __str__(self) -> str:
        return f"Python {'{}.{}'.format(*self.minor)} on linux/{self.arch}"


def target_of(base: Base) -> PythonTarget:
    """Return the Python of *base*; raise PipelineError where it has none."""
    text = " ".join(base.packages)
    python = re.search(r"\blibpython3\.\d+-stdlib=(\d+\.\d+\.\d+)", text)
    glibc = re.search(r"\blibc6=2\.(\d+)", text)
    if not python or not glibc or base.arch not in _MACHINES:
        raise PipelineError(f"images/base/base.lock: {base.name} has no Python; run `make base`")
    return PythonTarget(base.arch, python[1], int(glibc[1]))
