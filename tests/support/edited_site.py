"""A site of about 20 pages that a test edits: its files as values, written where they differ.

The theme has the repository's templates, strings and scripts, and a stylesheet of
its own, since the compiler of LESS would cost as much as the rest of a build.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from struct import pack
from zlib import compress, crc32

from pipelines.site.diagrams.source import source_digest
from tests.support.project import ROOT, SMALL_SITE, write

NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda")
# A body is one of these after the other; {0} is a number, {1} the path of another document.
BLOCKS = (
    "A paragraph about {0}.",
    "## A section\n\nIts text, with *emphasis* and `code {0}`.",
    "## Contents\n\n- one\n- {0}\n\n## Another section\n\nThe end.",
    "```python\nprint({0})\n```",
    "```unknown{0}\nx\n```",  # a warning
    "| a | b |\n|---|---|\n| 1 | {0} |",
    "Inline $a^{0}$ and a note.[^{0}]\n\n[^{0}]: The note.",
    "## Two\n\n#### Four {0}",  # a warning
    "![Picture](../images/{2}.png)",
    "![The parts](../diagrams/parts.puml)",
    "See [that]({1}).",
    "See [its section]({1}#a-section).",  # an error where it has none
    "See [the file](../files/{2}.csv).",
    "![far](https://pictures.example/{0}.png)",  # a warning, or a picture
    '<iframe src="https://frames.example/{0}"></iframe>',  # likewise
    "See [an old address](/old/{0}/).",  # an error without that alias
    "Styled <span style='color:red'>{0}</span>.",  # a warning
    "```plantuml\n@startuml\n' name: Hello\n' description: Alice greets Bob.\nAlice -> Bob: hello\n"
    "@enduml\n```",
    "- one\n  - {0}",  # the dialects differ
    'Typography -- "quoted" {0}...',
)
HARMLESS = tuple(range(10))  # indexes of blocks that need no other document
BROKEN = (
    "See [nothing](nowhere-{0}.md).",
    "![nothing](../images/nowhere-{0}.png)",
    "<script>alert({0})</script>",
    "An *[unclosed](<",
    "<!-- not closed {0}",
    "[](../pages/about.md)",
    "Twice.[^{0}]\n\n[^{0}]: One.\n\n[^{0}]: Two.",
)
_PARTS = (
    "@startuml\n' name: {0}\n' description: A component that uses another one.\n[One] --> [Two]\n@enduml\n"
)
_LESS = {
    "theme/less/site.less": '@import "variables";\n@import "base";\n',
    "theme/less/variables.less": "@ink: #222222;\n@gap: 1rem;\n",
    "theme/less/base.less": "body { color: @ink; main { padding: @gap; } }\n",
}


@dataclass
class Source:
    """A Markdown file: its front matter, and its blocks."""

    meta: dict[str, str]
    blocks: list[str]
    prose: str = ""  # the whole file instead, without front matter

    def text(self) -> str:
        """Return the text of the file."""
        if self.prose:
            return self.prose
        meta = "".join(f"{key}: {value}\n" for key, value in self.meta.items())
        return f"---\n{meta}---\n\n" + "\n\n".join(self.blocks) + "\n"


@dataclass
class EditedSite:
    """The files of a project."""

    sources: dict[str, Source] = field(default_factory=dict)  # by path in the project
    files: dict[str, bytes] = field(default_factory=dict)  # the others, likewise
    settings: dict[str, dict[str, str]] = field(default_factory=dict)  # table -> key -> TOML

    def path_of(self, number: int, folder: str = "") -> str:
        """Return the path of one of the Markdown files below content/*folder*."""
        paths = sorted(path for path in self.sources if path.startswith(f"content/{folder}"))
        return paths[number % len(paths)]

    def file_of(self, number: int, folder: str) -> str:
        """Return the path of one of the other files below *folder*; "" for none."""
        paths = sorted(path for path in self.files if path.startswith(f"{folder}/"))
        return paths[number % len(paths)] if paths else ""

    def block(self, kind: int, number: int) -> str:
        """Return a block of a text; *number* selects what it names."""
        other = self.path_of(number, "posts").removeprefix("content")
        name = NAMES[number % 3]
        return BLOCKS[kind % len(BLOCKS)].format(number, f"..{other}", name)

    def edit_text(self, path: str, old: str, new: str) -> None:
        """Replace *old* in a text file; add *new* to it where it is not there."""
        text = self.files[path].decode()
        self.files[path] = (text.replace(old, new, 1) if old and old in text else text + new).encode()

    def all_files(self) -> dict[str, bytes]:
        """Return every file of the project by its path."""
        texts = {path: source.text().encode() for path, source in self.sources.items()}
        tables = (
            f"[{table}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())
            for table, keys in self.settings.items()
        )
        return {**self.files, **texts, "site.toml": "\n".join(tables).encode()}

    def copy(self) -> EditedSite:
        """Return a copy that later edits do not change."""
        return deepcopy(self)


def write_changes(project: Path, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Write what *after* has, and *before* has not, and remove what only *before* has."""
    for path in before.keys() - after.keys():
        (project / path).unlink()
        _remove_empty((project / path).parents, project)
    for path, data in after.items():
        if before.get(path) != data:
            write(project / path, data)


def _remove_empty(folders: Iterable[Path], project: Path) -> None:
    """Remove empty directories below content/, as Git does."""
    for folder in folders:
        if folder.parent in (project, project.parent) or any(folder.iterdir()):
            return
        folder.rmdir()


def picture(shade: int) -> bytes:
    """Return a PNG of 16 by 8 pixels of grey (PNG, third edition)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", crc32(kind + data))

    rows = (b"\0" + bytes([shade % 256]) * 16) * 8
    header = pack(">IIBBBBB", 16, 8, 8, 0, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def diagram(name: str) -> tuple[bytes, bytes]:
    """Return the source of the diagram *name*, and its SVG."""
    old, new = _PARTS.format("The parts"), _PARTS.format(name)
    svg = (SMALL_SITE / "content/diagrams/parts.svg").read_text("utf-8")
    for one, other in (
        (source_digest(old), source_digest(new)),
        (source_digest(old)[:12], source_digest(new)[:12]),
        ("The parts", name),
    ):
        svg = svg.replace(one, other)
    return new.encode(), svg.encode()


@cache
def _theme() -> dict[str, bytes]:
    files = [file for file in (ROOT / "theme").rglob("*") if file.is_file() and file.suffix != ".less"]
    found = {file.relative_to(ROOT).as_posix(): file.read_bytes() for file in files}
    return {**found, **{name: text.encode() for name, text in _LESS.items()}}


def new_site() -> EditedSite:
    """Return the site before the first edit: 12 posts, 6 pages, 3 pages for members."""
    site = EditedSite()
    for number in range(12):
        meta = {
            "title": f"Post {number}",
            "date": f"202{5 + number % 2}-0{1 + number % 5}-1{number % 10}",
            "tags": f"[{NAMES[number % 2]}, {NAMES[2 + number % 3]}]" if number % 3 else NAMES[0],
            **({"series": "Everything"} if number % 4 == 0 else {}),
            **({"category": "Features"} if number % 3 else {}),
        }
        blocks = [BLOCKS[kind].format(number, "", "alpha") for kind in (0, 1 + number % 9)]
        site.sources[f"content/posts/p{number:02}.md"] = Source(meta, blocks)
    for name in ("about", "contact", "legal", "talks", "tools", "index"):
        blocks = [f"The page {name}."]
        site.sources[f"content/pages/{name}.md"] = Source({"title": name.title()}, blocks)
    for name in ("inside", "minutes", "plans"):
        site.sources[f"content/members/{name}.md"] = Source({"title": name.title()}, [f"Only {name}."])
    site.sources["content/posts/p01.md"].blocks += [
        "See [that](../posts/p00.md).",
        "[About](../pages/about.md)",
    ]
    site.sources["content/members/inside.md"].blocks += ["![Picture](../images/beta.png)"]
    for number, name in enumerate(NAMES[:3]):
        site.files[f"content/images/{name}.png"] = picture(40 * number)
        site.files[f"content/files/{name}.csv"] = f"{name},{number}\n".encode()
    for folder in ("diagrams", "extra"):
        for file in (SMALL_SITE / "content" / folder).rglob("*"):
            if file.is_file():
                site.files[file.relative_to(SMALL_SITE).as_posix()] = file.read_bytes()
    site.files |= _theme()
    site.files["pelicanconf.py"] = (ROOT / "pelicanconf.py").read_bytes()
    site.files[".gitignore"] = b"/out/\n"
    site.settings = {
        "site": {
            "name": '"Small Site"',
            "url": '"https://small.example"',
            "tagline": '"Every feature once"',
            "author": '"A. Tester"',
            "lang": '"en"',
            "timezone": '"Europe/Berlin"',
            "login": "true",
        },
        "[menu]": {"label": '"Posts"', "path": '"/posts/"'},
        "[footer]": {"label": '"Archive"', "path": '"/archive/"'},
        "feed": {"authority": '"small.example,2026"'},
        "security": {"contact": '["mailto:security@small.example"]'},
        "metadata": {"extra": '["scene"]'},
        "markdown": {"dialect": '"commonmark"'},
        "urls": {"post": '"/posts/{slug}/"'},
        "checks": {"code-language": '"warning"'},
    }
    return site
