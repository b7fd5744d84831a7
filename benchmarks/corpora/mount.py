"""Mount a corpus as the content of a site: bodies unchanged, front matter in our keys.

What other generators call a key is mapped; their other texts are allowed by
``[metadata] extra``, and nested values are left out. A document without front
matter gets a title: its first heading, or its name. README.md, which a forge
shows for its directory, becomes index.md. Writes a project.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
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
}
_SITE = """\
[site]
name     = "Corpus"
url      = "https://corpus.example"
author   = "A"
lang     = "en"
timezone = "UTC"
login    = false

[feed]
authority = "corpus.example,2026"
"""


@dataclass(frozen=True, slots=True)
class Mounted:
    """One document of a mounted corpus."""

    path: str  # in the project
    source: str  # below the mounted folder
    title: str
    body: str
    body_line: int  # the line of the mounted file on which the body starts


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
            row = adapt(keys, corpus.titles.get(path) or first_heading(body) or PurePosixPath(path).stem)
            extra |= row.keys() - set(KEYS.values())
            head = "---\n" + "".join(f"{key}: {_written(value)}\n" for key, value in row.items()) + "---\n"
            target = target.with_name(
                "index.md" if target.name in ("README.md", "_index.md") else target.name
            )
            data = (head + body).encode()
            name = target.relative_to(project).as_posix()
            documents.append(Mounted(name, path, str(row["title"]), body, head.count("\n") + 1))
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    declared = f"\n[metadata]\nextra = {json.dumps(sorted(extra))}\n" if extra else ""
    (project / "site.toml").write_text(_SITE + declared, "utf-8")
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
    """Return *keys* of another generator as ours; *title* is for a document without one."""
    row: dict[str, Any] = {}
    for key, value in keys.items():
        flat = [str(one) for one in value] if isinstance(value, list) else str(value)
        if isinstance(value, dict) or not value or key == "aliases":
            continue
        if (ours := KEYS.get(key)) is not None:
            row.setdefault(ours, flat)
        elif isinstance(flat, str):
            row[key.lower()] = flat
    return {"title": title} | row


def first_heading(body: str) -> str:
    """Return the text of the first heading of *body*, without Markdown, or ""."""
    found = re.search(r"^#{1,2}[ \t]+(.+?)[ \t#]*$", body, re.MULTILINE)
    return re.sub(r"[`*_\[\]]|\]\([^)]*\)", "", found[1]).strip() if found else ""


def _written(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)  # YAML contains JSON
