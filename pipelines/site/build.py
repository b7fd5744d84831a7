"""Render content/ and theme/ into a tree of static files.

Reads content/, theme/, pelicanconf.py and the history of Git. Writes the tree
that it is told (out/site) and its result beside it. No network.
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
from pipelines.site import workers as work
from pipelines.site.cache import Cache
from pipelines.site.check import internal
from pipelines.site.content import documents, scan
from pipelines.site.content.documents import Content
from pipelines.site.content.read_policy import CONTENT, THEME, ReadPolicy, missing_submodules, project_policy
from pipelines.site.html.inspect import PageFacts
from pipelines.site.html.links import LinkContext
from pipelines.site.html.postprocess import cover_url, labels_from
from pipelines.site.images.content_images import ContentImages, read_content_images
from pipelines.site.images.hashed_name import Asset, hashed_name
from pipelines.site.output import directory_swap, files, machine_files
from pipelines.site.output.compression import compress_tree
from pipelines.site.pelican import render
from pipelines.site.pelican.build_context import BuildContext, Page, cover, output_path
from pipelines.site.theme import assets, strings, stylesheet
from pipelines.site.theme.assets import ThemeAssets
from pipelines.tools import git

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What a caller decides about one build."""

    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool = False  # show drafts and posts that are not due
    preview: bool = False  # mark them, and spare what only readers need (twins)
    workers: int = 1  # processes


