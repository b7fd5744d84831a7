"""Archive a release by itself, tell what is archived, bring one back, find what nobody needs.

Reads out/. Writes the folder that a release is restored into. Network: the
archive bucket, the registry, the assets bucket.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines.archive import catalog, prune, restore, save
from pipelines.archive.record import Record
from pipelines.charts import newest
from pipelines.charts.build import release_of_chart
from pipelines.core import release_bundle, results
from pipelines.core.context import FlowContext
from pipelines.core.errors import PipelineError
from pipelines.core.release_bundle import BundledImage
from pipelines.core.results import ChartResult, Release
from pipelines.flow.publish import origin_of
from pipelines.flow.services import Services, open_services
from pipelines.publish import assets, images
from pipelines.tools import checkout, commits, cosign


def archive_release(context: FlowContext) -> tuple[str, ...]:
    """Archive what lies in out/, and return the keys that were put."""
    release = release_bundle.read_release_bundle(context.project / "out")
    with open_services(context) as at:
        archive = at.wanted_archive()
        origin = origin_of(release, archive)
        whole = tuple(images.with_remote_manifest(at.registry(one.name), one) for one in release.images)
        release = replace(release, images=whole)
        keys = tuple(assets.hashed_assets(release.site)) if release.site else ()
        context.progress.phase("archive", save.count_parts(release))
        return save.save_release(archive, release, keys, origin, context.progress.advance)[0]


def fetch_release(context: FlowContext, version: str) -> Release:
    """Write what *version* rolled out to out/rollback.json, for the chart, and return it.

    Without an archive its chart tells what it was. The commit of a *version* that
    is itself a rollback is that of the release it went back to: that one was built,
    and its chart was checked. Raises PipelineError when its images, its archive or
    its chart are gone.
    """
    with open_services(context) as at:
        archive = at.archive()
        release = (
            catalog.fetch_record(archive, version, at.registry)
            if archive
            else _released(at, context, version)
        )
        commit = release.commit
        while wanted := _went_back_to(context.project, commit):
            found = (
                catalog.read_record(archive, wanted).release if archive else _described(at, context, wanted)
            )
            commit = found.commit
        release = replace(release, commit=commit)
    results.write(context.project / "out" / "rollback.json", release)
    return release


def _went_back_to(project: Path, commit: str) -> str:
    """Return the release that *commit* goes back to; "" for none, and where this clone lacks the commit."""
    if not commits.commit_exists(project, commit):
        return ""
    return next(iter(commits.commit_trailers(project, commit, checkout.ROLLBACK)), "")


def _released(at: Services, context: FlowContext, version: str) -> Release:
    """Return what the chart of *version*, or of its candidate, rolls out, if its images are there."""
    found = _described(at, context, version)
    for name, digest in (("web", found.web), ("api", found.api)):
        if digest:
            images.complete_image(at.registry(name), BundledImage(name, digest, None))
    return Release(found.version, found.commit, found.web, found.api, found.site, found.asset)


def _described(at: Services, context: FlowContext, version: str) -> ChartResult:
    repository = context.site.chart.repository
    if not repository:
        raise PipelineError("site.toml: neither an archive nor a chart repository; set one of them")
    there = newest.chart_repository(at.web, repository, context.credentials.charts)
    names = [one for one in (version, catalog.other_form(version)) if one in there.versions()]
    if not names:
        raise PipelineError(f"{there.place}: has no chart {version}; run `make status` to see what it has")
    return release_of_chart(there.fetch(names[0]))


def releases(context: FlowContext) -> list[Record]:
    """Return the records of all archived releases, the newest first."""
    with open_services(context) as at:
        archive = at.wanted_archive()
        found = [catalog.read_record(archive, version) for version in catalog.archived_versions(archive)]
        return prune.kept_records(found, len(found))


def restore_release(context: FlowContext, version: str, folder: Path, *, push: bool) -> Record:
    """Write *version* into *folder*, and with *push* its images into the registry again."""
    with open_services(context) as at:
        archive = at.wanted_archive()
        found = catalog.read_record(archive, version)
        context.progress.phase("restore", len(found.parts))
        restore.restore_release(archive, found, folder, context.progress.advance)
        wanted = {"web": found.release.web, "api": found.release.api} if push else {}
        for name, digest in wanted.items():
            if digest:
                layout = BundledImage(name, digest, folder / "images" / name)
                image = release_bundle.with_manifest(layout, layout.path(digest).read_bytes())
                context.progress.phase(f"image {name}", len(image.blobs) + 1)
                images.send_image(at.registry(name), image, version, context.progress.advance)
                if signer := context.credentials.signer:
                    cosign.sign_manifest(at.registry(name), digest, signer)
        return found


def prune_assets(context: FlowContext, now: datetime, *, delete: bool) -> list[str]:
    """Return the keys of assets that no kept release refers to; with *delete* they are removed."""
    with open_services(context) as at:
        archive, bucket = at.wanted_archive(), at.assets()
        if bucket is None:
            raise PipelineError("site.toml: no bucket of assets; set assets under [buckets]")
        keep = context.site.buckets.keep
        keys = prune.unused_assets(bucket, archive, keep, now)
        if delete and keys:
            # Asked again: a release may have come meanwhile that refers to one of them.
            keys = sorted(set(keys) & set(prune.unused_assets(bucket, archive, keep, now)))
            bucket.remove(keys)
        return keys
