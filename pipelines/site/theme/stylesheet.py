"""Build the stylesheet: LESS, then plain CSS, then the rules for highlighted code.

Reads theme/less and theme/css. No writes, no network.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import rcssmin
from pygments.formatters import HtmlFormatter
from pygments.token import Token

from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.files import read_regular
from pipelines.site.cache import Cache, cache_key
from pipelines.site.content.front_matter import read_text
from pipelines.site.content.read_policy import ReadPolicy
from pipelines.site.images.hashed_name import Asset
from pipelines.site.less.lessc import lessc_package

LESS_ENTRY = "theme/less/site.less"
# Pygments styles with a contrast of at least 4.5:1 for every colour on their background
# (minimum 5.0:1 and 4.7:1; tests/browser checks pages with axe).
LIGHT_STYLE, DARK_STYLE = "xcode", "github-dark"
_Less = tuple[str, tuple[str, ...]]  # CSS, and the files it was made of beside the LESS of the theme
_URL = re.compile(r"""url\(\s*(?P<quote>["']?)(?P<url>[^"')]+)(?P=quote)\s*\)""")


def build_stylesheet(
    project: Path,
    paths: Iterable[str],
    compiler: str,
    assets: Mapping[str, Asset],
    cache: Cache,
    policy: ReadPolicy,
) -> tuple[str, frozenset[str]]:
    """Return the minified CSS of *paths*, the files of theme/, and the names of the assets that it uses.

    Raises SourceError with file:line for invalid LESS or CSS, and for a ``url()``
    of an unknown file.
    """
    parts = []
    faults: list[Fault] = []
    paths = sorted(paths)
    if LESS_ENTRY in paths:
        try:
            parts.append((LESS_ENTRY, _compiled_less(project, paths, compiler, cache, policy)))
        except SourceError as error:
            faults.extend(error.faults)
    for name in paths:
        if not (name.startswith("theme/css/") and name.endswith(".css")):
            continue
        try:
            parts.append((name, read_text(project / name, name)))
            faults.extend(_checked_css(parts[-1][1], name, cache))
        except SourceError as error:
            faults.extend(error.faults)
    rewritten = [_rewrite_urls(text, path, assets, faults) for path, text in parts]
    if faults:
        raise SourceError(faults)
    names = {f"/assets/{asset.name}": name for name, asset in assets.items()}
    css = "\n".join([*rewritten, highlight_css()])
    used = {names[found["url"]] for found in _URL.finditer(css) if found["url"] in names}
    return str(rcssmin.cssmin(css)), frozenset(used)


def _compiled_less(
    project: Path, paths: Iterable[str], compiler: str, cache: Cache, policy: ReadPolicy
) -> str:
    """Return the CSS of the theme's LESS; raises SourceError.

    It may read more than the LESS of the theme: of node_modules, of content/, and what lessc
    embeds. Which files these are is known after the compilation only, so each result names
    them, and stands if it was stored under their contents, too.
    """
    own = [path for path in paths if path.endswith((".less", ".css"))]
    program = _contents(lessc_package(project)) if compiler == "lessc" else b""
    compiled: list[tuple[str, tuple[str, ...]]] = []  # at most once

    def compile_once() -> tuple[str, tuple[str, ...]]:
        if not compiled:
            from pipelines.site.less.compile import compile_less

            result = compile_less(project / LESS_ENTRY, project, compiler, policy)
            compiled.append((result.css, tuple(sorted({*result.sources} - {*own}))))
        return compiled[0]

    others: tuple[str, ...] = ()
    while True:
        read = ((path, _contents(project / path)) for path in (*own, *others))
        state = cache_key(compiler, program, *(part for pair in read for part in pair))
        css, found = cache.get_or_compute("less", state, compile_once, _Less)
        if {*found} <= {*others}:
            return css
        others = tuple(sorted({*others, *found}))


def _contents(file: Path) -> bytes:
    """Return the bytes of *file*; b"" if it cannot be read any more."""
    try:
        return read_regular(file)
    except OSError:
        return b""


def _checked_css(css: str, path: str, cache: Cache) -> tuple[Fault, ...]:
    """Return the syntax errors of *css*, parsed once for all builds."""
    return cache.get_or_compute(
        "css", (path, cache_key(css)), lambda: tuple(_syntax_faults(css, path)), tuple[Fault, ...]
    )


def _syntax_faults(css: str, path: str) -> Iterator[Fault]:
    """Yield a fault for each syntax error that a browser would ignore."""
    import tinycss2

    nodes = tinycss2.parse_stylesheet(css + "\n#end{}", skip_comments=True, skip_whitespace=True)
    last = nodes[-1] if nodes else None
    open_prelude = [node for node in getattr(last, "prelude", None) or [] if node.type != "error"]
    if last is None or tinycss2.serialize(open_prelude).strip() != "#end":
        opened = css.count("\n", 0, max(css.rfind("/*"), 0)) + 1
        line = max(opened, last.source_line if last else 1)
        yield Fault(path, line, "a block or comment that begins here is not closed", "close it", "theme")
        return
    while nodes:
        rule = nodes.pop()
        if rule.type == "at-rule" and rule.lower_at_keyword in ("import", "charset"):
            what = f"@{rule.at_keyword} is valid only at the top of a stylesheet"
            yield Fault(path, rule.source_line, what, "put the rules themselves here", "theme")
        parts = rule.value if rule.type == "declaration" else getattr(rule, "prelude", None) or []
        for error in [rule, *parts]:
            if error.type == "error":
                what = re.sub(r"(EOF|Stop token) reached .*", "a declaration without a colon", error.message)
                yield Fault(path, error.source_line, f"is not CSS: {what}", "fix it", "theme")
        if getattr(rule, "content", None):
            nodes += tinycss2.parse_blocks_contents(rule.content, skip_comments=True)


def highlight_css() -> str:
    """Return the rules for highlighted code, light and dark."""
    light, dark = _highlight_rules(LIGHT_STYLE), _highlight_rules(DARK_STYLE)
    return f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"


def _highlight_rules(name: str) -> str:
    formatter: HtmlFormatter[str] = HtmlFormatter(style=name)
    background = formatter.style.background_color
    text = f"#{formatter.style.style_for_token(Token)['color'] or '000000'}"
    rules = formatter.get_token_style_defs(".highlight")  # type: ignore[no-untyped-call]
    return "\n".join([f".highlight {{ background: {background}; color: {text} }}", *rules])


def _rewrite_urls(css: str, path: str, assets: Mapping[str, Asset], faults: list[Fault]) -> str:
    """Replace every url() of the file *path* by the hashed name of its asset; add to *faults*."""

    def replace(found: re.Match[str]) -> str:
        url = found["url"].strip()
        if url.startswith(("data:", "#")):
            return found[0]
        line = css.count("\n", 0, found.start()) + 1 if path.endswith(".css") else 0
        if re.match(r"[A-Za-z][\w+.-]*:|//", url):
            fix = "put the file below theme/images or theme/fonts"
            faults.append(Fault(path, line, f"url({url}) loads from another host", fix, "theme"))
            return found[0]
        name = posixpath.normpath(posixpath.join(posixpath.dirname(path), url))
        name = name.removeprefix("theme/")
        if name not in assets:
            faults.append(Fault(path, line, f"url({url}): unknown file", suggest(name, assets), "theme"))
            return found[0]
        return f'url("/assets/{assets[name].name}")'

    return _URL.sub(replace, css)