@dataclass(slots=True)
class _BuildState:
    """One build on its way: phases with their times, faults of the sources."""

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

    def gather(self, make: Callable[[], T]) -> T | None:
        """Return what *make* returns, or None and keep its faults for later."""
        try:
            return make()
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
    """Render *project* into the folder *out*; equal inputs give equal bytes.

    The inputs are the tree, the Git dates of its paths and ``options.as_of``.
    The tree is made beside *out* and exchanged with it in one step. Raises
    SourceError with every fault of the sources; *out* is then as it was.
    """
    cache = cache or Cache()
    cache.begin_build()
    run = _BuildState(progress or NoProgress())
    with directory_swap.staging_directory(out.parent) as stage:
        history = git.read_history(project, CONTENT, [THEME])
        if missing := [*missing_submodules(history.index if history else None)]:
            raise SourceError(missing)  # everything else would be a fault because of it
        settings = render.pelican_settings(project)
        policy = project_policy(project, history.index if history else None)
        with run.phase("read"):
            content = _read_content(project, config, options, settings, history, run)
            themed, faults = scan.scan_files(THEME, policy)
            run.faults.extend(faults)
        with run.phase("assets"):
            pictures = run.gather(lambda: read_content_images(project, content.files, cache))
            # Without a file that may not be read, the rest of the theme only looks faulty.
            words = None if faults else run.gather(lambda: strings.load_strings(project, themed, config.lang))
            theme = (
                None if faults else run.gather(lambda: _theme_assets(project, config, themed, policy, cache))
            )
        with run.phase("convert", len(content.documents)):
            around = _link_context(content, pictures, config)
            pages = _convert_documents(project, content, around, words, options, run, cache)
            if pictures is not None:  # else their own faults are told
                covered = [run.gather(partial(_with_cover, page, around)) for page in pages]
                pages = [page for page in covered if page is not None]
        if run.faults or pictures is None or words is None or theme is None:
            raise SourceError(run.faults)
        looks = _SiteAssets(pictures, theme, words)
        raw = stage / "raw"
        with run.phase("render"):
            by_path = {page.document.path[len(CONTENT) + 1 :]: page for page in pages}
            made = BuildContext(config, by_path, looks.texts, looks.theme, options.as_of, options.preview)
            plugins = render.render_pages(project, settings, made, raw, cache, themed)
        names = sorted(file.relative_to(raw).as_posix() for file in raw.rglob("*") if file.is_file())
        with run.phase("finish", len(names)):
            facts = work.finish_pages(raw, stage, names, options.workers, cache, run.progress)
            shutil.rmtree(raw)
        with run.phase("files"):
            found = _write_files(project, config, stage, content, pages, looks, facts, options)
            feeds = frozenset(output_path(name) for name in names if not name.endswith(".html"))
        with run.phase("check"):
            warnings = _check_site(project, config, pages, facts, found | feeds, content, themed)
        if not options.preview:
            with run.phase("compress"):
                compress_tree(stage / PUBLIC, options.workers)
                compress_tree(stage / GATED, options.workers)
        with run.phase("digest"):
            sealed = digests.normalize_tree(stage)
        result = SiteResult(
            digest=sealed.digest,
            as_of=options.as_of,
            drafts=options.drafts,
            pages=len(facts),
            files=sealed.files,
            bytes=sealed.bytes,
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
    """Everything that is not a page."""

    pictures: ContentImages
    theme: ThemeAssets
    texts: strings.Strings


def _read_content(
    project: Path,
    config: SiteConfig,
    options: BuildOptions,
    settings: Mapping[str, Any],
    history: git.History | None,
    run: _BuildState,
) -> Content:
    patterns = render.url_patterns(settings)
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


def _link_context(content: Content, pictures: ContentImages | None, config: SiteConfig) -> LinkContext:
    return LinkContext(
        urls={document.path: document.url for document in content.documents},
        hidden=content.hidden,
        files=content.files,
        pictures=pictures.facts if pictures else {},
        broken=content.broken,
        scripts=frozenset(config.scripts),
    )


def _convert_documents(
    project: Path,
    content: Content,
    around: LinkContext,
    words: strings.Strings | None,
    options: BuildOptions,
    run: _BuildState,
    cache: Cache,
) -> list[Page]:
    languages = {document.lang for document in content.documents}
    labels = {lang: labels_from(words.for_language(lang) if words else {}) for lang in languages}
    task = work.ConvertTask(project, around, labels)
    done = work.convert_documents(task, content.documents, options.workers, cache, run.progress)
    pages: list[Page] = []
    for document, outcome in zip(content.documents, done, strict=True):
        if isinstance(outcome, SourceError):
            run.faults.extend(outcome.faults)
        else:
            pages.append(Page(document, outcome, None, frozenset(outcome.files)))
    return pages


def _with_cover(page: Page, around: LinkContext) -> Page:
    """Return *page* with the picture that its author names; raise SourceError if there is none."""
    url, file = cover_url(page.document, around)
    if not file:
        return page
    picture = cover(around.pictures.get(file), url, page.document.meta.title)
    return replace(page, cover=picture, files=page.files | {file})


def _write_files(
    project: Path,
    config: SiteConfig,
    stage: Path,
    content: Content,
    pages: list[Page],
    looks: _SiteAssets,
    facts: Mapping[str, PageFacts],
    options: BuildOptions,
) -> frozenset[str]:
    """Write every file that is no page; return their URL paths."""
    found = files.OutputFiles()
    files.add_theme_files(found, looks.theme.published())
    files.add_page_files(found, project, pages, looks.pictures.assets)
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
    themed: Sequence[str],
) -> list[Fault]:
    """Return the warnings; raise SourceError with every fault of the finished site."""
    aliases = machine_files.alias_targets(page.document for page in pages)
    site = internal.SiteLinks(
        url=config.url,
        pages=facts,
        documents={page.document.url: page for page in pages},
        files=urls,
        aliases=aliases,
        theme=themed,
        login=config.login,
    )
    faults, warnings = internal.check_site(site, config, project)
    taken = {url.lower() for url in facts}
    for alias in sorted(alias for alias in aliases if alias.lower() in taken):
        owner = next(p.document for p in pages if alias in machine_files.alias_targets([p.document]))
        what = f"alias {alias} is a page already"
        faults.append(Fault(owner.path, owner.meta.line("aliases"), what, "remove the alias"))
    if faults:
        raise SourceError(faults)
    if not content.hidden:  # what a draft shows is not unused
        used = frozenset().union(*(page.files for page in pages))
        warnings += internal.check_unused_files(content.files, used)
    return sorted(warnings + internal.check_tag_spelling(pages))
