"""Resolve the links of pages as browsers do (RFC 3986, 5.2), each as seldom as possible.

``urllib.parse`` resolves them; most need it once for all pages, or not at all. No
reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Container
from urllib.parse import unquote, urljoin, urlsplit

# What urllib.parse leaves as it is: no percent sign, no character that it removes or that separates.
_PLAIN_PATH = re.compile(r"/(?:[A-Za-z0-9_~.-]+/)*[A-Za-z0-9_~.-]*")
_PLAIN_FRAGMENT = re.compile(r"#[A-Za-z0-9_~.-]+")
_WITH_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[A-Za-z0-9]")  # replaces all of a page's URL


def is_plain_path(url: str) -> bool:
    """Return whether *url* is the path of a URL, and equal to its decoded form."""
    return _PLAIN_PATH.fullmatch(url) is not None


def is_plain_fragment(link: str) -> bool:
    """Return whether *link* is a fragment alone, and equal to its decoded form."""
    return _PLAIN_FRAGMENT.fullmatch(link) is not None


class Targets:
    """Resolve the links of all pages; those that mean the same on every page once (RFC 3986, 5.2)."""

    def __init__(self, site: str, files: Container[str]) -> None:
        """*site* is its absolute URL, *files* the URL paths of what is not a page."""
        self._site, self._files = site, files
        self._absolute: dict[str, str] = {}  # by link
        self._is_file: dict[str, bool] = {}  # by link

    def absolute(self, url: str, link: str) -> str:
        """Return *link* of the page *url* as an absolute URL; "" if it is none."""
        if link[:1] == "/" != link[1:2]:
            return self._site + link
        if not _WITH_HOST.match(link):
            return _absolute(self._site + url, link)
        if link not in self._absolute:
            self._absolute[link] = _absolute(f"{self._site}/", link)
        return self._absolute[link]

    def is_file(self, url: str, link: str) -> bool:
        """Return whether *link* of the page *url* leads to a file that is not a page."""
        if not link[:1] == "/" != link[1:2]:
            return _path(url, link) in self._files
        if link not in self._is_file:
            self._is_file[link] = _path("/", link) in self._files
        return self._is_file[link]


def _path(url: str, link: str) -> str:
    try:
        return unquote(urlsplit(urljoin(url, link)).path)
    except ValueError:  # an invalid IPv6 address, as in "//["
        return ""


def _absolute(base: str, link: str) -> str:
    try:
        return urljoin(base, link)
    except ValueError:  # an invalid IPv6 address, as in "//["
        return ""
