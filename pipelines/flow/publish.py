"""Publish a release in the order in which things are needed.

Reads out/. Writes publish.json in it. Network: registry, buckets, chart
repository, Flux.

Images come first and the chart last, so that whoever finds a version in the
index finds all that it refers to. A run that is killed leaves things that
nobody refers to; the next one finds them and goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.archive import catalog, restore, save
from pipelines.archive.record import Record
from pipelines.charts import oci_repository
from pipelines.charts.helm_repository import HelmRepository
from pipelines.charts.newest import chart_repository
from pipelines.core import release_bundle, results
from pipelines.core.config import SiteConfig
from pipelines.core.context import FlowContext
from pipelines.core.credentials import Credentials, Receiver, Signer
from pipelines.core.errors import PipelineError
from pipelines.core.progress import Progress
from pipelines.core.release_bundle import BundledImage, ReleaseBundle
from pipelines.core.results import PublishResult, TargetResult
from pipelines.flow import version_order
from pipelines.flow.services import Services, open_services
from pipelines.publish import assets, images, webhook
from pipelines.tools import cosign, environment
from pipelines.tools.registry import Registry
from pipelines.tools.s3 import Bucket


class _Publication:
    """One release on its way, and what of it has been sent so far."""

    def __init__(
        self, at: Services, release: ReleaseBundle, progress: Progress, clock: Callable[[], float]
    ) -> None:
        self.at, self.release, self.progress, self.clock = at, release, progress, clock
        self.targets: list[TargetResult] = []
        self.warnings: list[str] = []
        self.superseded = ""  # PublishResult.superseded
        self.start = clock()

    def note(self, name: str, place: str, sent: tuple[str, ...], total: int, size: int) -> None:
        """Note what the target *name* was sent since the last one."""
        now = self.clock()
        seconds = round(now - self.start, 3)
        self.targets.append(TargetResult(name, place, sent, total - len(sent), size, seconds))
        self.start = now

    def result(self) -> PublishResult:
        """Return what was sent."""
        chart = self.release.chart
        return PublishResult(
            version=chart.version,
            commit=chart.commit,
            digest=chart.digest,
            targets=tuple(self.targets),
            warnings=tuple(self.warnings),
            seconds=round(sum(one.seconds for one in self.targets), 3),
            superseded=self.superseded,
        )


def publish_releases(context: FlowContext, outs: Sequence[Path]) -> list[PublishResult]:
    """Publish the releases that lie in *outs*, in turn; what is there already is not sent again.

    Once all are sent, the index is awaited and Flux is told: a candidate and its
    stable version wait for one index, not for two. A release whose commit a newer
    published version contains is superseded: nothing of it is sent. Raises
    PipelineError when something is not fit to be published, is there with other
    bytes, or is below a published version that lacks its commit, and ToolError
    when a service does not do its part in time.
    """
    site, credentials = context.site, context.credentials
    for out in outs:
        (out / "publish.json").unlink(missing_ok=True)
    releases = [release_bundle.read_release_bundle(out) for out in outs]
    places = [_place(site, release) for release in releases]
    _refuse_unsigned(site, releases, credentials)
    with open_services(context) as at:
        runs = []
        for release, place in zip(releases, places, strict=True):
            runs.append(_Publication(at, release, context.progress, context.clock))
            runs[-1].superseded = _superseded(context, at, release, place)
        sent = [(run, place) for run, place in zip(runs, places, strict=True) if not run.superseded]
        for run, place in sent:
            _send(run, site, at.charts(place, run.release.chart.name), credentials.signer)
        for run, place in sent:
            _await_index(run, at.charts(place, run.release.chart.name), context.deadlines.index)
        if credentials.receivers and sent and releases[-1].version.kind != "preview":
            _tell_flux(sent[-1][0], credentials.receivers)
    done = [run.result() for run in runs]
    for out, result in zip(outs, done, strict=True):
        results.write(out / "publish.json", result)
    return done


def _superseded(context: FlowContext, at: Services, release: ReleaseBundle, place: str) -> str:
    """Return the newer version that contains *release*, or ""; previews have no order that matters."""
    if release.version.kind == "preview":
        return ""
    there = chart_repository(at.web, place, context.credentials.charts)
    return version_order.superseding_version(context.project, release.version, there)


def _place(site: SiteConfig, release: ReleaseBundle) -> str:
    preview = release.version.kind == "preview"
    place = site.chart.previews if preview else site.chart.repository
    if not place:
        key = "previews" if preview else "repository"
        raise PipelineError(f"site.toml: nowhere to publish to; set {key} under [chart]")
    return place


def _refuse_unsigned(site: SiteConfig, releases: Sequence[ReleaseBundle], credentials: Credentials) -> None:
    """Raise PipelineError before anything is sent, where Flux would never take the chart."""
    followed = any(release.version.kind != "preview" for release in releases)
    if followed and site.chart.repository.startswith("oci://") and credentials.signer is None:
        raise PipelineError(
            "site.toml: [chart] repository is oci://, and Flux takes signed charts alone from there;"
            f" set {environment.SIGNING} (`python -m pipelines secrets signing` makes the pair)"
        )


def _send(
    run: _Publication, site: SiteConfig, charts: HelmRepository | Registry, signer: Signer | None
) -> None:
    """Send everything of a release, its chart last."""
    at, preview = run.at, run.release.version.kind == "preview"
    run.start = run.clock()
    bucket, archive = (None, None) if preview else (at.assets(), at.archive())
    _refuse_other(charts, archive, run.release)
    origin = origin_of(run.release, archive)
    run.release = _send_images(run, signer)
    files = assets.hashed_assets(run.release.site) if run.release.site else {}
    if bucket:
        _send_assets(run, bucket, files, archive, origin)
    if archive:
        _archive(run, archive, tuple(files), origin)
    if bucket and archive and files:  # those found there may have been removed until the record was written
        assets.send_assets(bucket, files, lambda pieces: None)
    _send_chart(run, charts, signer)
    _settle_tags(at, run.release)


def _refuse_other(charts: HelmRepository | Registry, archive: Bucket | None, release: ReleaseBundle) -> None:
    """Raise PipelineError before anything is sent, when the version is out with other bytes."""
    if isinstance(charts, Registry):
        oci_repository.is_published_chart(charts, release.chart)
    else:
        charts.look(release.chart)
    if archive:
        save.refuse_other_release(archive, release)


def origin_of(release: ReleaseBundle, archive: Bucket | None) -> Record | None:
    """Return the record of the release whose images are taken again, where some are.

    Raises PipelineError for a rollback whose chart rolls out other images than
    the release that it names.
    """
    if not release.origin or not archive:
        return None
    record, chart = catalog.read_record(archive, release.origin), release.chart
    wanted = (record.release.web, record.release.api, record.release.site)
    if release.version.rollback and (chart.web, chart.api, chart.site) != wanted:
        raise PipelineError(
            f"chart {chart.version}: its images are not those of {release.version.rollback}, which it goes"
            " back to; remove out/chart.json, and publish again"
        )
    return record


def _send_images(run: _Publication, signer: Signer | None) -> ReleaseBundle:
    release, tag = run.release, run.release.version.version
    whole: list[BundledImage] = []
    for one in release.images:
        registry = run.at.registry(one.name)
        image = images.with_remote_manifest(registry, one)
        before = run.at.web.meter.count
        run.progress.phase(f"image {one.name}", len(image.blobs) + 1)
        sent = images.send_image(registry, image, tag, run.progress.advance)
        if signer and cosign.sign_manifest(registry, image.digest, signer):
            sent = (*sent, cosign.signature_tag(image.digest))
        size = run.at.web.meter.count - before
        total = len(image.blobs) + 1 + bool(signer)
        run.note(f"image {one.name}", f"{registry.place}:{tag}", sent, total, size)
        whole.append(image)
    return replace(release, images=tuple(whole))


def _send_assets(
    run: _Publication, bucket: Bucket, files: dict[str, bytes], archive: Bucket | None, origin: Record | None
) -> None:
    if origin is not None and archive is not None:
        there = bucket.list(assets.FOLDER)
        lacking = [key for key in origin.assets if key not in there]
        files = restore.restore_assets(archive, origin, lacking) if lacking else {}
    run.progress.phase("assets", len(files))
    sent = assets.send_assets(bucket, files, run.progress.advance)
    total = len(origin.assets) if origin else len(files)
    run.note("assets", bucket.place.name, sent, total, sum(len(files[key]) for key in sent))


def _archive(run: _Publication, archive: Bucket, keys: tuple[str, ...], origin: Record | None) -> None:
    total = save.count_parts(run.release)
    run.progress.phase("archive", total)
    sent, size = save.save_release(archive, run.release, keys, origin, run.progress.advance)
    run.note("archive", archive.place.name, sent, max(total, len(sent)), size)


def _send_chart(run: _Publication, charts: HelmRepository | Registry, signer: Signer | None) -> None:
    chart, data = run.release.chart, run.release.package.read_bytes()
    run.progress.phase("chart", 1)
    before = run.at.web.meter.count
    if isinstance(charts, Registry):
        fresh = oci_repository.put_chart(charts, chart, data, signer)
    else:
        fresh = charts.put(chart, data)
    name = f"{chart.name}-{chart.version}"
    run.note("chart", charts.place, (name,) if fresh else (), 1, run.at.web.meter.count - before)


def _await_index(run: _Publication, charts: HelmRepository | Registry, seconds: float) -> None:
    """A registry has no index: it names a chart as soon as it has it."""
    if isinstance(charts, HelmRepository):
        run.progress.phase("index", 1)
        run.start = run.clock()
        charts.wait(run.release.chart, seconds)
        run.note("index", charts.place, (), 1, 0)


def _tell_flux(run: _Publication, hooks: tuple[Receiver, ...]) -> None:
    """Call the Receiver of each cluster; one that fails does not keep the others from being called."""
    run.progress.phase("Flux", 1)
    run.start = run.clock()
    chart = run.release.chart
    failures = [failure for hook in hooks if (failure := webhook.notify_receiver(run.at.web, hook, chart))]
    for failure in failures:
        run.warnings.append(f"Flux was not told, and finds the chart by its interval: {failure}")
    run.note("receiver", "Flux", () if failures else (chart.version,), 1, 0)


def _settle_tags(at: Services, release: ReleaseBundle) -> None:
    """Let the version's tags name the images of the chart that is out.

    Registries take a tag from whoever comes last. Of two who publish other bytes
    as one version at once, the one whose chart is in the repository decides.
    """
    for image in release.images:
        registry = at.registry(image.name)
        found = registry.manifest(release.version.version)
        if found is None or found.digest != image.digest:
            images.tag_image(registry, image, release.version.version)
