"""Create a page: a file with front matter that a build accepts.

Writes one file below content/. No network. The caller passes the time.
"""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError, UsageError
from pipelines.site.content import front_matter, metadata
from pipelines.site.content.addresses import reserved_for
from pipelines.site.content.read_policy import CONTENT
from pipelines.site.content.slugs import slugify

FOLDER_OF_KIND = {"post": "posts", "page": "pages", "member": "members"}
_MAX_FILE_NAME = 80  # characters; the file name is part of the URL


def create_page(project: Path, config: SiteConfig, kind: str, title: str, now: int) -> str:
    """Write the front matter of a new page and return its path relative to *project*.

    *kind* is "post", "page" or "member"; *now* is in seconds since 1970. Raises
    UsageError for an invalid title, and PipelineError when the file exists.
    """
    title = _validate_title(title)
    slug = _file_slug(title)
    url = config.page_url.format(path=slug, slug=slug, lang=config.lang)
    if kind == "page" and (owner := reserved_for(url)):
        raise UsageError(f"the URL {url} is reserved for {owner}; choose another title")
    if kind == "member" and not config.login:
        raise PipelineError("this site has no members' pages; set login = true in site.toml first")
    path = f"{CONTENT}/{FOLDER_OF_KIND[kind]}/{slug}.md"
    text = _page_text(kind, title, config, now)
    _check_round_trip(text, path, title, config)
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise PipelineError(f"{path} already exists; choose another title, or edit it") from None
    return path


def _validate_title(title: str) -> str:
    """Return *title* with single spaces; raise UsageError unless it is a line of text."""
    title = " ".join(title.split())  # as metadata.py does
    if not title:
        raise UsageError('the title is empty; write one in quotes, as in "A title"')
    for character in title:
        if unicodedata.category(character) in ("Cc", "Cs"):  # controls and surrogates
            raise UsageError(f"the title has a control character (U+{ord(character):04X}); remove it")
    return title


def _file_slug(title: str) -> str:
    slug = slugify(title)
    if len(slug) > _MAX_FILE_NAME:
        whole_words = slug[: _MAX_FILE_NAME + 1].rpartition("-")[0]
        slug = whole_words or slug[:_MAX_FILE_NAME]
    if not slug:
        raise UsageError(f"the title {title!r} gives an empty URL; use at least one letter or digit")
    return slug


def _page_text(kind: str, title: str, config: SiteConfig, now: int) -> str:
    date = datetime.fromtimestamp(now, ZoneInfo(config.timezone))
    lines = ["---", f"title: {json.dumps(title, ensure_ascii=False)}"]  # a JSON text is a YAML text
    if kind == "post":
        lines.append(f"date: {date:%Y-%m-%d %H:%M}")
    lines.append("status: draft        # published, when it is ready")
    if kind == "post":
        lines.append("category:            # one")
        lines.append("tags: []             # [one, another]")
    lines.append("summary:             # one sentence, for lists and search engines")
    return "\n".join([*lines, "---", "", ""])


def _check_round_trip(text: str, path: str, title: str, config: SiteConfig) -> None:
    """Parse *text* as a build does; raise UsageError if the title differs."""
    source = front_matter.split_front_matter(text, path)
    meta = metadata.parse_metadata(
        source.entries, path, timezone=config.timezone, extra=config.metadata_extra
    )
    if meta.title != title:
        raise UsageError(f"the title would be read as {meta.title!r}; choose a plainer one")
