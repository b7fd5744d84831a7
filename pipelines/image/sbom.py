"""Say what an image is made of: a CycloneDX document, by debsbom from Debian's records and by us from wheels.

Starts debsbom. Writes nothing but a temporary folder. No network.
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
    """A package of Python that is in an image."""

    name: str  # as PyPI writes it, in its plain form: "psycopg-binary"
    version: str
    sha256: str  # of the wheel, hex

    @property
    def purl(self) -> str:
        """Return its address among all packages (package-url, type pypi)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def cyclonedx(
    name: str,
    digest: str,
    arch: str,
    files: Iterable[File],
    last: bytes | None,
    packages: Sequence[PythonPackage] = (),
) -> bytes:
    """Return the document for an image *name* of *packages* and of Debian's, whose records are among *files*.

    Equal inputs give equal bytes: its time is fixed, and its number is made of
    what it depends on. So *last*, the document of the last time, is returned
    where it has the right number: debsbom takes longer than all the rest.
    """
    wheels = "".join(f" {one.purl} {one.sha256}" for one in sorted(packages))
    about = f"{name} {digest} {arch} debsbom {version('debsbom')}{wheels}"
    number = str(uuid.uuid5(uuid.NAMESPACE_OID, about))
    if last is not None and f'"urn:uuid:{number}"'.encode() in last:
        return last
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if file.path in _DEBIAN_RECORDS:
                place = Path(folder, file.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.data)
        document = shell.run_program(
            [
                *(Path(sys.executable).with_name("debsbom"), "generate", "--root", folder, "--out", "-"),
                *("--sbom-type", "cdx", "--distro-name", name, "--distro-arch", arch),
                *("--timestamp", CREATED, "--cdx-serialnumber", number),
            ],
            timeout=120,
        )
    return _with_packages(document, sorted(packages)) if packages else document


def _with_packages(document: bytes, packages: Sequence[PythonPackage]) -> bytes:
    """Return *document* with *packages* among its components: the image depends on each of them."""
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
