"""Make the SBOM of an image in CycloneDX: Debian packages by debsbom, Python packages from their wheels.

Starts debsbom. Writes a temporary directory. No network.
"""

from __future__ import annotations

import json
import sys
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipelines.image.layer import File
from pipelines.image.oci_layout import CREATED
from pipelines.tools import shell

_DEBIAN_RECORDS = ("var/lib/dpkg/status", "etc/os-release")


@dataclass(frozen=True, slots=True, order=True)
class PythonPackage:
    """A Python package in an image."""

    name: str  # normalized, as on PyPI: "psycopg-binary"
    version: str
    sha256: str  # of the wheel, hex

    @property
    def purl(self) -> str:
        """Return its package URL (purl, type pypi)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def cyclonedx(
    name: str,
    digest: str,
    arch: str,
    files: Iterable[File],
    previous: bytes | None,
    packages: Sequence[PythonPackage] = (),
) -> bytes:
    """Return the SBOM of the image *name*: *packages*, and Debian's, whose records are among *files*.

    Equal inputs give equal bytes: the time is fixed, and the serial number is
    derived from the inputs. *previous*, the last SBOM, is returned where it has that
    serial number: debsbom takes longer than the rest of the packing.
    """
    wheels = "".join(f" {one.purl} {one.sha256}" for one in sorted(packages))
    inputs = f"{name} {digest} {arch} debsbom {version('debsbom')}{wheels}"
    serial = str(uuid.uuid5(uuid.NAMESPACE_OID, inputs))
    if previous is not None and f'"urn:uuid:{serial}"'.encode() in previous:
        return previous
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if file.path in _DEBIAN_RECORDS:
                path = Path(folder, file.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.data)
        document = shell.run_program(
            [
                *(Path(sys.executable).with_name("debsbom"), "generate", "--root", folder, "--out", "-"),
                *("--sbom-type", "cdx", "--distro-name", name, "--distro-arch", arch),
                *("--timestamp", CREATED, "--cdx-serialnumber", serial),
            ],
            timeout=120,
        )
    return _with_packages(document, sorted(packages)) if packages else document


def _with_packages(document: bytes, packages: Sequence[PythonPackage]) -> bytes:
    """Return *document* with *packages* as components that the image depends on."""
    whole = json.loads(document)
    root = whole["metadata"]["component"]["bom-ref"]
    whole["components"] += [
        {
            "type": "library",
            "bom-ref": one.purl,
            "name": one.name,
            "version": one.version,
            "purl": one.purl,
            "hashes": [{"alg": "SHA-256", "content": one.sha256}],
        }
        for one in packages
    ]
    for row in whole["dependencies"]:
        if row["ref"] == root:
            row["dependsOn"] = sorted([*row.get("dependsOn", []), *(one.purl for one in packages)])
    whole["dependencies"] += [{"ref": one.purl} for one in packages]
    return (json.dumps(whole, indent=4, ensure_ascii=False) + "\n").encode()
