"""What templates read: frozen views of posts and pages, each with digests of its parts.

A list shows the *listed* part of a post: title, URL, dates, summary, tags. Its own
page also reads its text and its neighbours. So a changed text concerns one page, and a
changed title the lists and neighbours that show it. A template that reads more
of a listed post than that still works: the read is recorded, and its page is rendered
again when that post changes.

No reads of files, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from markupsafe import Markup
from pelican.contents import Article as PelicanArticle
from pelican.contents import Content
from pelican.paginator import Page as PaginatorPage
from pelican.paginator import Paginator
from pelican.urlwrappers import URLWrapper

from pipelines.site.pelican.collections import Series, SeriesPosition
from pipelines.site.reads import MISSING, Read, digest_text, digest_value

# What lists and neighbours show of a post or a page.
LISTED = (
    *("title", "url", "slug", "lang", "date", "modified", "locale_date", "locale_modified", "summary"),
    *("description", "minutes", "mark", "gated", "cover", "category", "has_category", "tags", "author"),
    *("authors", "status", "template"),
)
# Other posts and pages that one leads to.
RELATIONS = ("prev_article", "next_article", "related", "series", "translations", "terms")
_NOTHING = digest_text("nothing")
_LISTED, _RELATIONS = frozenset(LISTED), frozenset(RELATIONS)


class Relations(NamedTuple):
    """The paths of the posts that one leads to."""

    related: tuple[str, ...]
    others: tuple[str, ...]  # neighbours, translations, parts of its series


class ItemView:
    """A post or a page as templates read it; attributes that are not listed are recorded when read."""

    __slots__ = ("_item", "_views", *LISTED)

    def __init__(self, item: Content, views: Views) -> None:
        self._item, self._views = item, views
        for name in LISTED:
            try:
                setattr(self, name, getattr(item, name))
            except AttributeError:
                continue  # a page without a date

    def __getattr__(self, name: str) -> Any:
        if name in _LISTED or name.startswith("__"):
            raise AttributeError(name)
        return self._views.read(self._item, name)

    def __str__(self) -> str:
        return str(self._item)


class Article(ItemView):
    """A post; messages about templates name it as Pelican's documentation does."""

    __slots__ = ()
    __module__ = "pelican.contents"


class Page(ItemView):
    """A page; messages about templates name it as Pelican's documentation does."""

    __slots__ = ()
    __module__ = "pelican.contents"


class Views:
    """The views of one build, and the digests of what templates read of them."""

    def __init__(
        self,
        own_digest: Callable[[Content], bytes],
        content: Callable[[Content], str],
        record: Callable[[Read], None],
    ) -> None:
        """*own_digest* covers everything of an item; *content* returns its HTML; *record* notes a read."""
        self._own_digest, self._content, self._record = own_digest, content, record
        self._wrapped: dict[int, tuple[Any, Any]] = {}  # id -> (the value, kept alive; its view)
        self._listed: dict[int, bytes] = {}
        self._items: dict[str, Content] = {}

    def wrap(self, value: Any) -> Any:
        """Return *value* with a view in place of each post and page."""
        if isinstance(value, (str, int, float, type(None))):
            return value
        if (known := self._wrapped.get(id(value))) is not None:
            return known[1]
        if isinstance(value, Content):
            kind = Article if isinstance(value, PelicanArticle) else Page
            found: Any = kind(value, self)
            self._items[value.relative_source_path or ""] = value
        elif type(value) is list:
            found = [self.wrap(one) for one in value]
        elif type(value) is tuple:
            found = tuple(self.wrap(one) for one in value)
        elif type(value) is dict:
            found = {key: self.wrap(one) for key, one in value.items()}
        elif isinstance(value, Series):
            found = Series(value.name, value.slug, self.wrap(value.articles))
        elif isinstance(value, SeriesPosition):
            found = SeriesPosition(self.wrap(value.series), value.index)
        else:
            return value
        self._wrapped[id(value)] = (value, found)
        return found

    def read(self, item: Content, name: str) -> Any:
        """Return the attribute *name* of *item*, and record the read.

        What is not of the item itself, the state of Pelican, has no digest.
        """
        path = item.relative_source_path or ""
        if name == "settings" or name.startswith("_"):
            self._record(("internal", name))
        if name in _RELATIONS:
            self._record(("item", path, name))
            return self.wrap(getattr(item, name))
        self._record(("item", path))
        return Markup(self._content(item)) if name == "content" else self.wrap(getattr(item, name))

    def relations(self) -> dict[str, Relations]:
        """Return the other posts that each post or page leads to, by its path."""
        return {path: _relations(item) for path, item in self._items.items()}

    def item_digest(self, path: str, name: str = "") -> bytes:
        """Return the digest of the item at *path*, or of its relation *name*."""
        item = self._items.get(path)
        if item is None:
            return MISSING
        if not name:
            return self._own_digest(item)
        return self.digest(self.wrap(getattr(item, name, None)))

    def digest(self, value: Any) -> bytes:
        """Return the digest of a value that templates read; raises Opaque."""
        if isinstance(value, ItemView):  # of previous, next: two for each post
            return self._listed_digest(value)
        if type(value) is list and value and all(isinstance(one, ItemView) for one in value):
            return digest_text(repr([self._listed_digest(one) for one in value]))
        return _NOTHING if value is None else digest_value(value, self._special)

    def _special(self, value: object) -> bytes | None:
        if isinstance(value, ItemView):
            return self._listed_digest(value)
        if isinstance(value, (str, int, list, tuple)):
            return None
        if isinstance(value, URLWrapper):
            return self._memoized(value, lambda: self._term_digest(value))
        if isinstance(value, Series):
            return self._memoized(value, lambda: self.digest((value.name, value.slug, value.articles)))
        if isinstance(value, SeriesPosition):
            return self.digest((value.index, value.series))
        if isinstance(value, Paginator):
            return self._memoized(
                value, lambda: self.digest((value.name, value.url, value.per_page, value.object_list))
            )
        if isinstance(value, PaginatorPage):
            return self.digest((value.full_name, value.base_url, value.number, value.object_list))
        return None

    def _listed_digest(self, view: ItemView) -> bytes:
        def compute() -> bytes:
            # repr: fast, and unambiguous for texts, numbers, dates and frozen values of those.
            return digest_text(repr([self._listed_part(getattr(view, name, None)) for name in LISTED]))

        return self._memoized(view, compute)

    def _listed_part(self, value: object) -> object:
        if isinstance(value, URLWrapper):
            return self._memoized(value, lambda: self._term_digest(value))
        return [self._listed_part(one) for one in value] if isinstance(value, list) else value

    @staticmethod
    def _term_digest(term: URLWrapper) -> bytes:
        return digest_text(repr((type(term).__name__, term.name, term.slug, str(term.url))))

    def _memoized(self, value: object, compute: Callable[[], bytes]) -> bytes:
        """Return the digest of *value*, an object that lives as long as these views."""
        if (found := self._listed.get(id(value))) is None:
            self._wrapped.setdefault(id(value), (value, value))  # keeps it alive
            found = self._listed[id(value)] = compute()
        return found


def _relations(item: Content) -> Relations:
    series = getattr(item, "series", None)
    others = [
        *(getattr(item, "prev_article", None), getattr(item, "next_article", None)),
        *item.translations,
        *(series.articles if isinstance(series, SeriesPosition) else ()),
    ]
    return Relations(_paths(getattr(item, "related", ())), _paths(others))


def _paths(items: Iterable[Content | None]) -> tuple[str, ...]:
    return tuple(str(item.relative_source_path) for item in items if item)
