"""Say what an image is made of: a CycloneDX document, by debsbom from Debian's records.

Starts debsbom. Writes nothing but a temporary folder. No network.
"""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from pipelines.image.layer import File
from pipelines.image.oci import CREATED
from pipelines.tools import shell

_RECORDS = ("var/lib/dpkg/status", "etc/os-release")


def cyclonedx(name: str, digest: str, arch: str, files: Iterable[File], last: bytes | None) -> bytes:
    """Return the document for an image *name* of Debian packages, whose records are among *files*.

    Equal inputs give equal bytes: its time is fixed, and its number is made of
    what it depends on. So *last*, the document of the last time, is returned
    where it has the right number: debsbom takes longer than all the rest.
    """
    about = f"{name} {digest} {arch} debsbom {version('debsbom')}"
    number = str(uuid.uuid5(uuid.NAMESPACE_OID, about))
    if last is not None and f'"urn:uuid:{number}"'.encode() in last:
        return last
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            if file.path in _RECORDS:
                place = Path(folder, file.path)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.data)
        return shell.run(
            [
                *(Path(sys.executable).with_name("debsbom"), "generate", "--root", folder, "--out", "-"),
                *("--sbom-type", "cdx", "--distro-name", name, "--distro-arch", arch),
                *("--timestamp", CREATED, "--cdx-serialnumber", number),
            ],
            timeout=120,
        )
