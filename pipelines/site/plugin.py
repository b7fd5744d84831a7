"""Our half of Pelican: its reader, its writer, and the listings that it lacks.

Pelican orders posts, groups tags and categories, paginates and calls the
templates; the documents come in converted and checked. What one build needs is
handed over in the setting BUILD. Writes the pages below OUTPUT_PATH.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, pairwise
from typing import Any
from urllib.parse import quote

from feedgenerator import Atom1Feed
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pelican import signals
from pelican.contents import Article, Author, Category, Tag
from pelican.generators import ArticlesGenerator, Generator, PagesGenerator
from pelican.readers import BaseReader, Readers
from pelican.writers import Writer

from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.site.assets import Theme
from pipelines.site.feeds import absolute
from pipelines.site.fragment import WORDS_A_MINUTE, Fragment
from pipelines.site.links import Picture
from pipelines.site.metadata import slug_of
from pipelines.site.sources import CONTENT, Document
from pipelines.site.structured import json_ld
from pipelines.site.texts import Texts

ERROR_PAGES = ("403", "404", "503")


@dataclass(frozen=True, slots=True)
class Cover:
    """The picture that stands for a page when it is shared."""

    url: str  # site-absolute
    width: int
    height: int
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One document, all of it known."""

    document: Document
    fragment: Fragment
    cover: Cover | None
    files: frozenset[str]  # of content/, relative to the project: all that the page needs


