"""Archive a release by itself, tell what is archived, bring one back, find what nobody needs.

Reads out/. Writes the folder that a release is restored into. Network: the
archive bucket, the registry, the assets bucket.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from pipelines import checkout, finished, results
from pipelines.access import Access
from pipelines.archive import fetch, prune, restore, save
from pipelines.archive.record import Record
from pipelines.chart.pack import described
from pipelines.config import SiteConfig
from pipelines.errors import PipelineError
from pipelines.finished import Image
from pipelines.flow.publish import origin_of
from pipelines.flow.services import Progress, Say, Services, Times, services
from pipelines.publish import assets, images, signatures
from pipelines.results import ChartResult, Release
from pipelines.status import charts
from pipelines.tools import commits


def save_release(
    project: Path,
    site: SiteConfig,
    who: Access,
    times: Times,
    *,
    say: Say,
    progress: Progress,
) -> tuple[str, ...]:
    """Archive what lies in out/ of *project*, and return the keys that were put."""
    release = finished.read(project / "out")
    with services(site, who, times.deadline, say) as at:
        archive = at.wanted_archive()
        origin = origin_of(release, archive)
        whole = tuple(images.whole(at.registry(one.name), one) for one in release.images)
        release = replace(release, images=whole)
        keys = tuple(assets.hashed(release.site)) if release.site else ()
        progress.phase("archive", save.count(release))
        return save.save(archive, release, keys, origin, progress.advance)[0]


def fetch_release(
    project: Path, site: SiteConfig, who: Access, version: str, times: Times, say: Say
) -> Release:
    """Write what *version* rolled out to out/rollback.json of *project*, for the chart, and return it.

    Without an archive its chart tells what it was. The commit of a *version* that
    is itself a rollback is that of the release it went back to: that one was built,
    and its chart was checked. Raises PipelineError when its images, its archive or
    its chart are gone.
    """
    with services(site, who, times.deadline, say) as at:
        archive = at.archive()
        release = fetch.fetch(archive, version, at.registry) if archive else _released(at, site, who, version)
        commit = release.commit
        while wanted := _went_back_to(project, commit):
            found = fetch.record(archive, wanted).release if archive else _described(at, site, who, wanted)
            commit = found.commit
        release = replace(release, commit=commit)
    results.write(project / "out" / "rollback.json", release)
    return release


def _went_back_to(project: Path, commit: str) -> str:
    """Return the release that *commit* goes back to; "" for none, and where this clone lacks the commit."""
    if not commits.known(project, commit):
        return ""
    return next(iter(commits.trailers(project, commit, checkout.ROLLBACK)), "")


def _released(at: Services, site: SiteConfig, who: Access, version: str) -> Release:
    """Return what the chart of *version*, or of its candidate, rolls out, if its images are there."""
    found = _described(at, site, who, version)
    for name, digest in (("web", found.web), ("api", found.api)):
        if digest:
            images.complete(at.registry(name), Image(name, digest, None))
    return Release(found.version, found.commit, found.web, found.api, found.site, found.asset)


def _described(at: Services, site: SiteConfig, who: Access, version: str) -> ChartResult:
    if not site.chart.repository:
        raise PipelineError("site.toml: neither an archive nor a chart repository; set one of them")
    there = charts.reader(at.web, site.chart.repository, who.charts)
    names = [one for one in (version, fetch.twin(version)) if one in there.versions()]
    if not names:
        raise PipelineError(f"{there.place}: has no chart {version}; run `make status` to see what it has")
    return described(there.fetch(names[0]))


def releases(site: SiteConfig, who: Access, times: Times, say: Say) -> list[Record]:
    """Return the records of all archived releases, the newest first."""
    with services(site, who, times.deadline, say) as at:
        archive = at.wanted_archive()
        found = [fetch.record(archive, version) for version in fetch.versions(archive)]
        return prune.kept(found, len(found))


def restore_release(
    folder: Path,
    site: SiteConfig,
    who: Access,
    version: str,
    times: Times,
    *,
    push: bool,
    say: Say,
    progress: Progress,
) -> Record:
    """Write *version* into *folder*, and with *push* its images into the registry again."""
    with services(site, who, times.deadline, say) as at:
        archive = at.wanted_archive()
        found = fetch.record(archive, version)
        progress.phase("restore", len(found.parts))
        restore.restore(archive, found, folder, progress.advance)
        wanted = {"web": found.release.web, "api": found.release.api} if push else {}
        for name, digest in wanted.items():
            if digest:
                layout = Image(name, digest, folder / "images" / name)
                image = finished.manifest(layout, layout.path(digest).read_bytes())
                progress.phase(f"image {name}", len(image.blobs) + 1)
                images.send(at.registry(name), image, version, progress.advance)
                if who.signer:
                    signatures.sign(at.registry(name), digest, who.signer)
        return found


def prune_assets(
    site: SiteConfig,
    who: Access,
    times: Times,
    now: datetime,
    *,
    delete: bool,
    say: Say,
) -> list[str]:
    """Return the keys of assets that no kept release refers to; with *delete* they are removed."""
    with services(site, who, times.deadline, say) as at:
        archive, bucket = at.wanted_archive(), at.assets()
        if bucket is None:
            raise PipelineError("site.toml: no bucket of assets; set assets under [buckets]")
        keys = prune.unused(bucket, archive, site.buckets.keep, now)
        if delete and keys:
            # Asked again: a release may have come meanwhile that refers to one of them.
            keys = sorted(set(keys) & set(prune.unused(bucket, archive, site.buckets.keep, now)))
            bucket.remove(keys)
        return keys
