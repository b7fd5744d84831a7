"""Parse and compare versions as Helm orders them (SemVer 2.0, section 11).

No reads, no writes, no network.

Three forms are published: the candidate X.Y.N-rc, the stable version X.Y.N, and
previews below 0.0.1.
"""

from __future__ import annotations

from semver import Version as Version

CANDIDATE = "rc"  # the prerelease of a candidate


def parse(text: str) -> Version | None:
    """Return *text* as a version, or None where it is not one."""
    return Version.parse(text) if Version.is_valid(text) else None


def is_newer(version: str, other: str) -> bool:
    """Return whether *version* comes after *other*; False where one is not a version."""
    left, right = parse(version), parse(other)
    return left is not None and right is not None and left > right


def is_release(text: str) -> bool:
    """Return whether *text* is a candidate or a stable version."""
    version = parse(text)
    return version is not None and version.build is None and version.prerelease in (None, CANDIDATE)


def is_candidate(text: str) -> bool:
    """Return whether *text* is a candidate."""
    return is_release(text) and text.endswith(f"-{CANDIDATE}")


def stable_form(version: str) -> str:
    """Return the stable version of a candidate; a stable version is returned unchanged."""
    return version.removesuffix(f"-{CANDIDATE}")


def candidate_form(version: str) -> str:
    """Return the candidate of a stable version; a candidate is returned unchanged."""
    return f"{stable_form(version)}-{CANDIDATE}"


def major_of(version: str) -> int:
    """Return the X of "X.Y" or "X.Y.N"."""
    return int(version.partition(".")[0])
