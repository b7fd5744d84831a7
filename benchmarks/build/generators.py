"""Write the same posts as a project of each generator, and name the command that builds it.

Reads theme/ and benchmarks/peers/. Writes projects. No network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.corpus import Post, pelican_text
from benchmarks.project import AS_OF, PYTHON, ROOT

PEERS = ROOT / "benchmarks" / "peers"
INSTALLED = ROOT / "out" / "eleventy"  # where the Makefile installs Eleventy
OURS, HUGO, PELICAN, ELEVENTY = "this build", "Hugo", "stock Pelican", "Eleventy"
ABOUT = "This is a site of a benchmark.\n"
_SITE = """\
[site]
name     = "Peer"
url      = "https://peer.example"
tagline  = "Posts of a benchmark"
author   = "A"
lang     = "en"
timezone = "UTC"
login    = false

[[menu]]
label = "Posts"
path  = "/posts/"

[[menu]]
label = "Tags"
path  = "/tags/"

[[menu]]
label = "About"
path  = "/about/"

[[footer]]
label = "Categories"
path  = "/categories/"

[feed]
authority = "peer.example,2026"

[security]
contact = ["mailto:a@peer.example"]

[markdown]
dialect = "commonmark"
"""


@dataclass(frozen=True, slots=True)
class Generator:
    """One static site generator."""

    name: str
    write: Callable[[Path, Sequence[Post]], list[str]]  # writes a project; returns the command that builds it
    outputs: tuple[str, ...]  # directories that a first build does not find
    posts: str  # directory of the posts

    def clear(self, folder: Path) -> None:
        """Move what previous builds left in the project *folder* beside it.

        Nothing is deleted: ext4 does not use a deleted inode again for a minute or more, and each new
        file and directory then searches past all of them, which doubles the system time of a build.
        """
        for name in self.outputs:
            if (folder / name).exists():
                os.rename(folder / name, Path(tempfile.mkdtemp(dir=folder.parent, prefix="old-")) / name)


def write_own(folder: Path, posts: Sequence[Post]) -> list[str]:
    """Write a project of this build: a Git repository with one commit a post, on the day of the post."""
    shutil.copytree(ROOT / "theme", folder / "theme")
    shutil.copy(ROOT / "pelicanconf.py", folder)
    _write(folder / "site.toml", _SITE)
    _write(folder / ".gitignore", "/out/\n/stderr.txt\n")
    _write(folder / "content/pages/about.md", f"---\ntitle: About\n---\n{ABOUT}")
    _commit(folder, posts)
    return [PYTHON, "-m", "pipelines", "build", "--as-of", AS_OF]


def _write_hugo(folder: Path, posts: Sequence[Post]) -> list[str]:
    shutil.copytree(PEERS / "hugo", folder, dirs_exist_ok=True)
    (folder / "assets").mkdir()
    shutil.copy(PEERS / "style.css", folder / "assets")
    _write(folder / "content/about.md", f"---\ntitle: About\n---\n{ABOUT}")
    for post in posts:
        _write(folder / "content/posts" / f"{post.name}.md", _text(post, categories=[post.category]))
    return ["hugo", "--minify", "--quiet"]


def _write_eleventy(folder: Path, posts: Sequence[Post]) -> list[str]:
    shutil.copytree(PEERS / "eleventy", folder, dirs_exist_ok=True)
    shutil.copy(PEERS / "style.css", folder)
    _write(folder / "about.md", f"---\nlayout: base.njk\ntitle: About\n---\n{ABOUT}")
    for post in posts:
        _write(folder / "posts" / f"{post.name}.md", _text(post, category=post.category))
    (folder / "node_modules").symlink_to(INSTALLED / "node_modules", target_is_directory=True)
    return ["node", "node_modules/@11ty/eleventy/cmd.cjs", "--quiet"]


def _write_pelican(folder: Path, posts: Sequence[Post]) -> list[str]:
    shutil.copytree(PEERS / "pelican", folder, dirs_exist_ok=True)
    shutil.copy(PEERS / "style.css", folder / "theme" / "static")
    _write(folder / "content/pages/about.md", f"Title: About\n\n{ABOUT}")
    for post in posts:
        _write(folder / "content/posts" / f"{post.name}.md", pelican_text(post))
    return [PYTHON, "-m", "pelican", "-s", "pelicanconf.py", "-o", "output", "-q"]


GENERATORS = (
    Generator(OURS, write_own, ("out",), "content/posts"),
    Generator(HUGO, _write_hugo, ("public", "resources"), "content/posts"),
    Generator(PELICAN, _write_pelican, ("output",), "content/posts"),
    Generator(ELEVENTY, _write_eleventy, ("_site",), "posts"),
)


def _text(post: Post, **category: str | list[str]) -> str:
    """Return the file of *post* with YAML front matter; generators differ in the key of the *category*."""
    date = post.date.replace(tzinfo=UTC).isoformat()
    keys = {"title": post.title, "date": date, "tags": list(post.tags), **category}
    head = "".join(f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items())
    return f"---\n{head}---\n{post.body}"


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def _commit(folder: Path, posts: Sequence[Post]) -> None:
    """Make *folder* a repository: its files in the first commit, then one commit a post."""

    def git(*argv: str, stdin: bytes | None = None) -> None:
        subprocess.run(["git", "-C", str(folder), *argv], input=stdin, check=True, stdout=subprocess.DEVNULL)

    git("init", "--quiet", "--initial-branch=main")
    files = {
        os.path.relpath(Path(parent, name), folder): Path(parent, name).read_bytes()
        for parent, _, names in os.walk(folder)
        for name in names
        if ".git" not in Path(parent).relative_to(folder).parts
    }
    git("fast-import", "--quiet", stdin=b"".join(_stream(files, posts)))
    git("reset", "--quiet", "--hard", "main")


def _stream(files: dict[str, bytes], posts: Sequence[Post]) -> Iterator[bytes]:
    """Yield the commands of git-fast-import(1)."""
    yield from _commit_commands(files, datetime(2015, 12, 31, tzinfo=UTC), "Start")
    for post in posts:
        file = {f"content/posts/{post.name}.md": _text(post, category=post.category).encode()}
        yield from _commit_commands(file, post.date.replace(tzinfo=UTC), "Add a post")


def _commit_commands(files: dict[str, bytes], date: datetime, message: str) -> Iterator[bytes]:
    who = f"A <a@peer.example> {int(date.timestamp())} +0000"
    yield f"commit refs/heads/main\ncommitter {who}\ndata {len(message)}\n{message}\n".encode()
    for path, data in files.items():
        yield f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
