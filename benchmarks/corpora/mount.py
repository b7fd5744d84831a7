"""Mount a corpus as the content of a site: bodies unchanged, front matter in our keys.

What other generators call a key is mapped; their other texts are allowed by
``[metadata] extra``, and nested values are left out. A document without front
matter stays as it is, one without text is left out. README.md, which a forge shows for its directory, becomes
index.md. Writes a project.
"""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.corpora.repositories import ROOT, Corpus

CONTENT = "content/pages"
# Key of Zola, Jekyll, Hugo, MkDocs, Eleventy or Gatsby -> ours.
KEYS = {
    "title": "title",
    "date": "date",
    "authors": "author",
    "author": "author",
    "tags": "tags",
    "lastmod": "modified",
    "updated": "modified",
    "description": "summary",
    "excerpt": "summary",
    "spoiler": "summary",
    "path": "url",
    "aliases": "aliases",
}
_NOT_OURS = {"template", "generate_feeds", "sort_by"}  # of the sections of Zola
_SITE = """\
[site]
name     = "Corpus"
url      = "https://corpus.example"
tagline  = "Documents of a corpus"
author   = "A"
lang     = "en"
timezone = "UTC"
login    = false

[feed]
authority = "corpus.example,2026"

[security]
contact = ["mailto:a@corpus.example"]
"""


@dataclass(frozen=True, slots=True)
class Mounted:
    """One document of a mounted corpus."""

    path: str  # in the project
    source: str  # below the mounted folder
    body: str


def mount(corpus: Corpus, project: Path) -> list[Mounted]:
    """Write *corpus* as the project directory *project*; return its documents."""
    shutil.copytree(ROOT / "theme", project / "theme")
    shutil.copy(ROOT / "pelicanconf.py", project)
    documents: list[Mounted] = []
    extra: set[str] = set()
    for path, data in sorted(corpus.files.items()):
        target = project / CONTENT / path
        if path.endswith(".md"):
            text = data.decode("utf-8-sig").replace("\r\n", "\n")
            keys, body = split(text, corpus.front_matter)
            if not body.strip():  # a list or a redirect, which a template of the generator fills
                continue
            row = adapt(keys, corpus.titles.get(path, ""))
            extra |= row.keys() - set(KEYS.values())
            head = "".join(f"{key}: {_written(value)}\n" for key, value in row.items())
            target = target.with_name("index.md" if target.name == "README.md" else target.name)
            data = (f"---\n{head}---\n{body}" if row else body).encode()
            documents.append(Mounted(target.relative_to(project).as_posix(), path, body))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    urls = f'\n[urls]\npage = "{corpus.urls}"\n' if corpus.urls else ""
    declared = f"\n[metadata]\nextra = {json.dumps(sorted(extra))}\n" if extra else ""
    (project / "site.toml").write_text(_SITE + urls + declared, "utf-8")
    return documents


def split(text: str, form: str) -> tuple[dict[str, Any], str]:
    """Return the front matter of *text*, in the *form* of its corpus, and the body."""
    mark = {"yaml": "---", "toml": "+++"}.get(form)
    if mark is None or not text.startswith(f"{mark}\n"):
        return {}, text
    head, found, body = text[len(mark) + 1 :].partition(f"\n{mark}\n")
    if not found:
        return {}, text
    keys = tomllib.loads(head) if form == "toml" else yaml.load(head, yaml.BaseLoader)
    return keys or {}, body


def adapt(keys: dict[str, Any], title: str) -> dict[str, Any]:
    """Return *keys* of another generator as ours; *title* is that of the corpus, if it has one."""
    row: dict[str, Any] = {"title": title} if title else {}
    for key, value in keys.items():
        if isinstance(value, dict) or not value or key in _NOT_OURS:
            continue
        flat = [str(one) for one in value] if isinstance(value, list) else str(value)
        ours = KEYS.get(key)
        if ours in ("url", "aliases"):
            paths = [_url_path(one) for one in ([flat] if isinstance(flat, str) else flat)]
            row[ours] = paths[0] if ours == "url" else paths
        elif ours is not None:
            row[ours] = flat
        elif isinstance(flat, str):
            row[key.lower()] = flat
    return row


def _url_path(written: str) -> str:
    path = "/" + written.strip("/")
    return path if path.endswith(".html") else path + "/"


def _written(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)  # YAML contains JSON