@dataclass(slots=True)
class Series:
    """Posts that belong together, oldest first."""

    name: str
    slug: str
    articles: list[Article] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Return the site-relative URL."""
        return f"series/{self.slug}/"


@dataclass(frozen=True, slots=True)
class Place:
    """A series as one of its posts sees it."""

    series: Series
    index: int  # counted from 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.series, name)


@dataclass(frozen=True, slots=True)
class Build:
    """What one build hands to Pelican: the setting BUILD."""

    config: SiteConfig
    pages: Mapping[str, Page]  # by path relative to content/
    texts: Texts
    theme: Theme
    as_of: int  # seconds since 1970
    preview: bool


def cover(picture: Picture | None, url: str, alt: str) -> Cover | None:
    """Return the cover of a page, or None without a picture."""
    return Cover(url, picture.width, picture.height, alt) if picture else None


def path_of(save_as: str) -> str:
    """Return the URL path of the output file *save_as*."""
    return "/" + save_as.removesuffix("index.html")


def _build(settings: Mapping[str, Any]) -> Build:
    build = settings.get("BUILD")
    if not isinstance(build, Build):
        raise PipelineError("pelican: cannot run by itself here; run `python -m pipelines build`")
    return build


class _Reader(BaseReader):  # type: ignore[misc]  # Pelican is not typed
    """Hand a document over that is converted already."""

    enabled = True
    file_extensions = ("md",)

    def read(self, source_path: str) -> tuple[str, dict[str, Any]]:
        build = _build(self.settings)
        root = str(self.settings["PATH"]) + "/"
        page = build.pages[source_path.removeprefix(root)]
        document, meta = page.document, page.document.meta
        metadata: dict[str, Any] = dict.fromkeys(build.config.metadata_extra, "")
        metadata.update(
            title=meta.title,
            slug=document.slug,
            lang=document.lang,
            url=document.url[1:],
            save_as=document.save_as,
            authors=[Author(name, self.settings) for name in meta.author or (build.config.author,)],
            tags=[Tag(name, self.settings) for name in meta.tags],
            category=Category(meta.category or "Misc", self.settings),
            summary=Markup(page.fragment.summary),
            description=page.fragment.description,
            minutes=max(1, round(page.fragment.words / WORDS_A_MINUTE)),
            toc=Markup(page.fragment.toc if page.fragment.sections > 2 else ""),
            mark=document.mark,
            gated=document.gated,
            series_name=meta.series,
            cover=page.cover,
            entry=f"tag:{build.config.feed_authority}:{quote(document.path[len(CONTENT) + 1 : -3])}",
            series=None,
            prev_article=None,
            next_article=None,
            related=[],
        )
        if meta.date:
            metadata["date"] = meta.date
        metadata["modified"] = document.modified or meta.date or None
        if metadata["modified"] is None:
            del metadata["modified"]
        if document.url == "/" or (document.lang != build.config.lang and document.slug == "index"):
            metadata["template"] = "index"
        metadata.update(meta.extra)
        return page.fragment.html, metadata


def _arrange(generator: ArticlesGenerator) -> None:
    """Give each post its neighbours, its series and what is related to it."""
    articles: list[Article] = generator.articles
    for newer, older in pairwise(articles):
        newer.prev_article, older.next_article = older, newer
    series: dict[str, Series] = {}
    for article in reversed(articles):
        if article.series_name:
            slug = slug_of(article.series_name)
            one = series.setdefault(slug, Series(article.series_name, slug))
            one.articles.append(article)
            article.series = Place(one, len(one.articles))
    _relate(articles)
    generator.context["all_series"] = sorted(series.values(), key=lambda one: one.slug)
    generator.context["tags"] = sorted(generator.tags.items(), key=lambda pair: pair[0].slug)
    years = groupby(articles, key=lambda article: article.date.year)
    generator.context["years"] = [(year, list(group)) for year, group in years]


def _relate(articles: list[Article]) -> None:
    """Three posts that share most tags; the category breaks ties, then the date."""
    by_tag: dict[str, list[int]] = {}
    for index, article in enumerate(articles):
        for tag in article.tags:
            by_tag.setdefault(tag.slug, []).append(index)
    for index, article in enumerate(articles):
        score: dict[int, float] = {}
        for tag in article.tags:
            others = by_tag[tag.slug]
            for other in others:
                # A tag that few posts carry says more than one that all carry.
                score[other] = score.get(other, 0) + 1 / len(others)
        score.pop(index, None)
        best = sorted(
            score,
            key=lambda other: (
                -score[other],
                articles[other].category.slug != article.category.slug,
                abs(other - index),
                other,
            ),
        )
        article.related = [articles[other] for other in best[:3]]


class _Listings(Generator):  # type: ignore[misc]  # Pelican is not typed
    """The pages that Pelican has no generator for."""

    def generate_output(self, writer: Writer) -> None:
        """Write the archive, the series, the members' index, error pages and login."""
        write = partial(writer.write_file, context=self.context)
        build = _build(self.settings)

        def page(name: str, template: str, **values: Any) -> None:
            write(name, self.get_template(template), **values)

        page("archive/index.html", "archives", years=self.context["years"])
        for year, articles in self.context["years"]:
            name = f"archive/{year}/index.html"
            page(name, "period_archives", year=year, articles=articles)
        page("series/index.html", "series_list")
        for series in self.context["all_series"]:
            page(f"{series.url}index.html", "series", series=series)
        for code in ERROR_PAGES:
            page(f"{code}.html", code)
        if "index.md" not in {path.removeprefix("pages/") for path in build.pages}:
            page("index.html", "index", page=None)
        if build.config.login:
            page("account/login/index.html", "login")
            members = sorted((one for one in self.context["pages"] if one.gated), key=lambda one: one.title)
            if members and not any(one.url == "members/" for one in members):
                page("members/index.html", "members", members=members)


class _Located:
    """A template that is told where its page stands and in which language."""

    def __init__(self, template: Any, config: SiteConfig) -> None:
        self.template, self.config = template, config

    def render(self, context: dict[str, Any]) -> str:
        item = context.get("article") or context.get("page")
        context["path"] = path_of(context["output_file"])
        context["canonical"] = self.config.url + context["path"]
        context["lang"] = getattr(item, "lang", "") or self.config.lang
        if tag := context.get("tag"):
            context["feed"] = "/" + context["TAG_FEED_ATOM"].format(slug=tag.slug)
        return str(self.template.render(context))


