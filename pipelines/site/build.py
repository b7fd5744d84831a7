"""Render content/ and theme/ into a tree of static files.

Reads content/, theme/, pelicanconf.py and the Git history. Writes out/site and
out/site.json. No network.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import TypeVar
from urllib.parse import unquote

from pipelines.core import digests, results
from pipelines.core.checks import CHECKS
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.progress import NoProgress, Progress
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import ALIASES, GATED, PUBLIC
from pipelines.site import conversion, rendering
from pipelines.site.build_report import BuildReport
from pipelines.site.cache import Cache
from pipelines.site.check import internal
from pipelines.site.check.consequences import Reported, missing_pages
from pipelines.site.content import documents
from pipelines.site.content.documents import Content, Document
from pipelines.site.content.read_policy import CONTENT, THEME, missing_submodules, project_policy
from pipelines.site.conversion import Body
from pipelines.site.html.inspect import PageFacts
from pipelines.site.html.labels import labels_from
from pipelines.site.html.link_rewriter import cover_url
from pipelines.site.html.links import LinkContext, file_url
from pipelines.site.images.content_images import ContentImages, read_content_images
from pipelines.site.images.hashed_name import Asset
from pipelines.site.output import directory_swap, files, machine_files
from pipelines.site.output.compression import CompressionLevels, compress_tree, compress_variants
from pipelines.site.pelican import render
from pipelines.site.pelican.build_context import BuildContext, Page, cover, output_path
from pipelines.site.pelican.settings import url_patterns
from pipelines.site.reads import digest_parts
from pipelines.site.theme.strings import Strings
from pipelines.site.theme.theme import Theme, read_theme
from pipelines.tools import git_history

T = TypeVar("T")
_Variants = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Options of one build."""

    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool = False  # include drafts and posts that are not due
    preview: bool = False  # label them, and write no compressed files
    workers: int = 1  # processes
    strict: bool = False  # treat warnings as errors


