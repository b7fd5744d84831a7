"""Build a site again of which only texts changed: convert these, and render the pages that read them.

All else is that of the last build (last_build.py). Pelican plans only the changed posts
and those that their pages read: neighbours, related posts, the posts of a feed. Such a
plan is enough for a page if each value that it reads has the digest which the last build
has stored. Where one has not, or a text changes more than the pages that read it (what
lists show, the ids of its page, a finding), the whole site is built.

Reads the project, the store and the last site. Writes the staging directory, out/site and
the store. No network.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from pipelines.core import results
from pipelines.core.errors import PipelineError
from pipelines.core.results import SiteResult
from pipelines.core.site_tree import GATED
from pipelines.site import conversion, page_records, unchanged
from pipelines.site.build_report import BuildReport, Work, describe_read
from pipelines.site.build_run import BuildRun
from pipelines.site.cache import Cache
from pipelines.site.cached_history import read_cached_history
from pipelines.site.check import internal
from pipelines.site.content.document import read_document
from pipelines.site.content.documents import KIND_OF_FOLDER, Content
from pipelines.site.content.read_policy import CONTENT, project_policy
from pipelines.site.converted_pages import convert_pages
from pipelines.site.html.inspect import PageFacts
from pipelines.site.inputs import Inputs
from pipelines.site.last_build import LastBuild, outline, read_last_build, save_last_build
from pipelines.site.output.staged_tree import StagedTree
from pipelines.site.output.target import Target
from pipelines.site.output.tree import FileFacts, tree_path
from pipelines.site.page_records import Batch
from pipelines.site.pelican import render
from pipelines.site.pelican.build_context import BuildContext, Page, output_path
from pipelines.site.pelican.jobs import Job, PageJob, Plan
from pipelines.site.pelican.settings import url_patterns
from pipelines.site.pool import map_items
from pipelines.site.reads import Opaque, Read
from pipelines.site.rendering import Rendered, RenderTask
from pipelines.site.store import Store
from pipelines.site.stored_pages import (
    MOST_TEXTS,
    StoredPage,
    WholeSite,
    needed_documents,
    read_record,
    stored_pages,
)
from pipelines.site.theme.theme import Theme, read_theme
from pipelines.tools.git_history import History

# Inputs that are the same whatever posts are planned.
_OF_ANY_PLAN = frozenset({"template", "site", "strings", "asset", "svg"})


class _Sources(Struct, frozen=True):
    """What the texts of one build are made of."""

    project: Path
    run: BuildRun
    cache: Cache
    report: BuildReport
    last: LastBuild
    history: History | None
    settings: Mapping[str, Any]
    theme: Theme

    def pages(self, paths: Iterable[str]) -> list[Page]:
        """Read and convert the documents *paths*, relative to the project."""
        config, options = self.run.config, self.run.options
        urls = url_patterns(self.settings, config)
        documents = []
        for path in sorted(paths):
            kind = KIND_OF_FOLDER[path.split("/")[1]]
            one = read_document(
                self.project, path, config, urls, self.history, kind=kind, as_of=options.as_of
            )
            if one.document is None or one.faults:
                raise WholeSite
            documents.append(one.document)
        last = self.last
        content = Content(
            documents=tuple(documents),
            left_out=(),
            hidden=last.hidden,
            unpublished=(),
            invalid=(),
            lenient=frozenset(),
            files=last.files,
            broken=last.broken,
            faults=(),
        )
        strings, links = self.theme.strings, last.links(config)
        found = convert_pages(
            self.project, content, links, strings, self.run, self.cache, self.report, part=True
        )
        return found.published


def build_changed_texts(
    project: Path,
    target: Target,
    run: BuildRun,
    cache: Cache,
    report: BuildReport,
    inputs: Inputs,
) -> SiteResult | None:
    """Build the site of *inputs* into *target*, as ``build_fully`` does.

    None where the whole site must be built, in any directory.
    """
    last = read_last_build(cache.store, target.out.name)
    changed = last.changed_texts(inputs) if last else None
    if last is None or not changed or len(changed) > MOST_TEXTS or report.explain:
        return None
    own = BuildRun(run.config, run.options, run.progress)
    try:
        return _build(project, target, own, cache, report, inputs, last, changed)
    except (WholeSite, PipelineError):  # the build of the whole site finds what is wrong
        return None
    finally:
        shutil.rmtree(target.stage / "raw", ignore_errors=True)


def _build(
    project: Path,
    target: Target,
    run: BuildRun,
    cache: Cache,
    report: BuildReport,
    inputs: Inputs,
    last: LastBuild,
    changed: Sequence[str],
) -> SiteResult:
    store = cache.store
    with run.phase("history"):
        history = read_cached_history(inputs.repo, cache)
    with run.phase("read"):
        settings = render.pelican_settings(project)
        policy = project_policy(project, history.index if history else None)
        theme, _ = read_theme(project, run.config, policy, cache)
        if theme is None:
            raise WholeSite
        sources = _Sources(project, run, cache, report, last, history, settings, theme)
    before = set(conversion.stored_blobs(store, changed))
    with run.phase("convert", len(changed)):
        pages = _by_path(sources.pages(changed))
        if run.findings or any(outline(page) != last.outlines.get(path) for path, page in pages.items()):
            raise WholeSite
    texts: set[Read] = {("item", path) for path in pages}
    stored = stored_pages(last, store, texts)
    with run.phase("plan"):
        pages |= _by_path(sources.pages(needed_documents(last, stored) - set(changed)))
        related = {path: relations.related for path, relations in last.relations.items()}
        options = run.options
        context = BuildContext(
            run.config, pages, theme.strings, theme.assets, options.as_of, options.preview, related
        )
        plan, plugins = render.plan_pages(
            project, settings, context, target.stage / "raw", cache, theme.paths
        )
        jobs = [_same_job(plan, one, texts) for one in stored]
    with run.phase("render", len(jobs)):
        tree = target.begin_tree()
        tree.prepare(f"{tree_path(one.name)}{end}" for one in stored for end in ("", ".gz", ".br"))
        task = RenderTask(
            plan,
            target.stage / "raw",
            target.stage,
            project,
            settings["THEME_TEMPLATES_OVERRIDES"],
            frozenset(run.config.image_hosts),
            compress=not options.preview,
            stored=True,
        )
        batch, facts = Batch(store), dict[str, PageFacts]()
        rendered = map_items(task, jobs, options.workers, run.progress)
        for one, job, done in zip(stored, jobs, rendered, strict=True):
            _check_rendered(one, done, texts)
            why = f"{describe_read(min(texts & one.reads.keys()))} changed"
            batch.add(job, done.recorder[0], done.facts, done.files, done.blobs, why)
            report.rendered[one.name] = Work(why, True, done.seconds)
            if isinstance(job, PageJob):
                report.templates[one.name] = job.template.name
            if done.facts is not None:
                facts[output_path(one.name)] = done.facts
            for suffix, sha256, size in done.files:
                tree.add(f"{tree_path(one.name)}{suffix}", FileFacts(sha256, size))
    with run.phase("check"):
        _check_links(project, run, last, store, stored, facts)
    with run.phase("files"):
        _keep_others(tree, last, stored)
    with run.phase("digest"):
        normalized = tree.finish()
    batch.save()
    cache.count("render", len(jobs))
    after = {*conversion.stored_blobs(store, changed), *page_records.stored_blobs(store, batch.checksums)}
    before.update(sha256 for one in stored for _, sha256, _ in one.record.files)
    store.remove(before - after)
    result = msgspec.structs.replace(
        last.result,
        digest=normalized.digest,
        files=normalized.files,
        bytes=normalized.bytes,
        phases=run.seconds,
        plugins={name: round(seconds, 3) for name, seconds in sorted(plugins.items())},
    )
    record = results.to_json(result)
    listing = tree.listing(record)
    target.publish(record)
    if unchanged.remember(store, target.out, inputs, listing):
        new = msgspec.structs.replace(
            last,
            inputs=inputs.files,
            records={**last.records, **batch.checksums},
            tree=tree.files,
            result=result,
        )
        save_last_build(store, target.out.name, new)
    _fill(report, last, result)
    return result


def _by_path(pages: Iterable[Page]) -> dict[str, Page]:
    return {page.document.path[len(CONTENT) + 1 :]: page for page in pages}


def _same_job(plan: Plan, one: StoredPage, texts: set[Read]) -> Job:
    """Return the job of *plan* that finds what *one* has read, but other *texts*."""
    job = plan.jobs.get(one.name)
    if job is None:
        raise WholeSite
    for read, digest in one.reads.items():
        try:
            if read not in texts and plan.digest_of(job, read) != digest:
                raise WholeSite
        except Opaque:
            raise WholeSite from None
    return job


def _check_rendered(one: StoredPage, done: Rendered, texts: set[Read]) -> None:
    """Raise WholeSite if the rest of the site may depend on what *done*, with other *texts*, has changed."""
    reads, opaque = done.recorder
    if done.error or opaque:
        raise WholeSite
    for read, digest in reads.items():
        if read[0] in _OF_ANY_PLAN:
            continue
        if read not in one.reads or (read not in texts and one.reads[read] != digest):
            raise WholeSite  # a plan of some posts may not have it, and the last build does not know it
    if _assets(reads) != _assets(one.reads):
        raise WholeSite
    old, new = one.record.facts, done.facts
    if (old is None) != (new is None):
        raise WholeSite
    if old and new and ((old.ids, old.hidden) != (new.ids, new.hidden) or old.findings or new.findings):
        raise WholeSite


def _assets(reads: Iterable[Read]) -> set[str]:
    return {read[1] for read in reads if read[0] == "asset"}


def _check_links(
    project: Path,
    run: BuildRun,
    last: LastBuild,
    store: Store,
    stored: Iterable[StoredPage],
    facts: Mapping[str, PageFacts],
) -> None:
    """Raise WholeSite if a link or an image of a page is, or was, broken; *facts* are by URL path."""
    site = internal.SiteLinks(
        url=run.config.url,
        pages=_KnownPages(last, store),
        documents={},
        files=last.other_urls,
        aliases={},
        theme=(),
        login=run.config.login,
    )
    old = {output_path(one.name): one.record.facts for one in stored if one.record.facts is not None}
    if internal.has_findings(site, project, facts) or internal.has_findings(site, project, old):
        raise WholeSite


class _KnownPages(Mapping[str, PageFacts]):
    """The facts of all pages by URL path, read when a link leads to one."""

    def __init__(self, last: LastBuild, store: Store) -> None:
        self._last, self._store = last, store

    def __contains__(self, url: object) -> bool:
        name = self._name(str(url))
        return name in self._last.records and name.endswith(".html") and output_path(name) == url

    def __getitem__(self, url: str) -> PageFacts:
        facts = read_record(self._last, self._store, self._name(url)).facts
        if facts is None:
            raise KeyError(url)
        return facts

    def __iter__(self) -> Iterator[str]:
        raise WholeSite  # to suggest another link: one is broken

    def __len__(self) -> int:
        return len(self._last.records)

    @staticmethod
    def _name(url: str) -> str:
        return url[1:] + ("index.html" if url.endswith("/") else "")


def _keep_others(tree: StagedTree, last: LastBuild, stored: Iterable[StoredPage]) -> None:
    """Keep or link all files but those of *stored*."""
    replaced = {f"{tree_path(one.name)}{suffix}" for one in stored for suffix, _, _ in one.record.files}
    for path, facts in last.tree.items():
        if path in replaced:
            continue
        if not tree.keep(path, facts):
            raise WholeSite
        tree.add(path, facts)
    tree.use_directory(f"{GATED}/members")


def _fill(report: BuildReport, last: LastBuild, result: SiteResult) -> None:
    """Add to *report* what was not built again."""
    report.phases, report.plugins = result.phases, result.plugins
    for done, names in ((report.converted, (*last.urls, *last.unpublished)), (report.rendered, last.records)):
        for name in names:
            done.setdefault(name, Work("", False))
