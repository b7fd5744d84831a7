"""Fetch what the API stands on as wheels, and check each.

Reads requirements/api.txt. Writes
out/wheels/<digest of what is asked for>/. Starts pip. Network: the index that
pip is configured for, when ``fetch`` is called.

requirements/api.txt is for every platform. What of it the image needs is judged
here, for the Python of the base: pip judges the markers of a list by the Python
that it runs in, whatever --python-version says.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from pipelines.core.errors import Fault, PipelineError, SourceError, ToolError
from pipelines.core.progress import Log
from pipelines.image import oci_layout
from pipelines.image.python_target import PythonTarget
from pipelines.image.staging import staging_directory
from pipelines.tools import shell

FILE = "requirements/api.txt"
_TIMEOUT = 900  # seconds for a step that downloads


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A line of requirements/api.txt that the target needs."""

    name: str  # in its plain form: "psycopg-binary"
    version: str
    hashes: tuple[str, ...]  # sha256, hex; of the wheels for all platforms

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel whose bytes are pinned."""

    pin: Pin
    name: str  # of its file
    data: bytes

    @property
    def sha256(self) -> str:
        """Return the digest of its bytes, hex."""
        return hashlib.sha256(self.data).hexdigest()


def pinned_wheels(project: Path, target: PythonTarget) -> list[Pin]:
    """Return what *target* needs, sorted; raise SourceError for lines that pin nothing."""
    try:
        text = (project / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError(f"{FILE}: no such file; run `make lock`") from None
    found, faults = [], []
    for line in text.replace("\\\n", " ").splitlines():
        words, *hashes = line.partition("#")[0].split("--hash=sha256:")
        if not words.strip():
            continue
        try:
            row = Requirement(words)
            (exact,) = row.specifier
        except (InvalidRequirement, ValueError):
            exact = None
        if exact is None or exact.operator != "==" or not hashes:
            what = f"{words.strip()!r} is not a version with hashes"
            faults.append(Fault(FILE, 0, what, "write it anew with `make lock`"))
        elif row.marker is None or row.marker.evaluate(target.environment):
            pinned = tuple(sorted(one.strip() for one in hashes))
            found.append(Pin(canonicalize_name(row.name), exact.version, pinned))
    if faults:
        raise SourceError(faults)
    return sorted(found)


def wheel_directory(project: Path, target: PythonTarget) -> Path:
    """Return where the wheels for *target* lie: another list, or another target, has another folder."""
    about = (
        f"{target.arch} {target.python} {target.glibc}\n{_pip_requirements(pinned_wheels(project, target))}"
    )
    return project / "out" / "wheels" / hashlib.sha256(about.encode()).hexdigest()[:16]


def fetch_wheels(project: Path, target: PythonTarget, log: Log) -> None:
    """Let pip fetch the wheels for *target* into their folder, in place of what is there.

    Raises PipelineError when there is no wheel for it, or no index.
    """
    place = wheel_directory(project, target)
    needed = pinned_wheels(project, target)
    log(f"pip: {len(needed)} wheels for {target}")
    with staging_directory(project / "out", "wheels") as staging:
        request, fresh = staging / "requirements.txt", staging / "wheels"
        request.write_text(_pip_requirements(needed), encoding="utf-8")
        words: list[str | Path] = ["--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]
        words += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
        words += ["--python-version", "{}.{}".format(*target.minor)]
        words += [word for abi in (target.abi, "abi3", "none") for word in ("--abi", abi)]
        words += [word for platform in target.platforms for word in ("--platform", platform)]
        argv = [sys.executable, "-m", "pip", "download", *words, "--dest", fresh, "--requirement", request]
        try:
            shell.run_program(argv, timeout=_TIMEOUT)
        except ToolError as error:
            if missing := re.search(r"No matching distribution found for (\S+)", str(error)):
                what = f"{missing[1]} has no wheel for {target} in the index of pip, or that did not answer"
                raise PipelineError(f"{FILE}: {what}; pin a version that has one, or try again") from None
            raise
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            oci_layout.publish_layout(fresh, place)
        else:
            os.rename(fresh, place)


def read_wheels(project: Path, target: PythonTarget) -> list[Wheel]:
    """Return the wheels for *target*, one a pin; raise PipelineError when one lacks or has other bytes."""
    folder = wheel_directory(project, target)
    files = sorted(folder.glob("*.whl"))
    return [
        _read_wheel(pin, files, target, f"out/wheels/{folder.name}") for pin in pinned_wheels(project, target)
    ]


def _pip_requirements(needed: list[Pin]) -> str:
    return "".join(f"{pin} {' '.join(f'--hash=sha256:{one}' for one in pin.hashes)}\n" for pin in needed)


def _read_wheel(pin: Pin, files: list[Path], target: PythonTarget, where: str) -> Wheel:
    tags = target.tags
    fitting = [(min(tags[tag] for tag in known), file) for file, known in _candidates(pin, files, tags)]
    if not fitting:
        raise PipelineError(f"{where}: has no wheel of {pin} for {target}; run `make wheels`")
    _, file = min(fitting)
    wheel = Wheel(pin, file.name, file.read_bytes())
    if wheel.sha256 not in pin.hashes:
        raise PipelineError(f"{where}/{file.name}: has other bytes than {FILE} pins; run `make wheels`")
    return wheel


def _candidates(pin: Pin, files: list[Path], tags: dict[Tag, int]) -> Iterator[tuple[Path, set[Tag]]]:
    """Yield the wheels of *pin* that run on the target, each with its tags that say so."""
    for file in files:
        try:
            name, version, _, known = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        fitting = {tag for tag in known if tag in tags}
        if (name, str(version)) == (pin.name, pin.version) and fitting:
            yield file, fitting