@dataclass(slots=True)
class _BuildState:
    """The state of one build: times of its phases, findings in the sources."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    findings: list[Fault] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[None]:
        self.progress.phase(name, total)
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + perf_counter() - start, 3)

    def collect_findings(self, step: Callable[[], T]) -> T | None:
        """Return the result of *step*; record its findings and return None if it raises SourceError."""
        try:
            return step()
        except SourceError as error:
            self.findings.extend(error.faults)
            return None


@dataclass(frozen=True, slots=True)
class _Pages:
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


def build(
    project: Path,
    out: Path,
    config: SiteConfig,
    options: BuildOptions,
    cache: Cache | None = None,
    progress: Progress | None = None,
    report: BuildReport | None = None,
) -> SiteResult:
    """Render *project* into the directory *out*; equal inputs give equal bytes.

    The inputs are the tree, the Git dates of its paths and ``options.as_of``.
    The result is built beside *out* and swapped with it atomically; it holds
    the warnings, *report* what was done and why. Raises SourceError with all
    findings if one of them is an error; *out* stays unchanged.
    """
    cache, report = cache or Cache(), report or BuildReport()
    cache.begin_build()
    run = _BuildState(progress or NoProgress())
    with directory_swap.staging_directory(out.parent) as stage:
        history = git_history.read_history(project, CONTENT, [THEME])
        if missing := [*missing_submodules(history.index if history else None)]:
            raise SourceError(missing)  # other faults would follow from it
        settings = render.pelican_settings(project)
        policy = project_policy(project, history.index if history else None)
        with run.phase("read"):
            content = documents.read_documents(
                project,
                config,
                url_patterns(settings, config),
                history,
                as_of=options.as_of,
                drafts=options.drafts,
            )
            run.findings.extend(content.faults)
        with run.phase("assets"):
            images = read_content_images(project, content.files, cache)
            run.findings.extend(images.faults)
            theme, faults = read_theme(project, config, policy, cache)
            run.findings.extend(faults)
        with run.phase("convert", len(content.documents) + len(content.unpublished)):
            texts = theme.strings if theme else None
            pages = _convert_documents(project, config, content, images, texts, options, run, cache, report)
        if theme is None:
            raise SourceError(_findings(run, config, options, content))
        raw = stage / "raw"
        raw = stage / "raw"
        with run.phase("plan"):
            by_path = {page.document.path[len(CONTENT) + 1 :]: page for page in pages.published}
            context = BuildContext(
                config, by_path, theme.strings, theme.assets, options.as_of, options.preview
            )
            try:
                plan, plugins = render.plan_pages(project, settings, context, raw, cache, theme.paths)
            except PipelineError as error:
                raise _with_findings(error, run, config, options, content) from None
        written = sorted(file.relative_to(raw).as_posix() for file in raw.rglob("*") if file.is_file())
        with run.phase("render", len(plan.jobs) + len(written)):
            task = rendering.RenderTask(
                plan,
                raw,
                stage,
                project,
                settings["THEME_TEMPLATES_OVERRIDES"],
                frozenset(config.image_hosts),
                compress=not options.preview,
                stored=not plan.at_once,
            )
            try:
                site = rendering.render_site(task, written, out, options.workers, cache, run.progress, report)
            except PipelineError as error:
                raise _with_findings(error, run, config, options, content) from None
            shutil.rmtree(raw, ignore_errors=True)
            facts = {output_path(name): found for name, found in site.facts.items()}
        with run.phase("files"):
            assets = theme.assets.published(site.assets | plan.assets)
            found_files = _write_files(project, config, stage, content, pages, images, assets, facts, options)
            run.findings.extend(found_files.faults)
            feeds = {output_path(name) for name in (*plan.jobs, *written) if not name.endswith(".html")}
        with run.phase("check"):
            urls = found_files.urls | feeds
            run.findings += _check_site(project, config, content, pages, facts, urls, theme, run.findings)
            used = frozenset().union(*(page.files for page in (*pages.published, *pages.unpublished)))
            unread = documents.unread_files(content.files, used)
            run.findings += unread
            if not _has_error(_findings(run, config, options, content)):  # else what it refuses seems unused
                used |= {one.path for one in unread}
                run.findings += internal.check_unused_files(content.files, used)
            _write_aliases(stage, config, pages.published, run.findings)
            findings = _findings(run, config, options, content)
        if _has_error(findings):
            raise SourceError(findings)
        if not options.preview:
            with run.phase("compress"):
                _compress_files(stage, found_files.urls, options, cache)
        with run.phase("digest"):
            normalized = digests.normalize_tree(stage, site.files)
        cache.save()
        cache.store.prune([*conversion.stored_blobs(cache.store), *rendering.stored_blobs(cache.store)])
        result = SiteResult(
            digest=normalized.digest,
            as_of=options.as_of,
            drafts=options.drafts,
            pages=len(facts),
            files=normalized.files,
            bytes=normalized.bytes,
            gated=sum(path.startswith("/members/") for path in facts),
            left_out=content.left_out,
            findings=findings,
            phases=run.seconds,
            plugins={name: round(seconds, 3) for name, seconds in sorted(plugins.items())},
        )
        directory_swap.swap_directory(stage, out, results.to_json(result))
        report.phases, report.plugins = result.phases, result.plugins
        report.templates = plan.templates
        report.sources = {page.document.save_as: page.document.path for page in pages.published}
    return result


def _findings(
    run: _BuildState, config: SiteConfig, options: BuildOptions, content: Content
) -> tuple[Fault, ...]:
    """Return the findings with their severities: those in drafts are warnings.

    Where drafts are shown, what could harm a reader stays an error.
    """
    drafts = {
        one.path
        for one in (*content.documents, *content.unpublished)
        if one.mark == "draft" or (one.gated and not config.login)
    }

    def is_lowered(one: Fault) -> bool:
        return one.path in drafts and (one.path in content.hidden or not CHECKS[one.check].fixed)

    lowered = (replace(one, severity="warning") if is_lowered(one) else one for one in run.findings)
    found = config.checks.apply(lowered)
    return tuple(replace(one, severity="error") for one in found) if options.strict else tuple(found)


def _with_findings(
    error: PipelineError, run: _BuildState, config: SiteConfig, options: BuildOptions, content: Content
) -> PipelineError:
    """Return the error to raise for *error* of a template or of Pelican: with all findings so far."""
    run.findings.extend(error.faults if isinstance(error, SourceError) else ())
    found = _findings(run, config, options, content)
    return SourceError(found) if _has_error(found) else error


def _has_error(findings: Sequence[Fault]) -> bool:
    return any(one.severity == "error" for one in findings)


def _link_context(content: Content, images: ContentImages, config: SiteConfig) -> LinkContext:
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


def _convert_documents(
    project: Path,
    config: SiteConfig,
    content: Content,
    images: ContentImages,
    texts: Strings | None,
    options: BuildOptions,
    run: _BuildState,
    cache: Cache,
    report: BuildReport,
) -> _Pages:
    """Convert all documents; those that are not published may link to each other."""
    documents = (*content.documents, *content.unpublished)
    context = _link_context(content, images, config)
    hidden_urls = {document.path: document.url for document in content.unpublished}
    unpublished = replace(context, urls={**context.urls, **hidden_urls})
    languages = {document.lang for document in documents}
    labels = {lang: labels_from(texts.for_language(lang) if texts else {}) for lang in languages}
    task = conversion.ConvertTask(project, context, unpublished, labels, config.dialect)
    bodies = conversion.convert_documents(task, documents, options.workers, cache, run.progress, report)
    pages = _Pages([], [], context)
    taken: set[str] = set()
    for document, body in zip(documents, bodies, strict=True):
        run.findings.extend(body.findings)
        hidden = document.path in content.hidden
        page = _page(document, body, unpublished if hidden else context, config, run)
        if hidden:
            pages.unpublished.append(page)
        elif document.url.lower() not in taken:  # a second document with this URL has a fault
            taken.add(document.url.lower())
            pages.published.append(page)
    return pages


def _page(document: Document, body: Body, context: LinkContext, config: SiteConfig, run: _BuildState) -> Page:
    """Return the page of *document*, with the image that its front matter names."""
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


def _write_files(
    project: Path,
    config: SiteConfig,
    stage: Path,
    content: Content,
    pages: _Pages,
    images: ContentImages,
    assets: Sequence[Asset],
    facts: Mapping[str, PageFacts],
    options: BuildOptions,
) -> files.OutputFiles:
    """Write all files but the pages and the alias map."""
    found = files.OutputFiles()
    files.add_theme_files(found, assets)
    files.add_page_files(found, project, pages.published, images.assets)
    files.add_author_files(found, project, content.files)
    files.add_machine_files(found, config, pages.published, facts, options.as_of)
    (stage / GATED / "members").mkdir(parents=True, exist_ok=True)
    found.write(stage)
    return found


def _compress_files(stage: Path, urls: Iterable[str], options: BuildOptions, cache: Cache) -> None:
    """Write the compressed variants of all files but the pages, which have theirs."""
    public = [url[1:] for url in urls if not url.startswith(files.MEMBERS)]
    gated = [url[1:] for url in urls if url.startswith(files.MEMBERS)]

    def variants(data: bytes, levels: CompressionLevels) -> tuple[bytes, bytes]:
        inputs = (digests.sha256_hex(data), levels.gzip, levels.brotli)
        return cache.get_or_compute("compress", inputs, lambda: compress_variants(data, levels), _Variants)

    compress_tree(stage / PUBLIC, options.workers, public, variants)
    compress_tree(stage / GATED, options.workers, gated, variants)


def _write_aliases(stage: Path, config: SiteConfig, pages: Sequence[Page], findings: Sequence[Fault]) -> None:
    """Write the alias map, without the aliases of documents in which one is refused."""
    refused = {one.path for one in findings if one.check in ("alias", "address")}
    found = machine_files.alias_targets(p.document for p in pages if p.document.path not in refused)
    (stage / ALIASES).write_text(machine_files.nginx_alias_map(found, login=config.login), encoding="utf-8")


def _check_site(
    project: Path,
    config: SiteConfig,
    content: Content,
    pages: _Pages,
    facts: Mapping[str, PageFacts],
    urls: frozenset[str],
    theme: Theme,
    reported: Sequence[Fault],
) -> list[Fault]:
    """Return the findings of the whole site, without those that follow from *reported* ones."""
    site = internal.SiteLinks(
        url=config.url,
        pages=facts,
        documents={page.document.url: page for page in pages.published},
        files=urls,
        aliases=machine_files.alias_targets(page.document for page in pages.published),
        theme=theme.paths,
        login=config.login,
        missing=missing_pages(project, content.broken, reported),
        reported=Reported(reported),
    )
    found = internal.check_site(site, config, project)
    unpublished = replace(site, files=urls | pages.unpublished_files)
    found += internal.check_unpublished(unpublished, pages.unpublished, project)
    return found + internal.check_tag_spelling(pages.published)
