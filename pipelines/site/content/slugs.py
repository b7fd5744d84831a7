"""Turn titles and names into URL slugs, as Pelican does.

Pure functions. No reads, no writes, no network.
"""

from __future__ import annotations

from functools import lru_cache

# Pelican's substitutions (applied after transliteration to ASCII), and two additions.
SLUG_RULES: tuple[tuple[str, str], ...] = (
    (r"\+", "-plus"),  # C++ must not share a URL with C
    (r"#", "-sharp"),
    (r"[^\w\s-]", ""),
    (r"[-\s_]+", "-"),
    (r"\A-|-\Z", ""),
)


@lru_cache(maxsize=4096)  # each heading and each tag is asked for several times
def slugify(text: str) -> str:
    """Return *text* as a URL slug: lower case, transliterated to ASCII, words joined by hyphens."""
    from pelican import utils  # all of Pelican, which pelicanconf.py does not need for the rules

    return str(utils.slugify(text, regex_subs=SLUG_RULES))


def slugify_name(name: str) -> str:
    """Return the name of a file or directory as a URL slug that keeps the dots within it, as in ``v1.2``.

    Hugo and MkDocs keep them, too. A name that ends with .html loses them: a page is a directory.
    """
    slug = ".".join(filter(None, map(slugify, name.split("."))))
    return slugify(name) if slug.endswith(".html") else slug
