"""Resolve a URL path to a file of a built tree, by the rules of NGINX in production.

A page has one URL, which ends with a slash; a directory is never listed; a path
with ``..``, or through a symbolic link out of the tree, is not found. Reads the
tree. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from pipelines.core.site_tree import GATED, PUBLIC
from pipelines.site.output.machine_files import is_gated_path

INDEX = "index.html"
# Error pages have no URL: a request for them by name is not found.
ERROR_PAGES = frozenset({"/403.html", "/404.html", "/503.html"})
_ROW = re.compile(r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)";')


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to send."""

    file: Path
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """A permanent redirect to another URL of this site."""

    location: str  # site-absolute, percent-encoded


def decode_path(raw: bytes) -> str | None:
    """Return the path of a request target as NGINX decodes it; None for a refused one.

    Percent escapes are decoded once and slashes merged. ``..`` in any encoding, and
    bytes that no file name can hold, are refused, where NGINX would resolve the
    one and pass on the other.
    """
    if re.search(rb"%(?![0-9A-Fa-f]{2})", raw):
        return None
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not path.startswith("/") or re.search(r"[\x00-\x1f\x7f]", path):
        return None
    if {".", ".."} & set(re.split(r"[/\\]", path)):
        return None
    return re.sub(r"/{2,}", "/", path)


def resolve_path(tree: Path, aliases: Mapping[str, str], path: str) -> FoundFile | Redirect | None:
    """Return the file or the redirect of *path* in *tree*; None when it is not found."""
    gated = is_gated_path(path)
    keys = (f"members {_lower(path)}", _lower(path)) if gated else (_lower(path),)
    if target := next((aliases[key] for key in keys if key in aliases), None):
        return Redirect(target)
    root = tree / (GATED if gated else PUBLIC)
    if path.endswith("/"):
        file = _file(root, path[1:] + INDEX)
        return FoundFile(file, gated=gated) if file else None
    if path in ERROR_PAGES:
        return None
    if file := _file(root, path[1:]):
        if file.name == INDEX:
            return Redirect(quote(path.removesuffix(INDEX)))
        return FoundFile(file, gated=gated)
    return Redirect(quote(path) + "/") if _file(root, f"{path[1:]}/{INDEX}") else None


def error_page_file(tree: Path, status: int) -> Path | None:
    """Return the theme's page for *status*; None without one."""
    return _file(tree / PUBLIC, f"{status}.html")


def _file(root: Path, name: str) -> Path | None:
    """Return the regular file *name* of *root*; None without one, and through a symbolic link."""
    try:
        file = root.resolve(strict=True) / name
        return file if file.resolve(strict=True) == file and file.is_file() else None
    except (OSError, RuntimeError):  # not found, too long, a loop of links
        return None


def read_aliases(file: Path) -> dict[str, str]:
    """Read the aliases map that the build writes for NGINX; keys are in lower case."""
    text = file.read_text(encoding="utf-8")
    rows = ((_plain(row[1]), _plain(row[2])) for row in _ROW.finditer(text))
    return {_lower(alias): target for alias, target in rows}


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _lower(path: str) -> str:
    """Return *path* with ASCII letters in lower case, as NGINX compares in a ``map``."""
    return path.encode().lower().decode()
