"""Take a wheel apart into the files that it brings to an image.

No reads, no writes, no network: `installer` knows what a wheel is (PEP 427), and
is given a place in memory.
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
    """Return what *wheel* brings to *folder* of an image.

    Without scripts, for which there is no shell, and without RECORD, which
    would tell a pip that is not there what to remove.
    """
    archive = zipfile.ZipFile(io.BytesIO(wheel.data))
    archive.filename = wheel.name  # the wheel's reader wants it
    place = _MemoryDestination(folder)
    install(WheelFile(archive), place, {})
    return place.files


class _MemoryDestination(WheelDestination):
    """Where `installer` puts a wheel: a list of files in memory."""

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
