"""What the preview adds to a page, and the page that it shows when there is none.

Functions of bytes and states. No reads, no writes, no network.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from html import escape

from pipelines.core.errors import Fault
from pipelines.preview.build_state import BuildState

SCRIPT, STYLE = "/_preview/reload.js", "/_preview/overlay.css"
ICON, EVENTS = "/_preview/icon.svg", "/_preview/events"
_STYLESHEET = re.compile(rb"/assets/[\w.-]+\.[0-9a-f]{8}\.css")


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as the preview sends it."""

    body: bytes
    etag: str
    version: str  # of all but the addresses of its style sheets
    styles: str  # those addresses, with spaces between


def add_reload_script(html: bytes, note: str = "") -> Shown:
    """Add the script of the preview to *html*, and *note* at the top if there is one.

    Two versions that are equal differ in style only, which a browser can
    exchange without loading the page again.
    """
    styles = list(dict.fromkeys(found[0].decode() for found in _STYLESHEET.finditer(html)))
    if note:
        shown = f'<link rel="stylesheet" href="{STYLE}"><p class="preview-note">{escape(note)}</p>'
        html = re.sub(rb"<body[^>]*>", lambda found: found[0] + shown.encode(), html, count=1)
    version = hashlib.sha256(_STYLESHEET.sub(b"", html)).hexdigest()[:16]
    script = f'<script src="{SCRIPT}" data-version="{version}" defer></script>'.encode()
    head, end, rest = html.rpartition(b"</body>")
    body = head + script + end + rest if end else html + script
    return Shown(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"', version, " ".join(styles))


def findings_page(state: BuildState) -> bytes:
    """Return the page that stands in for a site of which there is no good build yet."""
    items = "\n".join(map(_item, state.faults))
    note = f'<pre class="note">{escape(state.note)}</pre>' if state.note else ""
    return f"""<!DOCTYPE html>
<html lang="en" class="faults-page" data-preview="faults">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(state.heading)} – preview</title>
<link rel="icon" href="{ICON}" type="image/svg+xml">
<link rel="stylesheet" href="{STYLE}">
</head>
<body>
<main class="faults">
<div class="top">
<h1>{escape(state.heading)}</h1>
<p>There is no good build yet. This page reloads itself when something is saved.</p>
</div>
{f'<ol class="list">{items}</ol>' if items else ""}{note}
</main>
</body>
</html>
""".encode()


def _item(fault: Fault) -> str:
    line = f'<span class="line">:{fault.line}</span>' if fault.line else ""
    return (
        f'<li><p class="place">{escape(fault.path)}{line}</p>'
        f'<p class="text">{escape(fault.text)}</p><p class="remedy">{escape(fault.fix)}</p></li>'
    )
