"""Unpack a wheel into the files of an image.

No reads, no writes, no network: `installer` (PEP 427) installs into a destination
in memory.
"""

from __future__ import annotations

import io
import os
import zipfile
from typing import BinaryIO

from installer import install
from installer.destinations import WheelDestination
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme

from pipelines.image.layer import File
from pipelines.image.wheels import Wheel


def unpack_wheel(wheel: Wheel, folder: str) -> list[File]:
    """Return the files of *wheel*, below *folder* of an image.

    Without scripts, since an image has no shell, and without RECORD, since it has
    no pip.
    """
    archive = zipfile.ZipFile(io.BytesIO(wheel.data))
    archive.filename = wheel.name  # WheelFile requires it
    destination = _MemoryDestination(folder)
    install(WheelFile(archive), destination, {})
    return destination.files


class _MemoryDestination(WheelDestination):
    """A destination of `installer` that collects the files in memory."""

    def __init__(self, folder: str) -> None:
        self.folder, self.files = folder, list[File]()

    def write_script(self, name: str, module: str, attr: str, section: str) -> RecordEntry:
        return RecordEntry(name, None, None)

    def write_file(
        self, scheme: Scheme, path: str | os.PathLike[str], stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        if scheme in ("purelib", "platlib"):
            self.files.append(File(f"{self.folder}/{os.fspath(path)}", stream.read()))
        return RecordEntry(os.fspath(path), None, None)

    def finalize_installation(self, scheme: Scheme, record_file_path: str, records: object) -> None:
        return
