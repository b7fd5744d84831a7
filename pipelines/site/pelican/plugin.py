"""The Pelican plugin: a reader of converted documents, additional listings, template globals.

Pelican sorts posts, groups tags and categories, paginates and renders the
templates. Writes pages below OUTPUT_PATH. No network.
"""

from __future__ import annotations

import posixpath
from functools import partial
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from pelican import signals
from pelican.contents import Author, Category, Tag
from pelican.generators import Generator, PagesGenerator
from pelican.readers import BaseReader, Readers
from pelican.urlwrappers import URLWrapper
from pelican.writers import Writer

from pipelines.site.content.addresses import entry_id
from pipelines.site.content.metadata import DEFAULT_CATEGORY
from pipelines.site.content.own_keys import missing_value
from pipelines.site.html.postprocess import reading_minutes
from pipelines.site.pelican.build_context import build_context
from pipelines.site.pelican.collections import add_collections, add_term_links
from pipelines.site.pelican.jobs import RecordedSite, plan_of, record_templates
from pipelines.site.pelican.json_ld import json_ld
from pipelines.site.pelican.writer import SiteWriter

ERROR_PAGES = ("403", "404", "503")
# URL path of each account page -> its template.
ACCOUNT_PAGES = {
    "account/": "account",
    "account/login/": "login",
    "account/reset/": "reset",
    "account/reset/new/": "reset_new",
    "account/verify/": "verify",
}


class _DocumentReader(BaseReader):  # type: ignore[misc]  # Pelican is not typed
    """Return converted documents from the build context."""

    enabled = True
    file_extensions = ("md",)  # and every suffix of a document; see _add_reader

    def read(self, source_path: str) -> tuple[str, dict[str, Any]]:
        build = build_context(self.settings)
        root = str(self.settings["PATH"]) + "/"
        page = build.pages[source_path.removeprefix(root)]
        document, meta = page.document, page.document.meta
        own = build.config.metadata_extra
        metadata: dict[str, Any] = {key: missing_value(kind) for key, kind in own}
        metadata.update(
            title=meta.title,
            slug=document.slug,
            lang=document.lang,
            url=document.url[1:],
            save_as=document.save_as,
            authors=[self._term(Author, name) for name in meta.author or (build.config.author,)],
            tags=[self._term(Tag, name) for name in meta.tags],
            category=self._term(Category, meta.category or DEFAULT_CATEGORY),
            has_category=bool(meta.category),
            terms=[],
            summary=Markup(page.fragment.summary),
            description=page.fragment.description,
            minutes=reading_minutes(page.fragment),
            toc=Markup(page.fragment.toc if page.fragment.sections > 2 else ""),
            mark=document.mark,
            gated=document.gated,
            series_name=meta.series,
            cover=page.cover,
            entry=entry_id(document, build.config),
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
        if document.url in ("/", f"/{document.lang}/") and document.slug == "index":
            metadata["template"] = "index"
        metadata.update(meta.extra)
        # Where the pages are planned, the text is read when one is rendered.
        return page.html() if plan_of(self.settings).at_once else "", metadata

    def _term(self, kind: type[URLWrapper], name: str) -> URLWrapper:
        """Return the author, category or tag *name*, one object for all documents."""
        known: dict[tuple[type, str], URLWrapper] = plan_of(self.settings).terms
        return known.setdefault((kind, name), kind(name, self.settings))


class _ListingGenerator(Generator):  # type: ignore[misc]  # Pelican is not typed
    """Generate the pages for which Pelican has no generator."""

    def generate_output(self, writer: Writer) -> None:
        """Write the archive, the series, the members' index, error pages and account pages."""
        write = partial(writer.write_file, context=self.context)
        build = build_context(self.settings)

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
        if not any(one.document.url == "/" for one in build.pages.values()):
            page("index.html", "index", page=None)
        if build.config.login:
            for path, template in ACCOUNT_PAGES.items():
                page(f"{path}index.html", template)
            members = sorted((one for one in self.context["pages"] if one.gated), key=lambda one: one.title)
            if members and not any(one.url == "members/" for one in members):
                page("members/index.html", "members", members=members)


def _add_template_globals(generator: Generator) -> None:
    """Add the globals that templates may use (docs: theme); each records what it reads."""
    plan = plan_of(generator.settings)
    build, strings = plan.build, plan.build.strings
    site = build.config if plan.at_once else RecordedSite(plan)

    @pass_context
    def t(context: Context, key: str, **values: object) -> str:
        lang = context["lang"]
        plan.record(("strings", lang))
        return strings.text(lang, key, **values)

    @pass_context
    def date_text(context: Context, day: Any) -> str:
        lang = context["lang"]
        plan.record(("strings", lang))
        return strings.date(lang, day)

    @pass_context
    def menu_current(context: Context, path: str) -> bool:
        here = context["path"]
        return here == path or (path != "/" and here.startswith(path.rstrip("/") + "/"))

    @pass_context
    def structured(context: Context, kind: str, item: Any = None) -> Markup:
        return json_ld(site, kind, item, context["lang"])

    def asset(name: str) -> str:
        plan.record(("asset", name))
        return build.theme.url(name)

    def svg(name: str) -> Markup:
        plan.record(("svg", name))
        return Markup(build.theme.svg(name))

    generator.env.globals.update(
        site=site,
        t=t,
        date_text=date_text,
        menu_current=menu_current,
        json_ld=structured,
        asset=asset,
        svg=svg,
        preview=build.preview,
    )
    record_templates(generator, plan)


def _add_reader(readers: Readers) -> None:
    suffixes = {posixpath.splitext(path)[1][1:] for path in build_context(readers.settings).pages}
    readers.reader_classes = dict.fromkeys(suffixes, _DocumentReader)


def _add_listings(_pelican: Any) -> type[Generator]:
    return _ListingGenerator


def _add_writer(_pelican: Any) -> type[Writer]:
    return SiteWriter


def _sort_pages(generator: PagesGenerator) -> None:
    generator.context["pages"] = sorted(generator.context["pages"], key=lambda page: page.url)
    add_term_links(generator)


def register() -> None:
    """Connect to Pelican's signals; Pelican calls this for each plugin in its settings."""
    signals.readers_init.connect(_add_reader)
    signals.generator_init.connect(_add_template_globals)
    signals.get_generators.connect(_add_listings)
    signals.get_writer.connect(_add_writer)
    signals.article_generator_finalized.connect(add_collections)
    signals.page_generator_finalized.connect(_sort_pages)
