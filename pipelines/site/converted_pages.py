"""Convert all documents of a build to pages, published and unpublished ones.

Reads and writes what conversion.py does. No network.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from pipelines.core.config import SiteConfig
from pipelines.site import conversion
from pipelines.site.build_report import BuildReport
from pipelines.site.build_run import BuildRun
from pipelines.site.cache import Cache
from pipelines.site.content.document import Document
from pipelines.site.content.documents import Content
from pipelines.site.conversion import Body
from pipelines.site.html.labels import labels_from
from pipelines.site.html.link_rewriter import cover_url
from pipelines.site.html.links import LinkContext, file_url
from pipelines.site.images.content_images import ContentImages
from pipelines.site.pelican.build_context import Page, cover
from pipelines.site.reads import digest_parts
from pipelines.site.theme.strings import Strings


class Pages(Struct, frozen=True):
    """The converted documents."""

    published: list[Page]
    unpublished: list[Page]
    context: LinkContext

    @property
    def unpublished_files(self) -> frozenset[str]:
        """The URL paths of the files that only unpublished pages may need."""
        return frozenset(
            unquote(file_url(file, page.document.gated, self.context))
            for page in self.unpublished
            for file in page.files
        )


def link_context(content: Content, images: ContentImages, config: SiteConfig) -> LinkContext:
    """Return what the published documents may link to."""
    return LinkContext(
        urls={document.path: document.url for document in content.documents},
        hidden=content.hidden,
        files=content.files,
        images=images.facts,
        broken=content.broken,
        damaged=frozenset(fault.path for fault in images.faults),
        scripts=frozenset(config.scripts),
        image_hosts=frozenset(config.image_hosts),
        frame_hosts=frozenset(config.frame_hosts),
    )


def convert_pages(
    project: Path,
    content: Content,
    context: LinkContext,
    texts: Strings | None,
    run: BuildRun,
    cache: Cache,
    report: BuildReport,
    *,
    part: bool = False,
) -> Pages:
    """Convert all documents, or *part* of those of the site; *context* is what published ones may link to.

    Those that are not published may link to each other.
    """
    documents = content.all_documents
    hidden_urls = {document.path: document.url for document in content.unpublished}
    unpublished = replace(context, urls={**context.urls, **hidden_urls})
    languages = {document.lang for document in documents}
    labels = {lang: labels_from(texts.for_language(lang) if texts else {}) for lang in languages}
    task = conversion.ConvertTask(project, context, unpublished, labels, run.config.dialect)
    bodies = conversion.convert_documents(
        task, documents, run.options.workers, cache, run.progress, report, part=part
    )
    pages = Pages([], [], context)
    unbuilt = {document.path for document in (*content.unpublished, *content.invalid)}
    taken: set[str] = set()
    for document, body in zip(documents, bodies, strict=True):
        run.findings.extend(body.findings)
        page = _page(document, body, task.context_of(document), run)
        if document.path in unbuilt:
            pages.unpublished.append(page)
        elif document.url.lower() not in taken:  # a second document with this URL has a fault
            taken.add(document.url.lower())
            pages.published.append(page)
    return pages


def _page(document: Document, body: Body, context: LinkContext, run: BuildRun) -> Page:
    """Return the page of *document*, with the image that its front matter names."""
    config = run.config
    url, file = run.collect_findings(lambda: cover_url(document, context)) or ("", "")
    image = cover(context.images.get(file), url, document.meta.title) if file else None
    files = frozenset(body.facts.files) | ({file} if file else set())
    own = (
        *(document.digest, document.path, document.kind, document.url, document.slug, document.lang),
        *(document.mark, document.gated, document.modified, image),
        *(config.author, config.timezone, config.lang, config.url, config.feed_authority),
        config.metadata_extra,
    )
    digest = digest_parts((body.digest, repr(own)))
    return Page(document, body.facts, body.html, image, files, digest)
