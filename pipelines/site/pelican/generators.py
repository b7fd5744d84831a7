"""Pelican's generator of posts, without its loops over all posts for each tag.

Pelican finds the posts of a tag in order of date by searching each post of the site
in the list of the tag: a time that grows with the square of the number of posts.

No reads, no writes, no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from pelican.contents import Article
from pelican.generators import ArticlesGenerator

_Write = Callable[..., None]
_Terms = Iterable[tuple[Any, list[Article]]]  # tags, categories or authors with their posts


class SiteArticlesGenerator(ArticlesGenerator):  # type: ignore[misc]  # Pelican is not typed
    """Generate posts and their lists in time that grows with their number."""

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
