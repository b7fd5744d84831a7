"""Add the live-reload script to a page, and render the faults where there is no page.

Functions of bytes and states. No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pipelines.core.digests import sha256_hex
from pipelines.core.errors import Fault
from pipelines.preview.build_state import BuildState

SCRIPT, STYLE = "/_preview/reload.js", "/_preview/overlay.css"
ICON, EVENTS = "/_preview/icon.svg", "/_preview/events"
_STYLESHEET = re.compile(rb"/assets/[\w.-]+\.[0-9a-f]{8}\.css")


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """A page as the preview sends it, with its validators."""

    body: bytes
    etag: str
    version: str  # a digest of all but the URLs of its style sheets
    styles: str  # those URLs, separated by spaces


def add_reload_script(html: bytes, note: str = "", warnings: Sequence[Fault] = ()) -> PreviewPage:
    """Return *html* with the script of the preview.

    *note* is shown at the top of the page, and *warnings* in a corner, folded. Pages
    of one version differ in style sheets only, which the script replaces without a
    reload.
    """
    styles = list(dict.fromkeys(found[0].decode() for found in _STYLESHEET.finditer(html)))
    if note:
        top = f'<link rel="stylesheet" href="{STYLE}"><p class="preview-note">{escape(note)}</p>'
        html = re.sub(rb"<body[^>]*>", lambda found: found[0] + top.encode(), html, count=1)
    shown = _warnings(warnings).encode() if warnings else b""
    version = sha256_hex(_STYLESHEET.sub(b"", html) + shown)[:16]
    added = shown + f'<script src="{SCRIPT}" data-version="{version}" defer></script>'.encode()
    head, end, rest = html.rpartition(b"</body>")
    body = head + added + end + rest if end else html + added
    return PreviewPage(body, f'"{sha256_hex(body)[:16]}"', version, " ".join(styles))


def faults_page(state: BuildState) -> bytes:
    """Return the page that is shown before the first build that succeeds."""
    items = "\n".join(map(_fault_item, state.faults))
    error = f'<pre class="error">{escape(state.error)}</pre>' if state.error else ""
    return f"""<!DOCTYPE html>
<html lang="en" class="faults-page" data-preview="faults">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(state.summary)} – preview</title>
<link rel="icon" href="{ICON}" type="image/svg+xml">
<link rel="stylesheet" href="{STYLE}">
</head>
<body>
<main class="faults">
<div class="top">
<h1>{escape(state.summary)}</h1>
<p>No build has succeeded yet. This page reloads itself when a file is saved.</p>
</div>
{f'<ol class="list">{items}</ol>' if items else ""}{error}
</main>
</body>
</html>
""".encode()


def _warnings(warnings: Sequence[Fault]) -> str:
    """Return the warnings of a page, which open without a script."""
    count = f"{len(warnings)} warning{'s' if len(warnings) != 1 else ''}"
    items = "".join(map(_fault_item, warnings))
    return (
        f'<link rel="stylesheet" href="{STYLE}"><details class="faults preview-warnings">'
        f'<summary>{count}</summary><ol class="list">{items}</ol></details>'
    )


def _fault_item(fault: Fault) -> str:
    line = f'<span class="line">:{fault.line}</span>' if fault.line else ""
    return (
        f'<li><p class="place">{escape(fault.path)}{line}</p>'
        f'<p class="text">{escape(fault.text)}</p><p class="fix">{escape(fault.fix)}</p></li>'
    )