class _Writer(Writer):  # type: ignore[misc]  # Pelican is not typed
    """Pelican's writer with the page's place in its context and lasting entry ids."""

    def write_file(self, name: str, template: Any, context: Any, *args: Any, **rest: Any) -> None:
        located = _Located(template, _build(self.settings).config)
        super().write_file(name, located, context, *args, **rest)

    def _create_new_feed(self, feed_type: str, feed_title: str | None, context: Any) -> Atom1Feed:
        build = _build(self.settings)
        site = build.config
        feed = _Feed(
            title=f"{site.name}: {feed_title}" if feed_title else site.name,
            link=self.feed_url.removesuffix("feed.atom"),
            feed_url=self.feed_url,
            feed_guid=f"tag:{site.feed_authority}:{self.feed_url.removeprefix(site.url + '/')}",
            description=site.tagline,
            subtitle=site.tagline,
            author_name=site.author,
            language=site.lang,
        )
        feed.as_of = build.as_of
        return feed

    def _add_item_to_the_feed(self, feed: Atom1Feed, item: Article) -> None:
        site = _build(self.settings).config
        feed.add_item(
            title=item.title,
            link=f"{site.url}/{item.url}",
            unique_id=item.entry,
            description=absolute(str(item.summary), site.url, item.url) or None,
            content=absolute(item._content, site.url, item.url),
            categories=[tag.name for tag in item.tags],
            author_name=", ".join(author.name for author in item.authors),
            pubdate=item.date,
            updateddate=item.modified,
        )


class _Feed(Atom1Feed):  # type: ignore[misc]  # feedgenerator is not typed
    as_of = 0  # seconds since 1970

    def latest_post_date(self) -> Any:
        """Return the newest change, or the build's own time for a feed without posts."""
        from datetime import UTC, datetime

        dates = [item["updateddate"] for item in self.items]
        return max(dates) if dates else datetime.fromtimestamp(self.as_of, UTC)


def _globals(generator: Generator) -> None:
    """Give the templates what the theme's contract names."""
    build = _build(generator.settings)
    site, texts = build.config, build.texts

    @pass_context
    def t(context: Context, key: str, **values: object) -> str:
        return texts.text(context["lang"], key, **values)

    @pass_context
    def date_text(context: Context, day: Any) -> str:
        return texts.date(context["lang"], day)

    @pass_context
    def menu_current(context: Context, path: str) -> bool:
        here = context["path"]
        return here == path or (path != "/" and here.startswith(path.rstrip("/") + "/"))

    @pass_context
    def structured(context: Context, kind: str, item: Any = None) -> Markup:
        return json_ld(site, kind, item, context["lang"])

    generator.env.globals.update(
        site=site,
        t=t,
        date_text=date_text,
        menu_current=menu_current,
        json_ld=structured,
        asset=build.theme.url,
        svg=lambda name: Markup(build.theme.svg(name)),
        preview=build.preview,
    )


def _add_reader(readers: Readers) -> None:
    readers.reader_classes = {"md": _Reader}


def _add_listings(_pelican: Any) -> type[Generator]:
    return _Listings


def _add_writer(_pelican: Any) -> type[Writer]:
    return _Writer


def _pages_are_sorted(generator: PagesGenerator) -> None:
    generator.context["pages"] = sorted(generator.context["pages"], key=lambda page: page.url)


def register() -> None:
    """Connect to Pelican; it calls this for each plugin that the settings name."""
    signals.readers_init.connect(_add_reader)
    signals.generator_init.connect(_globals)
    signals.get_generators.connect(_add_listings)
    signals.get_writer.connect(_add_writer)
    signals.article_generator_finalized.connect(_arrange)
    signals.page_generator_finalized.connect(_pages_are_sorted)
