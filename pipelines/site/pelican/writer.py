"""Pelican's writer, which plans pages and feeds, with the URL of each page and stable feed entry ids.

Writes pages and feeds below OUTPUT_PATH where other plugins take part. No reads, no network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from feedgenerator import Atom1Feed
from pelican.contents import Article
from pelican.paginator import Paginator
from pelican.writers import Writer

from pipelines.core.config import SiteConfig
from pipelines.site.html.absolute_urls import absolute_urls
from pipelines.site.pelican.build_context import build_context, output_path
from pipelines.site.pelican.jobs import FeedJob, PageJob, Plan, plan_of


class SiteWriter(Writer):  # type: ignore[misc]  # Pelican is not typed
    """Pelican's writer that plans each page and feed instead of writing it.

    Where other plugins take part, it writes at once, with the signals that they expect.
    """

    def write_file(
        self,
        name: str,
        template: Any,
        context: dict[str, Any],
        relative_urls: bool = False,
        paginated: Mapping[str, Any] | None = None,
        template_name: str | None = None,
        override_output: bool = False,
        url: str | None = None,
        **values: Any,
    ) -> None:
        """Plan the page *name*, or each of its pages."""
        if not name:
            return
        plan = plan_of(self.settings)
        if plan.at_once:
            options = (relative_urls, paginated, template_name, override_output, url)
            super().write_file(name, _Located(template, plan.build.config), context, *options, **values)
            return
        plan.begin(context)
        given = {key: value for key, value in context.items() if plan.original.get(key) is not value}
        given |= values
        given = {key: plan.views.wrap(value) for key, value in given.items()}
        lists = (
            paginated if paginated is not None else {k: given[k] for k in ("articles", "dates") if k in given}
        )
        if not lists or template_name not in self.settings["PAGINATED_TEMPLATES"]:
            self._plan_page(plan, name, template, given, override_output)
            return
        size = self.settings["PAGINATED_TEMPLATES"][template_name] or self.settings["DEFAULT_PAGINATION"]
        paginators = {key: Paginator(name, url, value, self.settings, size) for key, value in lists.items()}
        for number in range(1, next(iter(paginators.values())).num_pages + 1):
            paged: dict[str, Any] = {}
            for key, paginator in paginators.items():
                last = paginator.num_pages
                paged[f"{key}_paginator"] = paginator
                paged[f"{key}_page"] = paginator.page(number)
                paged[f"{key}_previous_page"] = paginator.page(number - 1) if number > 1 else None
                paged[f"{key}_next_page"] = paginator.page(number + 1) if number < last else None
            save_as = next(iter(paginators.values())).page(number).save_as
            self._plan_page(plan, save_as, template, given | paged, override_output)

    def _plan_page(self, plan: Plan, name: str, template: Any, given: dict[str, Any], override: bool) -> None:
        located = location(name, given, plan.build.config, plan.original)
        plan.add(PageJob(name, template, {**given, "output_file": name, **located}), override=override)

    def write_feed(
        self,
        elements: Sequence[Article],
        context: dict[str, Any],
        path: str | None = None,
        url: str | None = None,
        feed_type: str = "atom",
        override_output: bool = False,
        feed_title: str | None = None,
    ) -> Any:
        """Plan the feed *path*; without a path, return it."""
        plan = plan_of(self.settings)
        if plan.at_once or not path:
            options = (path, url, feed_type, override_output, feed_title)
            return super().write_feed(elements, context, *options)
        plan.begin(context)
        newest = elements[: self.settings["FEED_MAX_ITEMS"]]
        for item in newest:
            plan.views.wrap(item)
        make = partial(super().write_feed, newest, context, None, url or path, feed_type, False, feed_title)
        plan.add(FeedJob(path, newest, make), override=override_output)
        return None

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
            content=absolute_urls(plan_of(self.settings).html_of(item), site.url, item.url),
            categories=[tag.name for tag in item.tags],
            author_name=", ".join(author.name for author in item.authors),
            pubdate=item.date,
            updateddate=item.modified,
            lang=item.lang,
        )


def location(
    name: str, values: Mapping[str, Any], config: SiteConfig, settings: Mapping[str, Any]
) -> dict[str, str]:
    """Return path, canonical URL and language of the page *name*, and the feed of a tag."""
    item = values.get("article") or values.get("page")
    path = output_path(name)
    found = {
        "path": path,
        "canonical": config.url + path,
        "lang": getattr(item, "lang", "") or config.lang,
    }
    if tag := values.get("tag"):
        found["feed"] = "/" + settings["TAG_FEED_ATOM"].format(slug=tag.slug)
    return found


class _Located:
    """A template with path, canonical URL and language of its page in the context."""

    def __init__(self, template: Any, config: SiteConfig) -> None:
        self.template, self.config = template, config

    def render(self, context: dict[str, Any]) -> str:
        context.update(location(context["output_file"], context, self.config, context))
        return str(self.template.render(context))


class _Feed(Atom1Feed):  # type: ignore[misc]  # feedgenerator is not typed
    as_of = 0  # seconds since 1970

    def item_attributes(self, item: Any) -> dict[str, str]:
        """Return the attributes of an entry: its language, if the feed has another."""
        return {} if item["lang"] == self.feed["language"] else {"xml:lang": item["lang"]}

    def latest_post_date(self) -> Any:
        """Return the latest change, or the build's time for a feed without posts."""
        dates = [item["updateddate"] for item in self.items]
        return max(dates) if dates else datetime.fromtimestamp(self.as_of, UTC)
