"""Find what a path means in a finished tree, by the rules that NGINX will follow.

A page has one address, with a slash at its end; a folder is never listed; a
path that climbs, or that leaves its tree through a link, leads nowhere. Reads
the tree. No writes, no network.
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
# Pages that say what went wrong. They have no address: asked for by name they are not there.
ERROR_PAGES = frozenset({"/403.html", "/404.html", "/503.html"})
_ROW = re.compile(r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)";')


@dataclass(frozen=True, slots=True)
class Found:
    """A file to answer with."""

    file: Path
    gated: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """Another address of this site: a permanent redirect."""

    location: str  # site-absolute, percent-encoded


def decode_path(raw: bytes) -> str | None:
    """Return the path of a request target as NGINX understands it; None for one that is refused.

    Percent escapes are resolved once and slashes merged. What climbs (``..``),
    in whatever disguise, and what no file name can hold is refused, where NGINX
    would resolve the one and pass the other on.
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


def find_file(tree: Path, aliases: Mapping[str, str], path: str) -> Found | Moved | None:
    """Return what *path* means in *tree*; None for nothing at all."""
    gated = is_gated_path(path)
    keys = (f"members {_lower(path)}", _lower(path)) if gated else (_lower(path),)
    if target := next((aliases[key] for key in keys if key in aliases), None):
        return Moved(target)
    root = tree / (GATED if gated else PUBLIC)
    if path.endswith("/"):
        file = _file(root, path[1:] + INDEX)
        return Found(file, gated=gated) if file else None
    if path in ERROR_PAGES:
        return None
    if file := _file(root, path[1:]):
        if file.name == INDEX:
            return Moved(quote(path.removesuffix(INDEX)))
        return Found(file, gated=gated)
    return Moved(quote(path) + "/") if _file(root, f"{path[1:]}/{INDEX}") else None


def error_page(tree: Path, status: int) -> Path | None:
    """Return the theme's page for *status*, if there is one."""
    return _file(tree / PUBLIC, f"{status}.html")


def _file(root: Path, name: str) -> Path | None:
    """Return the plain file *name* of *root*; None where there is none, or a link on the way."""
    try:
        place = root.resolve(strict=True) / name
        return place if place.resolve(strict=True) == place and place.is_file() else None
    except (OSError, RuntimeError):  # not there, too long, a circle of links
        return None


def read_aliases(file: Path) -> dict[str, str]:
    """Read the map that the build writes for NGINX, which looks strings up in any case."""
    text = file.read_text(encoding="utf-8")
    rows = ((_plain(row[1]), _plain(row[2])) for row in _ROW.finditer(text))
    return {_lower(alias): target for alias, target in rows}


def _plain(quoted: str) -> str:
    return re.sub(r"\\(.)", r"\1", quoted)


def _lower(path: str) -> str:
    """Return *path* with ASCII letters in lower case, as NGINX compares in a ``map``."""
    return path.encode().lower().decode()
