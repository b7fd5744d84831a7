"""Run the phases of a build: read, convert, plan, render, check, compress, swap.

Reads content/, theme/, pelicanconf.py and the Git history. Writes out/site and
out/site.json. No network.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from pipelines.core import digests, results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import Fault, PipelineError, SourceError
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import ALIASES, GATED, PUBLIC
from pipelines.site import conversion, page_records, rendering, unchanged
from pipelines.site.build_report import BuildReport
from pipelines.site.build_run import BuildOptions, BuildRun, has_error
from pipelines.site.cache import Cache
from pipelines.site.cached_history import read_cached_history
from pipelines.site.changed_texts import build_changed_texts
from pipelines.site.check import internal
from pipelines.site.check.consequences import Reported, missing_pages
from pipelines.site.content import documents
from pipelines.site.content.documents import Content
from pipelines.site.content.read_policy import CONTENT, missing_submodules, project_policy
from pipelines.site.converted_pages import Pages, convert_pages, link_context
from pipelines.site.html.inspect import PageFacts
from pipelines.site.images.content_images import ContentImages, read_content_images
from pipelines.site.images.hashed_name import Asset
from pipelines.site.inputs import Inputs
from pipelines.site.last_build import LastBuild, outline, readers, save_last_build
from pipelines.site.output import files, machine_files
from pipelines.site.output.compression import CompressionLevels, compress_tree, compress_variants
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.target import Target
from pipelines.site.pelican import render
from pipelines.site.pelican.build_context import BuildContext, Page, output_path
from pipelines.site.pelican.jobs import Plan
from pipelines.site.pelican.settings import url_patterns
from pipelines.site.theme.theme import Theme, read_theme
from pipelines.tools.git_repository import find_repository

T = TypeVar("T")
_Variants = tuple[bytes, bytes]
# As in build.py; the garbage of fewer objects, in each process, keeps a large site below its bound of memory.
_COLLECT_AFTER = (100_000, 10, 10)


def build_fully(
    project: Path,
    target: Target,
    run: BuildRun,
    cache: Cache,
    report: BuildReport,
    inputs: Inputs | None,
) -> SiteResult:
    """Render *project* into *target*, as ``build`` does; remember that *inputs* gave it."""
    config, options = run.config, run.options
    if inputs and (done := build_changed_texts(project, target, run, cache, report, inputs)):
        return done
    gc.set_threshold(*_COLLECT_AFTER)
    with run.phase("history"):
        history = read_cached_history(inputs.repo if inputs else find_repository(project), cache)
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
            cache=cache,
        )
        run.findings.extend(content.faults)
    with run.phase("assets"):
        images = read_content_images(project, content.files, cache)
        run.findings.extend(images.faults)
        theme, faults = read_theme(project, config, policy, cache)
        run.findings.extend(faults)
    with run.phase("convert", len(content.all_documents)):
        texts = theme.strings if theme else None
        links = link_context(content, images, config)
        pages = convert_pages(project, content, links, texts, run, cache, report)
    if theme is None:
        raise SourceError(run.final_findings(content))
    tree, raw = target.begin_tree(), target.stage / "raw"
    with run.phase("plan"):
        by_path = {page.document.path[len(CONTENT) + 1 :]: page for page in pages.published}
        context = BuildContext(config, by_path, theme.strings, theme.assets, options.as_of, options.preview)
        try:
            plan, plugins = render.plan_pages(project, settings, context, raw, cache, theme.paths)
        except PipelineError as error:
            raise run.with_findings(error, content) from None
    written = sorted(file.relative_to(raw).as_posix() for file in raw.rglob("*") if file.is_file())
    with run.phase("render", len(plan.jobs) + len(written)):
        task = rendering.RenderTask(
            plan,
            raw,
            target.stage,
            project,
            settings["THEME_TEMPLATES_OVERRIDES"],
            frozenset(config.image_hosts),
            compress=not options.preview,
            stored=not plan.at_once,
        )
        try:
            site = rendering.render_site(task, written, tree, options.workers, cache, run.progress, report)
        except PipelineError as error:
            raise run.with_findings(error, content) from None
        shutil.rmtree(raw, ignore_errors=True)
        facts = {output_path(name): found for name, found in site.facts.items()}
    with run.phase("files"):
        assets = theme.assets.published(site.assets | plan.assets)
        found_files = _write_files(project, config, tree, content, pages, images, assets, facts, options)
        run.findings.extend(found_files.faults)
        feeds = {output_path(name) for name in (*plan.jobs, *written) if not name.endswith(".html")}
    with run.phase("check"):
        urls = found_files.urls | feeds
        run.findings += _check_site(project, content, pages, facts, urls, theme, run)
        used = frozenset().union(*(page.files for page in (*pages.published, *pages.unpublished)))
        unread = documents.unread_files(content.files, used)
        run.findings += unread
        if not has_error(run.final_findings(content)):  # else what it refuses seems unused
            used |= {one.path for one in unread}
            run.findings += internal.check_unused_files(content.files, used)
        _write_aliases(tree, config, pages.published, run.findings)
        findings = run.final_findings(content)
    if has_error(findings):
        raise SourceError(findings)
    if not options.preview:
        with run.phase("compress"):
            _compress_files(tree, found_files.urls, options.workers, cache)
    with run.phase("digest"):
        normalized = tree.finish()
    cache.save()
    cache.store.prune([*conversion.stored_blobs(cache.store), *page_records.stored_blobs(cache.store)])
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
    record = results.to_json(result)
    listing = tree.listing(record)
    target.publish(record)
    remembered = inputs is not None and unchanged.remember(cache.store, target.out, inputs, listing)
    if inputs and remembered and site.checksums.keys() == plan.jobs.keys():
        last = _last_build(inputs, content, images, pages, plan, site, report, run, urls, tree, result)
        save_last_build(cache.store, target.out.name, last)
    report.phases, report.plugins = result.phases, result.plugins
    report.templates = plan.templates
    report.sources = {page.document.save_as: page.document.path for page in pages.published}
    return result


def _last_build(
    inputs: Inputs,
    content: Content,
    images: ContentImages,
    pages: Pages,
    plan: Plan,
    site: rendering.RenderedSite,
    report: BuildReport,
    run: BuildRun,
    urls: frozenset[str],
    tree: StagedTree,
    result: SiteResult,
) -> LastBuild:
    """Return what a build of other texts takes from this one."""
    return LastBuild(
        inputs=inputs.files,
        rest=inputs.rest,
        urls=pages.context.urls,
        hidden=content.hidden,
        files=content.files,
        images=images.facts,
        broken=content.broken,
        damaged=frozenset(fault.path for fault in images.faults),
        faulty=frozenset(one.path for one in run.findings),
        unpublished=tuple(one.path for one in (*content.unpublished, *content.invalid)),
        outlines={path: outline(page) for path, page in plan.build.pages.items()},
        relations=plan.views.relations(),
        readers=readers(report.reads, {name: page_records.home_of(job) for name, job in plan.jobs.items()}),
        records=site.checksums,
        other_urls=urls,
        tree=tree.files,
        result=result,
    )


def _write_files(
    project: Path,
    config: SiteConfig,
    tree: StagedTree,
    content: Content,
    pages: Pages,
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
    tree.use_directory(f"{GATED}/members")
    found.write(tree)
    return found


def _compress_files(tree: StagedTree, urls: Iterable[str], workers: int, cache: Cache) -> None:
    """Write the compressed variants of all files but the pages, which have theirs."""
    public = [url[1:] for url in urls if not url.startswith(files.MEMBERS)]
    gated = [url[1:] for url in urls if url.startswith(files.MEMBERS)]

    def variants(data: bytes, levels: CompressionLevels) -> tuple[bytes, bytes]:
        inputs = (digests.sha256_hex(data), levels.gzip, levels.brotli)
        return cache.get_or_compute("compress", inputs, lambda: compress_variants(data, levels), _Variants)

    def path(file: Path) -> str:
        return file.relative_to(tree.root).as_posix()

    for part, names in ((PUBLIC, public), (GATED, gated)):
        compress_tree(
            tree.root / part,
            workers,
            names,
            variants,
            exists=lambda file: path(file) in tree,
            write=lambda file, data: tree.write(path(file), data),
        )


def _write_aliases(
    tree: StagedTree, config: SiteConfig, pages: Sequence[Page], findings: Sequence[Fault]
) -> None:
    """Write the alias map, without the aliases of documents in which one is refused."""
    refused = {one.path for one in findings if one.check in ("alias", "address")}
    found = machine_files.alias_targets(p.document for p in pages if p.document.path not in refused)
    tree.write(ALIASES, machine_files.nginx_alias_map(found, login=config.login).encode())


def _check_site(
    project: Path,
    content: Content,
    pages: Pages,
    facts: Mapping[str, PageFacts],
    urls: frozenset[str],
    theme: Theme,
    run: BuildRun,
) -> list[Fault]:
    """Return the findings of the whole site, without those that follow from the ones so far."""
    config, reported = run.config, run.findings
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
    return found + internal.check_tag_spelling([*pages.published, *pages.unpublished])
