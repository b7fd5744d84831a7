"""Regressions of incremental builds, one for each fault that an edited site has shown (test_edits.py)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.core.errors import SourceError
from pipelines.site.cache import Cache
from tests.site.less.css_rules import need_npm
from tests.support.project import build_site, files_of, tiny_site, write

ABOUT = "content/pages/about.md"
FILES = {
    ABOUT: "---\ntitle: About\n---\n\nWho we are.\n",
    "content/posts/one.md": "---\ntitle: One\ndate: 2026-01-01\n---\n\nThe first.\n",
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tiny_site(tmp_path, FILES)


def replace_in(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    write(file, text.replace(old, new, 1))


def clean_digest(site: Path) -> str:
    """Return the digest of a build without a cache."""
    shutil.rmtree(site / "out")
    return build_site(site).digest


@pytest.mark.slow
def test_a_declared_key_moves_the_beginning_of_a_text(site: Path) -> None:
    """The text is the same, but its first line is a key, or not, by [metadata] of site.toml."""
    cache = Cache()
    write(site / ABOUT, "Scene: a sentence of the text.\n\n# A heading\n\nMore.\n")
    digests = []
    for old, new in (("[metadata]", "[metadata]"), ('["scene"]', "[]"), ("extra = []", 'extra = ["scene"]')):
        replace_in(site / "site.toml", old, new)
        digests.append(build_site(site, cache=cache).digest)
    assert digests[1] == clean_digest_with(site, "[]")
    assert digests[0] == digests[2] != digests[1]


def clean_digest_with(site: Path, extra: str) -> str:
    replace_in(site / "site.toml", '["scene"]', extra)
    try:
        return clean_digest(site)
    finally:
        replace_in(site / "site.toml", f"extra = {extra}", 'extra = ["scene"]')


def test_a_picture_of_a_template_is_refused_when_its_host_is_no_longer_listed(site: Path) -> None:
    """The page is the same, but not what its inspection finds: the policy would block the picture."""
    cache = Cache()
    picture = '<img src="https://pictures.example/1.png" alt="">'
    replace_in(site / "theme/templates/base.html", "<main", f"{picture}<main")
    replace_in(site / "site.toml", "[security]", '[security]\nimages = ["https://pictures.example"]')
    build_site(site, cache=cache)
    replace_in(site / "site.toml", '\nimages = ["https://pictures.example"]', "")
    with pytest.raises(SourceError, match=r"base\.html:\d+: .*pictures\.example"):
        build_site(site, cache=cache)


def css_of(site: Path) -> str:
    names = [name for name in files_of(site / "out/site/public/assets") if name.endswith(".css")]
    assert len(names) == 1
    return (site / "out/site/public/assets" / names[0]).read_text("utf-8")


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("file", ["node_modules/normal/normal.less", "content/extra/normal.less"])
def test_a_stylesheet_outside_of_the_theme_is_read_again(site: Path, file: str) -> None:
    """LESS may import from node_modules and content/: an update there changes the stylesheet."""
    write(site / file, ".normal { margin: 1px; }\n")
    write(site / "theme/less/site.less", f'@import "../../{file}";\n')
    cache = Cache()
    for width in (1, 2, 2, 1):
        write(site / file, f".normal {{ margin: {width}px; }}\n")
        build_site(site, cache=cache)
        assert f".normal{{margin:{width}px}}" in css_of(site)
    write(site / file, '@import "more";\n')
    for width in (3, 4):
        write((site / file).with_name("more.less"), f".more {{ margin: {width}px; }}\n")
        build_site(site, cache=cache)
        assert f".more{{margin:{width}px}}" in css_of(site)


@pytest.mark.slow
def test_a_picture_that_lessc_embeds_is_read_again(site: Path) -> None:
    (site / "node_modules").symlink_to(need_npm(".bin/lessc").parents[1])
    replace_in(site / "site.toml", "[markdown]", '[build]\nless_compiler = "lessc"\n\n[markdown]')
    write(site / "theme/less/site.less", '.mark { background: data-uri("../images/dot.svg"); }\n')
    cache = Cache()
    for colour in ("papayawhip", "rebeccapurple"):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><path fill="{colour}"/></svg>'
        write(site / "theme/images/dot.svg", svg)
        build_site(site, cache=cache)
        assert colour in css_of(site)


@pytest.mark.slow
def test_a_page_that_cannot_be_stored_publishes_its_assets(site: Path) -> None:
    """A function among the settings has no digest; what the page reads after it is still known."""
    with (site / "pelicanconf.py").open("a") as file:
        file.write("\nHELPER = lambda text: text\n")
    replace_in(
        site / "theme/templates/base.html", '<meta charset="utf-8">', '{{ HELPER("") }}<meta charset="utf-8">'
    )
    cache = Cache()
    digests = {build_site(site, workers=workers, cache=cache).digest for workers in (1, 2, 2)}
    assert digests == {clean_digest(site)}
    assert cache.misses["render"] > 0
