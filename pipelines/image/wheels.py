"""Download the wheels of the API's image, and verify each.

Reads requirements/api.txt. Writes out/wheels/<digest of the requirements>/. Starts
pip. Network: pip's index, in ``fetch_wheels``.

requirements/api.txt is for every platform. Its markers are evaluated here, for the
Python of the base: pip evaluates them for the Python that runs it, whatever
--python-version is.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault, PipelineError, SourceError, ToolError
from pipelines.core.progress import Log
from pipelines.image import oci_layout
from pipelines.image.python_target import PythonTarget
from pipelines.image.staging import staging_directory
from pipelines.tools import shell

FILE = "requirements/api.txt"
_RankedWheels = dict[tuple[str, str], list[tuple[int, Path]]]  # by name and version; rank 0 is the best
_TIMEOUT = 900  # seconds, for a step that downloads


@dataclass(frozen=True, slots=True, order=True)
class Pin:
    """A line of requirements/api.txt that the target needs."""

    name: str  # normalized: "psycopg-binary"
    version: str
    hashes: tuple[str, ...]  # sha256, hex, of the wheels for all platforms

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel with pinned bytes."""

    pin: Pin
    name: str  # file name
    data: bytes
    sha256: str  # of its bytes, hex


def pinned_wheels(project: Path, target: PythonTarget) -> list[Pin]:
    """Return the pins that *target* needs, sorted; raise SourceError for lines without a pin."""
    try:
        text = (project / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PipelineError(f"{FILE}: no such file; run `make lock`") from None
    found, faults = [], []
    for line in text.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.partition("#")[0].split("--hash=sha256:")
        if not requirement.strip():
            continue
        try:
            row = Requirement(requirement)
            (exact,) = row.specifier
        except (InvalidRequirement, ValueError):
            exact = None
        if exact is None or exact.operator != "==" or not hashes:
            what = f"{requirement.strip()!r} is not a version with hashes"
            faults.append(Fault(FILE, 0, what, "rewrite it by `make lock`"))
        elif row.marker is None or row.marker.evaluate(target.environment):
            pinned = tuple(sorted(one.strip() for one in hashes))
            found.append(Pin(canonicalize_name(row.name), exact.version, pinned))
    if faults:
        raise SourceError(faults)
    return sorted(found)


def wheel_directory(project: Path, target: PythonTarget) -> Path:
    """Return the directory of the wheels for *target*; it differs by requirements and target."""
    about = (
        f"{target.arch} {target.python} {target.glibc}\n{_pip_requirements(pinned_wheels(project, target))}"
    )
    return project / "out" / "wheels" / sha256_hex(about.encode())[:16]


def fetch_wheels(project: Path, target: PythonTarget, log: Log) -> None:
    """Download the wheels for *target* by pip, and replace their directory.

    Raises PipelineError where the index has no compatible wheel, or does not respond.
    """
    directory = wheel_directory(project, target)
    needed = pinned_wheels(project, target)
    log(f"pip: {len(needed)} wheels for {target}")
    with staging_directory(project / "out", "wheels") as staging:
        request, fresh = staging / "requirements.txt", staging / "wheels"
        request.write_text(_pip_requirements(needed), encoding="utf-8")
        options: list[str | Path] = [
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--require-hashes",
        ]
        options += ["--no-deps", "--only-binary", ":all:", "--implementation", "cp"]
        options += ["--python-version", "{}.{}".format(*target.minor)]
        options += [option for abi in (target.abi, "abi3", "none") for option in ("--abi", abi)]
        options += [option for platform in target.platforms for option in ("--platform", platform)]
        argv = [sys.executable, "-m", "pip", "download", *options, "--dest", fresh, "--requirement", request]
        try:
            shell.run_program(argv, timeout=_TIMEOUT)
        except ToolError as error:
            if missing := re.search(r"No matching distribution found for (\S+)", str(error)):
                what = f"{missing[1]} has no wheel for {target} in pip's index, or the index does not respond"
                raise PipelineError(f"{FILE}: {what}; pin a version that has one, or try again") from None
            raise
        directory.parent.mkdir(parents=True, exist_ok=True)
        if directory.is_dir():
            oci_layout.publish_layout(fresh, directory)
        else:
            os.rename(fresh, directory)


def read_wheels(project: Path, target: PythonTarget) -> list[Wheel]:
    """Return the wheels for *target*, one a pin; raise PipelineError for a missing or changed one."""
    folder = wheel_directory(project, target)
    ranked = _rank_wheels(folder, target)
    return [
        _read_wheel(pin, ranked, target, f"out/wheels/{folder.name}")
        for pin in pinned_wheels(project, target)
    ]


def _pip_requirements(needed: list[Pin]) -> str:
    return "".join(f"{pin} {' '.join(f'--hash=sha256:{one}' for one in pin.hashes)}\n" for pin in needed)


def _rank_wheels(folder: Path, target: PythonTarget) -> _RankedWheels:
    """Return the wheels in *folder* that *target* can use, by name and version, each with its rank."""
    tags = target.tags
    found: _RankedWheels = {}
    for file in folder.glob("*.whl"):
        try:
            name, version, _, known = parse_wheel_filename(file.name)
        except InvalidWheelFilename:
            continue
        if ranks := [tags[tag] for tag in known if tag in tags]:
            found.setdefault((name, str(version)), []).append((min(ranks), file))
    return found


def _read_wheel(pin: Pin, ranked: _RankedWheels, target: PythonTarget, where: str) -> Wheel:
    fitting = ranked.get((pin.name, pin.version))
    if not fitting:
        raise PipelineError(f"{where}: no wheel of {pin} for {target}; run `make wheels`")
    _, file = min(fitting)
    data = file.read_bytes()
    wheel = Wheel(pin, file.name, data, sha256_hex(data))
    if wheel.sha256 not in pin.hashes:
        raise PipelineError(f"{where}/{file.name}: does not match its hash in {FILE}; run `make wheels`")
    return wheel
