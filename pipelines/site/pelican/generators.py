"""Pelican's generator of posts, without its loops over all posts for each post and tag.

Pelican finds the posts of a tag in order of date by searching each post of the site
in the list of the tag, and translations by searching each post in the list of all: a time
that grows with the square of the number of posts.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

import pelican.generators
from pelican.contents import Article, Content
from pelican.generators import ArticlesGenerator
from pelican.utils import process_translations

_Write = Callable[..., None]
_Terms = Iterable[tuple[Any, list[Article]]]  # tags, categories or authors with their posts


def find_translations(
    items: Sequence[Content], translation_id: str | Collection[str] | None = None
) -> tuple[Sequence[Content], list[Content]]:
    """Return what ``pelican.utils.process_translations`` does: originals, and their translations.

    The items of each group are given to it alone.
    """
    if not translation_id:
        return items, []
    key = attrgetter(*({translation_id} if isinstance(translation_id, str) else translation_id))
    originals: list[Content] = []
    translations: list[Content] = []
    for _, group in groupby(sorted(items, key=key), key):
        one, *others = group
        if others or "translation" in one.metadata:
            found = process_translations([one, *others], translation_id)
            originals += found[0]
            translations += found[1]
        else:
            originals.append(one)
    return originals, translations


pelican.generators.process_translations = find_translations  # the generators of posts and pages call it


class SiteArticlesGenerator(ArticlesGenerator):  # type: ignore[misc]  # Pelican is not typed
    """Generate posts and their lists in time that grows with their number."""

    def get_cached_data(self, filename: str, default: Any = None) -> Any:
        """Return *default*: Pelican's cache is off, and would look at each file twice nevertheless."""
        return default

    def cache_data(self, filename: str, data: Any) -> None:
        """Do nothing, likewise."""

    def check_disabled_readers(self) -> None:
        """Do nothing: all posts have the reader of this program."""

    def generate_tags(self, write: _Write) -> None:
        """Write the list of each tag."""
        self._write_terms(write, "tag", self.tags.items())

    def generate_categories(self, write: _Write) -> None:
        """Write the list of each category."""
        self._write_terms(write, "category", self.categories)

    def generate_authors(self, write: _Write) -> None:
        """Write the list of each author."""
        self._write_terms(write, "author", self.authors)

    def _write_terms(self, write: _Write, kind: str, terms: _Terms) -> None:
        order = {id(article): place for place, article in enumerate(self.dates)}
        template = self.get_template(kind)
        for term, articles in terms:
            if not term.save_as:
                continue
            listed = (article for article in articles if id(article) in order)
            dates = sorted(listed, key=lambda article: order[id(article)])
            list_term = partial(write, term.save_as, template, self.context, url=term.url)
            list_term(
                **{kind: term},
                articles=articles,
                dates=dates,
                template_name=kind,
                blog=True,
                page_name=term.page_name,
                all_articles=self.articles,
            )
