"""Decide which files of content/ and theme/ a build may read.

A symbolic link could publish files that are not part of the site: session
keys, a database, members' pages. All code that reads the tree applies this
policy. Reads the first bytes of small files and of key files. No writes, no
network.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from pipelines.core.errors import Fault

CONTENT, THEME = "content", "theme"
ROOTS = (CONTENT, THEME)
EXTRA = f"{CONTENT}/extra"  # copied verbatim to the root of the site
MEMBERS = f"{CONTENT}/members"
WELL_KNOWN = f"{EXTRA}/.well-known"  # RFC 8615; the only published name with a leading dot
MARKDOWN_SUFFIXES = (".md", ".markdown", ".mdown", ".mkdn", ".mkd")  # in any letter case

_PRIVATE_KEY_NAME = re.compile(
    r".*\.(agekey|p12|pfx|jks|kdbx|ppk)|id_(rsa|dsa|ecdsa|ed25519)(_sk)?", re.IGNORECASE
)
# Certificates and Keynote slides have these suffixes, too: a plain file is refused by its content only.
_AMBIGUOUS_KEY_NAME = re.compile(r".*\.(pem|key)", re.IGNORECASE)
_PRIVATE_KEY_CONTENT = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|AGE-SECRET-KEY-1|PuTTY-User-Key-File")
_DATABASE_NAME = re.compile(r".*\.(sqlite3?|db3?)(-(wal|shm|journal))?", re.IGNORECASE)
# https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: the first line, and at most 1024 bytes.
_LFS_POINTER, _MAX_LFS_POINTER = b"version https://git-lfs.github.com/spec/v1", 1024
_MAX_KEY_SEARCH = 1 << 20  # bytes that are searched for a private key


class GitIndex(Protocol):
    """The part of Git's index that the policy needs: pipelines.tools.git_history.Index."""

    @property
    def tracked(self) -> frozenset[str]:
        """Return the files that Git tracks, relative to the project."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the submodules that were not fetched, relative to the project."""


class Refusal(Struct, frozen=True):
    """Why a file may not be read; *text* and *fix* are parts of a Fault."""

    text: str
    fix: str


class ReadPolicy(Struct, frozen=True):
    """The read policy of one project."""

    project: str  # the project, without symbolic links
    index: GitIndex | None  # None without Git

    def check_import(self, path: str, real: str) -> Refusal | None:
        """Return why the stylesheet *path* may not import *real*, a resolved path; None if it may.

        Any file of node_modules is allowed: package-lock.json fixes its content.
        """
        if os.path.relpath(real, self.project).startswith("node_modules/"):
            return None
        return self.check_link(path, real, tracked_only=False)

    def check_link(self, path: str, real: str, *, tracked_only: bool = True) -> Refusal | None:
        """Return why *path* may not resolve to *real*; None if it may.

        *path*, relative to the project, is a symbolic link, or is below one.
        """
        inside = os.path.relpath(real, self.project)
        put = "put the file itself here"
        if not os.path.exists(real):
            return Refusal("leads nowhere", "correct it, or remove it")
        if inside == ".." or inside.startswith("../"):
            return Refusal("leads out of the project", put)
        if any(part.startswith(".") for part in inside.removeprefix(f"{WELL_KNOWN}/").split("/")):
            return Refusal(f"leads to {inside}, which is hidden", put)
        if not inside.startswith(tuple(f"{root}/" for root in ROOTS)):
            return Refusal(f"leads to {inside}, which is not below content/ or theme/", put)
        if f"{inside}/".startswith(f"{MEMBERS}/") and not f"{path}/".startswith(f"{MEMBERS}/"):
            return Refusal(f"leads into {MEMBERS}", "put the page that needs it there too")
        if os.path.isdir(real):
            return None
        if what := secret_kind(inside) or (
            _AMBIGUOUS_KEY_NAME.fullmatch(os.path.basename(inside)) and "a key"
        ):
            return Refusal(f"leads to {inside}, {what}", "remove it")
        # A link must not publish the source of a draft. A second page of one text is allowed.
        if _is_document(inside) and not _is_document(path):
            return Refusal(f"leads to {inside}, and would publish its source", put)
        if tracked_only and self.index is not None and inside not in self.index.tracked:
            return Refusal(f"leads to {inside}, which Git does not track", f"run `git add {inside}`")
        return None

    def check_file(self, path: str) -> Refusal | None:
        """Return why the file *path*, relative to the project, may not be read; None if it may."""
        if what := secret_kind(path):
            return Refusal(f"is {what}", f"move it out of {path.split('/')[0]}/, or publish it as a .zip")
        file = os.path.join(self.project, path)
        if _AMBIGUOUS_KEY_NAME.fullmatch(path) and _PRIVATE_KEY_CONTENT.search(
            _read_head(file, _MAX_KEY_SEARCH)
        ):
            return Refusal("holds a private key", f"move it out of {path.split('/')[0]}/")
        if os.path.getsize(file) <= _MAX_LFS_POINTER and _read_head(file, len(_LFS_POINTER)) == _LFS_POINTER:
            return Refusal("is a pointer of Git LFS, not the file", "run `git lfs pull`")
        return None


def project_policy(project: Path, index: GitIndex | None) -> ReadPolicy:
    """Return the read policy of *project* with Git's *index*."""
    return ReadPolicy(os.path.realpath(project), index)


def _is_document(path: str) -> bool:
    return path.startswith(f"{CONTENT}/") and path.lower().endswith(MARKDOWN_SUFFIXES)


def _read_head(file: str, size: int) -> bytes:
    with open(file, "rb") as stream:
        return stream.read(size)


def secret_kind(path: str) -> str:
    """Return which kind of secret the name of *path* suggests; "" for none."""
    name = os.path.basename(path)
    return (
        "a private key"
        if _PRIVATE_KEY_NAME.fullmatch(name)
        else "a database"
        if _DATABASE_NAME.fullmatch(name)
        else ""
    )


def missing_submodules(index: GitIndex | None) -> Iterable[Fault]:
    """Yield a fault for each Git submodule that was not fetched: its pages would be missing."""
    for path in index.missing if index else ():
        fix = f"run `git submodule update --init --recursive {path}`"
        yield Fault(path, 0, "is a Git submodule that was not fetched", fix, "read-policy")
