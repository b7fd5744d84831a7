"""A small committed site with secrets beside it, for tests of the read policy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.core import config
from pipelines.core.errors import SourceError
from pipelines.image.web import web_files
from tests.support.project import COMMITTED, build_site, commit_all, files_of, tiny_site, write

CANARY = "canary-2f6b70"

PAGE = "---\ntitle: About\n---\n[a](../files/a.txt)\n"

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><title>{}</title></svg>\n'

# Files outside of content/ and theme/ that must never be published.
SECRETS = {
    "site.agekey": f"AGE-SECRET-KEY-1{CANARY}",
    "var/login.sqlite3": CANARY,
    "var/a.txt": CANARY,
    "var/a.svg": SVG.format(CANARY),
    "var/a.md": f"---\ntitle: A\ndate: 2026-01-01\n---\n{CANARY}\n",
    "var/a.html": f"<p>{CANARY}</p>",
    "var/a.js": f'"{CANARY}"',
    "var/a.css": f'a::after {{ content: "{CANARY}" }}',
    "var/a.less": f'a::after {{ content: "{CANARY}" }}',
    "var/a.toml": f'skip = "{CANARY}"',
    "var/a.woff2": CANARY,
    "out/site/gated/members/inside/index.html": CANARY,
}


def site_with(folder: Path, *, history: bool = True) -> Path:
    """Make a small committed site, with secrets beside it that are not committed."""
    site = tiny_site(folder, {"content/pages/about.md": PAGE, "content/files/a.txt": "an attachment\n"})
    write(site / ".gitignore", "/out/\n/var/\n*.agekey\n")
    if history:
        commit_all(site, COMMITTED)
    for name, text in SECRETS.items():
        write(site / name, text)
    return site


def commit_all_of(site: Path) -> None:
    commit_all(site, 1_775_000_100)


def link(site: Path, path: str, target: str) -> None:
    """Make the link *path* to *target*, both relative to the project."""
    file = site / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.symlink_to(os.path.relpath(site / target, os.path.realpath(file.parent)))


def faults_of(site: Path) -> list[str]:
    """Build *site*, which fails; return its faults. The output must not change."""
    before = output_of(site)
    with pytest.raises(SourceError) as caught:
        build_site(site)
    assert {**before, ".lock": b""} == output_of(site)
    assert CANARY not in str(caught.value)
    return [f"{fault.path}: {fault.text}" for fault in caught.value.faults]


def output_of(site: Path) -> dict[str, bytes]:
    """Return the files of out/, without the spare tree, which the next build may take."""
    return {
        name: data for name, data in files_of(site / "out").items() if not name.startswith(".site.spare/")
    }


def published(site: Path) -> bytes:
    """Build *site*; return the bytes of its public tree and of its image."""
    build_site(site)
    write(site / "images/web/nginx/nginx.conf", "# none\n")
    _, layers = web_files(site, config.load_config(site))
    return b"\0".join(
        [*files_of(site / "out/site/public").values(), *(f.data for files in layers.values() for f in files)]
    )
