"""Pelican's writer, with the URL of each page in its context and stable feed entry ids.

Writes pages and feeds below OUTPUT_PATH. No reads, no network.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from feedgenerator import Atom1Feed
from pelican.contents import Article
from pelican.writers import Writer

from pipelines.core.config import SiteConfig
from pipelines.site.html.absolute_urls import absolute_urls
from pipelines.site.pelican.build_context import build_context, output_path


class _TemplateWithPath:
    """A template with path, canonical URL and language of its page in the context."""

    def __init__(self, template: Any, config: SiteConfig) -> None:
        self.template, self.config = template, config

    def render(self, context: dict[str, Any]) -> str:
        item = context.get("article") or context.get("page")
        context["path"] = output_path(context["output_file"])
        context["canonical"] = self.config.url + context["path"]
        context["lang"] = getattr(item, "lang", "") or self.config.lang
        if tag := context.get("tag"):
            context["feed"] = "/" + context["TAG_FEED_ATOM"].format(slug=tag.slug)
        return str(self.template.render(context))


class SiteWriter(Writer):  # type: ignore[misc]  # Pelican is not typed
    """Pelican's writer with the URL of each page in its context and stable entry ids."""

    def write_file(self, name: str, template: Any, context: Any, *args: Any, **rest: Any) -> None:
        located = _TemplateWithPath(template, build_context(self.settings).config)
        super().write_file(name, located, context, *args, **rest)

    def _create_new_feed(self, feed_type: str, feed_title: str | None, context: Any) -> Atom1Feed:
        build = build_context(self.settings)
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
        site = build_context(self.settings).config
        feed.add_item(
            title=item.title,
            link=f"{site.url}/{item.url}",
            unique_id=item.entry,
            description=absolute_urls(str(item.summary), site.url, item.url) or None,
            content=absolute_urls(str(item._content), site.url, item.url),
            categories=[tag.name for tag in item.tags],
            author_name=", ".join(author.name for author in item.authors),
            pubdate=item.date,
            updateddate=item.modified,
            lang=item.lang,
        )


class _Feed(Atom1Feed):  # type: ignore[misc]  # feedgenerator is not typed
    as_of = 0  # seconds since 1970

    def item_attributes(self, item: Any) -> dict[str, str]:
        """Return the attributes of an entry: its language, if the feed has another."""
        return {} if item["lang"] == self.feed["language"] else {"xml:lang": item["lang"]}

    def latest_post_date(self) -> Any:
        """Return the latest change, or the build's time for a feed without posts."""
        dates = [item["updateddate"] for item in self.items]
        return max(dates) if dates else datetime.fromtimestamp(self.as_of, UTC)
