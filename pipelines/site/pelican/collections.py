"""Group posts: previous and next, series, related posts, years.

Works on the articles sorted by Pelican. No reads, no writes, no network.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from itertools import groupby, pairwise
from typing import Any

from msgspec import Struct, field
from pelican.contents import Article
from pelican.generators import ArticlesGenerator, PagesGenerator

from pipelines.site.cache import Cache, cache_key
from pipelines.site.content.slugs import slugify
from pipelines.site.pelican.build_context import build_context, cache_of

_NEAREST = 25  # posts of a tag that may be related: the newer ones, and as many older ones


class Series(Struct):
    """A series of posts, oldest first."""

    name: str
    slug: str
    articles: list[Article] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the site-relative URL."""
        return f"series/{self.slug}/"


class SeriesPosition(Struct, frozen=True):
    """A series and the position of one post in it; the attributes of the series are its own."""

    series: Series
    index: int  # counted from 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.series, name)


def add_collections(generator: ArticlesGenerator) -> None:
    """Set previous, next, series and related posts of each article; add the collections to the context."""
    articles: list[Article] = generator.articles
    for newer, older in pairwise(articles):
        newer.prev_article, older.next_article = older, newer
    series: dict[str, Series] = {}
    for article in reversed(articles):
        if article.series_name:
            slug = slugify(article.series_name)
            one = series.setdefault(slug, Series(article.series_name, slug))
            one.articles.append(article)
            article.series = SeriesPosition(one, len(one.articles))
    known = build_context(generator.settings).related
    if known is None:
        _add_related_posts(articles, cache_of(generator.settings))
    else:
        by_path = {article.relative_source_path: article for article in articles}
        for path, article in by_path.items():
            article.related = [by_path[other] for other in known.get(path, ()) if other in by_path]
    generator.context["all_series"] = sorted(series.values(), key=lambda one: one.slug)
    generator.context["tags"] = sorted(generator.tags.items(), key=lambda pair: pair[0].slug)
    years = groupby(articles, key=lambda article: article.date.year)
    generator.context["years"] = [(year, list(group)) for year, group in years]


def add_term_links(generator: PagesGenerator) -> None:
    """Set ``terms`` of each page: (name, URL) of its category and tags.

    Lists contain posts only, so the URL is "" where no post has the category or the tag.
    """
    listed = {
        (kind, term.slug): term.url
        for kind in ("categories", "tags")
        for term, _ in generator.context.get(kind) or ()
    }
    for page in generator.context["pages"]:
        own = [("categories", page.category)] if page.has_category else []
        own += [("tags", tag) for tag in page.tags]
        page.terms = [(term.name, listed.get((kind, term.slug), "")) for kind, term in own]


def _add_related_posts(articles: list[Article], cache: Cache) -> None:
    """Set the related articles of each one; *cache* has them until a category, a tag or the order changes."""
    categories = [article.category.slug for article in articles]
    tags = [[tag.slug for tag in article.tags] for article in articles]
    inputs = cache_key(repr((categories, tags)))
    found = cache.get_or_compute(
        "related", inputs, lambda: _related_posts(categories, tags), list[tuple[int, ...]]
    )
    for article, others in zip(articles, found, strict=True):
        article.related = [articles[other] for other in others]


def _related_posts(categories: Sequence[str], tags: Sequence[Sequence[str]]) -> list[tuple[int, ...]]:
    """Return which three posts share most tags with each post; ties by category, then by date.

    Of a tag with many posts, only the _NEAREST newer and older ones count, so that
    the time grows with the number of posts and not with its square.
    """
    by_tag: dict[str, list[int]] = {}
    related: list[tuple[int, ...]] = []
    for index, slugs in enumerate(tags):
        for slug in slugs:
            by_tag.setdefault(slug, []).append(index)
    for index, category in enumerate(categories):
        score: defaultdict[int, float] = defaultdict(float)
        for slug in tags[index]:
            others = by_tag[slug]
            place = bisect_left(others, index)
            weight = 1 / len(others)  # a rare tag has more than a common one
            for other in others[max(0, place - _NEAREST) : place + _NEAREST + 1]:
                score[other] += weight
        score.pop(index, None)
        least = min(nlargest(3, score.values()), default=0.0)
        best = nsmallest(
            3,
            [
                (-points, categories[other] != category, abs(other - index), other)
                for other, points in score.items()
                if points >= least
            ],
        )
        related.append(tuple(other for *_, other in best))
    return related
