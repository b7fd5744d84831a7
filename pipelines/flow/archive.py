"""Save, list, fetch and restore archived releases, and prune unused assets.

Reads out/. Writes the directory that a release is restored into. Network: the
archive bucket, the registry, the assets bucket.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from pipelines.archive import catalog, prune, restore, save
from pipelines.archive.record import Record
from pipelines.charts.build import release_of_chart
from pipelines.core import release_bundle, results
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage
from pipelines.core.results import ChartResult, Release
from pipelines.flow.publish import origin_of
from pipelines.flow.services import Services, open_services
from pipelines.publish import assets, images
from pipelines.tools import checkout, commits, cosign


def archive_release(context: FlowContext) -> tuple[str, ...]:
    """Archive the release in out/, and return the keys that were put."""
    release = release_bundle.read_release_bundle(context.project / "out")
    with open_services(context) as services:
        archive = services.required_archive()
        origin = origin_of(release, archive)
        with_manifests = tuple(
            images.with_remote_manifest(services.registry(image.name), image) for image in release.images
        )
        release = replace(release, images=with_manifests)
        keys = tuple(assets.hashed_assets(release.site)) if release.site else ()
        context.progress.phase("archive", save.count_parts(release))
        return save.save_release(archive, release, keys, origin, context.progress.advance)[0]


def fetch_release(context: FlowContext, version: str) -> Release:
    """Write what *version* rolled out to out/rollback.json, for the chart, and return it.

    Without an archive it is read from the published chart. The commit of a *version*
    that is itself a rollback is that of the release it went back to, which was built
    and checked. Raises PipelineError when its images, its record or its chart are
    gone.
    """
    with open_services(context) as services:
        archive = services.archive()
        if archive:
            release = catalog.fetch_record(archive, version, services.registry)
        else:
            release = _release_from_chart(services, context.site, version)
        commit = release.commit
        while origin := _rollback_target(context.project, commit):
            if archive:
                commit = catalog.read_record(archive, origin).release.commit
            else:
                commit = _published_chart(services, context.site, origin).commit
        release = msgspec.structs.replace(release, commit=commit)
    results.write(context.project / "out" / "rollback.json", release)
    return release


def _rollback_target(project: Path, commit: str) -> str:
    """Return the release that *commit* goes back to; "" for none, and for a commit not in this clone."""
    if not commits.commit_exists(project, commit):
        return ""
    return next(iter(commits.commit_trailers(project, commit, checkout.ROLLBACK)), "")


def _release_from_chart(services: Services, site: SiteConfig, version: str) -> Release:
    """Return the release of the chart *version*; raise PipelineError when one of its images is gone."""
    chart = _published_chart(services, site, version)
    for name, digest in (("web", chart.web), ("api", chart.api)):
        if digest:
            images.complete_image(services.registry(name), BundledImage(name, digest, None))
    return Release(chart.version, chart.commit, chart.web, chart.api, chart.site, chart.asset)


def _published_chart(services: Services, site: SiteConfig, version: str) -> ChartResult:
    """Return the published chart *version*, or its candidate or stable form."""
    if not site.chart.repository:
        raise PipelineError("site.toml: neither an archive nor a chart repository; set one of them")
    charts = services.charts(site.chart.repository)
    published = charts.versions()
    forms = [form for form in (version, catalog.other_form(version)) if form in published]
    if not forms:
        raise PipelineError(
            f"{charts.location}: has no chart {version}; run `make status` to see what it has"
        )
    return release_of_chart(charts.fetch(forms[0]))


def list_releases(context: FlowContext) -> list[Record]:
    """Return the records of all archived releases, the newest first."""
    with open_services(context) as services:
        archive = services.required_archive()
        records = [catalog.read_record(archive, version) for version in catalog.archived_versions(archive)]
        return prune.last_records(records, len(records))


def restore_release(context: FlowContext, version: str, folder: Path, *, push: bool) -> Record:
    """Write *version* into *folder*; with *push*, push its images to the registry again."""
    with open_services(context) as services:
        archive = services.required_archive()
        record = catalog.read_record(archive, version)
        context.progress.phase("restore", len(record.parts))
        restore.restore_release(archive, record, folder, context.progress.advance)
        pushed = {"web": record.release.web, "api": record.release.api} if push else {}
        for name, digest in pushed.items():
            if digest:
                layout = BundledImage(name, digest, folder / "images" / name)
                image = release_bundle.with_manifest(layout, layout.path(digest).read_bytes())
                context.progress.phase(f"image {name}", len(image.blobs) + 1)
                images.send_image(services.registry(name), image, version, context.progress.advance)
                if signer := context.credentials.signer:
                    cosign.sign_manifest(services.registry(name), digest, signer)
        return record


def prune_assets(context: FlowContext, now: datetime, *, delete: bool) -> list[str]:
    """Return the keys of assets that no retained release refers to; with *delete*, remove them."""
    with open_services(context) as services:
        archive, bucket = services.required_archive(), services.assets()
        if bucket is None:
            raise PipelineError("site.toml: no bucket of assets; set assets under [buckets]")
        keep = context.site.buckets.keep
        keys = prune.unused_assets(bucket, archive, keep, now)
        if delete and keys:
            # Read again: a release that refers to one of them may have been published meanwhile.
            keys = sorted(set(keys) & set(prune.unused_assets(bucket, archive, keep, now)))
            bucket.remove(keys)
        return keys
