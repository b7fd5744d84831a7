"""Render content/ and theme/ into a tree of static files.

Reads content/, theme/, pelicanconf.py and the Git history. Writes out/site and
out/site.json. No network.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from pipelines.core import digests, results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, SourceError
from pipelines.core.progress import NoProgress, Progress
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import ALIASES, GATED, PUBLIC
from pipelines.site import workers
from pipelines.site.cache import Cache
from pipelines.site.check import internal
from pipelines.site.content import documents, scan
from pipelines.site.content.documents import Content
from pipelines.site.content.read_policy import CONTENT, THEME, ReadPolicy, missing_submodules, project_policy
from pipelines.site.html.inspect import PageFacts
from pipelines.site.html.link_rewriter import cover_url
from pipelines.site.html.links import LinkContext
from pipelines.site.html.postprocess import labels_from
from pipelines.site.images.content_images import ContentImages, read_content_images
from pipelines.site.images.hashed_name import Asset, hashed_name
from pipelines.site.output import directory_swap, files, machine_files
from pipelines.site.output.compression import compress_tree
from pipelines.site.pelican import render
from pipelines.site.pelican.build_context import BuildContext, Page, cover, output_path
from pipelines.site.pelican.settings import url_patterns
from pipelines.site.theme import assets, stylesheet
from pipelines.site.theme.assets import ThemeAssets
from pipelines.site.theme.strings import Strings, load_strings
from pipelines.tools import git_history

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """Options of one build."""

    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool = False  # include drafts and posts that are not due
    preview: bool = False  # label them, and write no compressed files
    workers: int = 1  # processes


@dataclass(slots=True)
class _BuildState:
    """The state of one build: times of its phases, faults of the sources."""

    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str, total: int = 0) -> Iterator[None]:
        self.progress.phase(name, total)
        start = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0) + perf_counter() - start, 3)

    def collect_faults(self, step: Callable[[], T]) -> T | None:
        """Return the result of *step*; record its faults and return None if it raises SourceError."""
        try:
            return step()
        except SourceError as error:
            self.faults.extend(error.faults)
            return None


def build(
    project: Path,
    out: Path,
    config: SiteConfig,
    options: BuildOptions,
    cache: Cache | None = None,
    progress: Progress | None = None,
) -> SiteResult:
    """Render *project* into the directory *out*; equal inputs give equal bytes.

    The inputs are the tree, the Git dates of its paths and ``options.as_of``.
    The result is built beside *out* and swapped with it atomically. Raises
    SourceError with all faults of the sources; *out* stays unchanged.
    """
    cache = cache or Cache()
    cache.begin_build()
    run = _BuildState(progress or NoProgress())
    with directory_swap.staging_directory(out.parent) as stage:
        history = git_history.read_history(project, CONTENT, [THEME])
        if missing := [*missing_submodules(history.index if history else None)]:
            raise SourceError(missing)  # other faults would follow from it
        settings = render.pelican_settings(project)
        policy = project_policy(project, history.index if history else None)
        with run.phase("read"):
            content = _read_content(project, config, options, settings, history, run)
            theme_paths, faults = scan.scan_files(THEME, policy)
            run.faults.extend(faults)
        with run.phase("assets"):
            images = run.collect_faults(lambda: read_content_images(project, content.files, cache))
            texts, theme = None, None
            if not faults:  # else a refused file would cause false faults in the rest of the theme
                texts = run.collect_faults(lambda: load_strings(project, theme_paths, config.lang))
                theme = run.collect_faults(lambda: _theme_assets(project, config, theme_paths, policy, cache))
        with run.phase("convert", len(content.documents)):
            link_context = _link_context(content, images, config)
            pages = _convert_documents(project, config, content, link_context, texts, options, run, cache)
            if images is not None:  # else the faults of the images are reported
                covered = [run.collect_faults(partial(_with_cover, page, link_context)) for page in pages]
                pages = [page for page in covered if page is not None]
        if run.faults or images is None or texts is None or theme is None:
            raise SourceError(run.faults)
        site_assets = _SiteAssets(images, theme, texts)
        raw = stage / "raw"
        with run.phase("render"):
            by_path = {page.document.path[len(CONTENT) + 1 :]: page for page in pages}
            render_context = BuildContext(
                config, by_path, site_assets.strings, site_assets.theme, options.as_of, options.preview
            )
            plugins = render.render_pages(project, settings, render_context, raw, cache, theme_paths)
        names = sorted(file.relative_to(raw).as_posix() for file in raw.rglob("*") if file.is_file())
        with run.phase("finish", len(names)):
            facts = workers.finish_pages(
                raw, stage, names, config.image_hosts, options.workers, cache, run.progress
            )
            shutil.rmtree(raw)
        with run.phase("files"):
            found = _write_files(project, config, stage, content, pages, site_assets, facts, options)
            feeds = frozenset(output_path(name) for name in names if not name.endswith(".html"))
        with run.phase("check"):
            warnings = _check_site(project, config, pages, facts, found | feeds, content, theme_paths)
        if not options.preview:
            with run.phase("compress"):
                compress_tree(stage / PUBLIC, options.workers)
                compress_tree(stage / GATED, options.workers)
        with run.phase("digest"):
            normalized = digests.normalize_tree(stage)
        result = SiteResult(
            digest=normalized.digest,
            as_of=options.as_of,
            drafts=options.drafts,
            pages=len(facts),
            files=normalized.files,
            bytes=normalized.bytes,
            gated=sum(path.startswith("/members/") for path in facts),
            left_out=content.left_out,
            warnings=tuple(map(str, warnings)),
            phases=run.seconds,
            plugins={name: round(seconds, 3) for name, seconds in sorted(plugins.items())},
        )
        directory_swap.swap_directory(stage, out, results.to_json(result))
    return result


@dataclass(frozen=True, slots=True)
class _SiteAssets:
    """Images, theme and strings."""

    images: ContentImages
    theme: ThemeAssets
    strings: Strings


def _read_content(
    project: Path,
    config: SiteConfig,
    options: BuildOptions,
    settings: Mapping[str, Any],
    history: git_history.History | None,
    run: _BuildState,
) -> Content:
    patterns = url_patterns(settings, config)
    content = documents.read_documents(
        project, config, patterns, history, as_of=options.as_of, drafts=options.drafts
    )
    run.faults.extend(content.faults)
    return content


def _theme_assets(
    project: Path, config: SiteConfig, paths: Sequence[str], policy: ReadPolicy, cache: Cache
) -> ThemeAssets:
    found = assets.read_theme_assets(project, paths)
    css, shown = stylesheet.build_stylesheet(project, paths, config.less_compiler, found, cache, policy)
    data = css.encode()
    found["css/site.css"] = Asset(hashed_name("site.css", data), data)
    theme = ThemeAssets(found, assets.read_inline_svgs(project, paths))
    theme.used.update(shown)
    return theme


def _link_context(content: Content, images: ContentImages | None, config: SiteConfig) -> LinkContext:
    return LinkContext(
        urls={document.path: document.url for document in content.documents},
        hidden=content.hidden,
        files=content.files,
        images=images.facts if images else {},
        broken=content.broken,
        scripts=frozenset(config.scripts),
        image_hosts=frozenset(config.image_hosts),
        frame_hosts=frozenset(config.frame_hosts),
    )


def _convert_documents(
    project: Path,
    config: SiteConfig,
    content: Content,
    link_context: LinkContext,
    texts: Strings | None,
    options: BuildOptions,
    run: _BuildState,
    cache: Cache,
) -> list[Page]:
    languages = {document.lang for document in content.documents}
    labels = {lang: labels_from(texts.for_language(lang) if texts else {}) for lang in languages}
    task = workers.ConvertTask(project, link_context, labels, config.dialect)
    done = workers.convert_documents(task, content.documents, options.workers, cache, run.progress)
    pages: list[Page] = []
    for document, outcome in zip(content.documents, done, strict=True):
        if isinstance(outcome, SourceError):
            run.faults.extend(outcome.faults)
        else:
            pages.append(Page(document, outcome, None, frozenset(outcome.files)))
    return pages


def _with_cover(page: Page, link_context: LinkContext) -> Page:
    """Return *page* with the image of its front matter; raise SourceError if that does not exist."""
    url, file = cover_url(page.document, link_context)
    if not file:
        return page
    image = cover(link_context.images.get(file), url, page.document.meta.title)
    return replace(page, cover=image, files=page.files | {file})


def _write_files(
    project: Path,
    config: SiteConfig,
    stage: Path,
    content: Content,
    pages: list[Page],
    site_assets: _SiteAssets,
    facts: Mapping[str, PageFacts],
    options: BuildOptions,
) -> frozenset[str]:
    """Write all files but the pages; return their URL paths."""
    found = files.OutputFiles()
    files.add_theme_files(found, site_assets.theme.published())
    files.add_page_files(found, project, pages, site_assets.images.assets)
    files.add_author_files(found, project, content.files)
    files.add_machine_files(found, config, pages, facts, options.as_of)
    aliases = machine_files.alias_targets(page.document for page in pages)
    (stage / ALIASES).write_text(machine_files.nginx_alias_map(aliases, login=config.login), encoding="utf-8")
    (stage / GATED / "members").mkdir(parents=True, exist_ok=True)
    return found.write(stage)


def _check_site(
    project: Path,
    config: SiteConfig,
    pages: list[Page],
    facts: Mapping[str, PageFacts],
    urls: frozenset[str],
    content: Content,
    theme_paths: Sequence[str],
) -> list[Fault]:
    """Return the warnings; raise SourceError with all faults of the built site."""
    aliases = machine_files.alias_targets(page.document for page in pages)
    site = internal.SiteLinks(
        url=config.url,
        pages=facts,
        documents={page.document.url: page for page in pages},
        files=urls,
        aliases=aliases,
        theme=theme_paths,
        login=config.login,
    )
    faults, warnings = internal.check_site(site, config, project)
    page_urls = {url.lower() for url in facts}
    for alias in sorted(alias for alias in aliases if alias.lower() in page_urls):
        owner = next(p.document for p in pages if alias in machine_files.alias_targets([p.document]))
        what = f"alias {alias} is a page already"
        faults.append(Fault(owner.path, owner.meta.line("aliases"), what, "remove the alias", "alias"))
    if faults:
        raise SourceError(faults)
    warnings += documents.unread_files(content.files, frozenset().union(*(page.files for page in pages)))
    if not content.hidden:  # an unpublished document may use them
        used = frozenset().union(*(page.files for page in pages))
        warnings += internal.check_unused_files(content.files, used)
    return sorted(warnings + internal.check_tag_spelling(pages))
