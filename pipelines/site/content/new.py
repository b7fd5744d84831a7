"""Begin a page: a file with front matter that a build accepts.

Writes one file below content/. No network. The caller gives the time.
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
from pipelines.site.content.documents import RESERVED_NAMES
from pipelines.site.content.read_policy import CONTENT

FOLDER_OF_KIND = {"post": "posts", "page": "pages", "member": "members"}
_MAX_FILE_NAME = 80  # letters of a file name, which is a URL too


def create_page(project: Path, config: SiteConfig, kind: str, title: str, now: int) -> str:
    """Write the beginning of a page and return its path relative to *project*.

    *kind* is "post", "page" or "member"; *now* is in seconds since 1970. Raises
    UsageError for a title that no page can have, and PipelineError when the
    file is there already.
    """
    title = _validate_title(title)
    slug = _file_slug(title)
    if kind == "page" and slug in RESERVED_NAMES:
        raise UsageError(f"the URL /{slug}/ is taken by the server; choose another title")
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
        raise PipelineError(f"{path} is there already; choose another title, or edit it") from None
    return path


def _validate_title(title: str) -> str:
    """Return *title* with single spaces; raise UsageError for what is not a line of text."""
    title = " ".join(title.split())  # as the reader of front matter does
    if not title:
        raise UsageError('the title is empty; write one in quotes, as in "A title"')
    for sign in title:
        if unicodedata.category(sign) in ("Cc", "Cs"):  # controls, and halves of a pair
            raise UsageError(f"the title holds U+{ord(sign):04X}, which is no letter; leave it out")
    return title


def _file_slug(title: str) -> str:
    slug = metadata.slugify(title)
    if len(slug) > _MAX_FILE_NAME:
        whole = slug[: _MAX_FILE_NAME + 1].rpartition("-")[0]
        slug = whole or slug[:_MAX_FILE_NAME]
    if not slug:
        raise UsageError(f"no URL can be made of {title!r}; use at least one letter or digit")
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
    """Read *text* as a build will; raise where that gives another title."""
    source = front_matter.split_front_matter(text, path)
    meta = metadata.parse_metadata(
        source.entries, path, timezone=config.timezone, extra=config.metadata_extra
    )
    if meta.title != title:
        raise UsageError(f"the title would be read as {meta.title!r}; choose a plainer one")
