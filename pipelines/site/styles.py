"""Make the one stylesheet: LESS, then plain CSS, then the colours of code.

Reads theme/less and theme/css. No writes, no network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

import rcssmin
from pygments.formatters import HtmlFormatter
from pygments.token import Token

from pipelines.errors import Fault, SourceError, suggest
from pipelines.site.assets import Asset
from pipelines.site.less import compile_less
from pipelines.site.memo import Memo, digest

ENTRY = "theme/less/site.less"
# Of the palettes of Pygments, those whose every colour has 4.5:1 on its own
# ground (tests/test_styles.py computes it): 5.0:1 and 4.7:1 at the least.
LIGHT, DARK = "xcode", "github-dark"
_URL = re.compile(r"""url\(\s*(?P<quote>["']?)(?P<url>[^"')]+)(?P=quote)\s*\)""")


def stylesheet(
    project: Path, compiler: str, assets: Mapping[str, Asset], memo: Memo
) -> tuple[str, frozenset[str]]:
    """Return the minified CSS and the names of the assets that it shows.

    Raises SourceError with file:line for LESS that cannot be compiled right
    and for a ``url()`` that leads nowhere.
    """
    parts = []
    entry = project / ENTRY
    if entry.exists():
        sources = sorted((project / "theme" / "less").rglob("*.less"))
        state = digest(compiler, *(part for file in sources for part in (file.name, file.read_bytes())))
        less = memo.get("less", state, lambda: compile_less(entry, project, compiler).css)
        parts.append((ENTRY, less))
    for file in sorted((project / "theme" / "css").glob("*.css")):
        parts.append((file.relative_to(project).as_posix(), file.read_text("utf-8")))
    names = {f"/assets/{asset.name}": name for name, asset in assets.items()}
    css = "\n".join(_resolve(text, path, assets) for path, text in parts) + "\n" + code_colours()
    used = {names[found["url"]] for found in _URL.finditer(css) if found["url"] in names}
    return str(rcssmin.cssmin(css)), frozenset(used)


def code_colours() -> str:
    """Return the rules for highlighted code, light and dark."""
    light, dark = _palette(LIGHT), _palette(DARK)
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _palette(name: str) -> str:
    formatter: HtmlFormatter[str] = HtmlFormatter(style=name)
    ground = formatter.style.background_color
    text = f"#{formatter.style.style_for_token(Token)['color'] or '000000'}"
    rules = formatter.get_token_style_defs(".highlight")  # type: ignore[no-untyped-call]
    return "\n".join([f".highlight {{ background: {ground}; color: {text} }}", *rules])


def _resolve(css: str, path: str, assets: Mapping[str, Asset]) -> str:
    """Point every url() of the file *path* to the hashed name of its asset."""
    faults: list[Fault] = []

    def replace(found: re.Match[str]) -> str:
        url = found["url"].strip()
        if url.startswith(("data:", "#")):
            return found[0]
        line = css.count("\n", 0, found.start()) + 1 if path.endswith(".css") else 0
        if re.match(r"[A-Za-z][\w+.-]*:|//", url):
            remedy = "put the file below theme/images or theme/fonts"
            faults.append(Fault(path, line, f"url({url}) asks another host", remedy))
            return found[0]
        name = posixpath.normpath(posixpath.join(posixpath.dirname(path), url))
        name = name.removeprefix("theme/")
        if name not in assets:
            faults.append(Fault(path, line, f"url({url}) leads nowhere", suggest(name, assets)))
            return found[0]
        return f'url("/assets/{assets[name].name}")'

    done = _URL.sub(replace, css)
    if faults:
        raise SourceError(faults)
    return done
