"""Publish a release in the order in which its parts are needed.

Reads out/. Writes publish.json in it. Network: registry, buckets, chart
repository, Flux.

Images come first and the chart last, so that a version in the index refers only
to what exists. A killed run leaves parts that nothing refers to; the next run
finds them and continues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pipelines.archive import catalog, restore, save
from pipelines.archive.record import Record
from pipelines.charts.repository import ChartRepository
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
from pipelines.tools.s3 import Bucket


class _Publication:
    """The publication of one release, and what each target was sent so far."""

    def __init__(
        self,
        services: Services,
        release: ReleaseBundle,
        charts: ChartRepository,
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self.services, self.release, self.charts = services, release, charts
        self.progress, self.clock = progress, clock
        self.targets: list[TargetResult] = []
        self.warnings: list[str] = []
        self.superseded = ""  # PublishResult.superseded
        self.start = clock()

    def record_target(self, name: str, location: str, sent: tuple[str, ...], total: int, size: int) -> None:
        """Record what the target *name* was sent since the previous one."""
        now = self.clock()
        seconds = round(now - self.start, 3)
        self.targets.append(TargetResult(name, location, sent, total - len(sent), size, seconds))
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
            seconds=round(sum(target.seconds for target in self.targets), 3),
            superseded=self.superseded,
        )


def publish_releases(context: FlowContext, outs: Sequence[Path]) -> list[PublishResult]:
    """Publish the releases in *outs*, in turn; parts that are published already are not sent again.

    The index is awaited, and Flux notified, after all are sent: a candidate and its
    stable version wait for one index. A release whose commit a newer published
    version contains is superseded: nothing of it is sent. Raises PipelineError for
    a release that is not publishable, is published with other bytes, or is below a
    published version that lacks its commit; ToolError when a service fails or
    misses its deadline.
    """
    site, credentials = context.site, context.credentials
    for out in outs:
        (out / "publish.json").unlink(missing_ok=True)
    releases = [release_bundle.read_release_bundle(out) for out in outs]
    urls = [_repository_url(site, release) for release in releases]
    _refuse_unsigned(site, releases, credentials)
    with open_services(context) as services:
        publications = []
        for release, url in zip(releases, urls, strict=True):
            charts = services.writable_charts(url, release.chart.name)
            publications.append(_Publication(services, release, charts, context.progress, context.clock))
            publications[-1].superseded = _superseding_version(context.project, services, release, url)
        sent = [one for one in publications if not one.superseded]
        for publication in sent:
            _send(publication, credentials.signer)
        for publication in sent:
            _wait_for_index(publication, context.deadlines.index)
        if credentials.receivers and sent and releases[-1].version.kind != "preview":
            _notify_flux(sent[-1], credentials.receivers)
    published = [publication.result() for publication in publications]
    for out, result in zip(outs, published, strict=True):
        results.write(out / "publish.json", result)
    return published


def _superseding_version(project: Path, services: Services, release: ReleaseBundle, url: str) -> str:
    """Return the newer version that contains *release*, or ""; the order of previews does not matter."""
    if release.version.kind == "preview":
        return ""
    return version_order.superseding_version(project, release.version, services.charts(url))


def _repository_url(site: SiteConfig, release: ReleaseBundle) -> str:
    preview = release.version.kind == "preview"
    url = site.chart.previews if preview else site.chart.repository
    if not url:
        key = "previews" if preview else "repository"
        raise PipelineError(f"site.toml: no repository to publish to; set {key} under [chart]")
    return url


def _refuse_unsigned(site: SiteConfig, releases: Sequence[ReleaseBundle], credentials: Credentials) -> None:
    """Raise PipelineError, before anything is sent, for a chart that Flux would refuse."""
    followed = any(release.version.kind != "preview" for release in releases)
    if followed and site.chart.repository.startswith("oci://") and credentials.signer is None:
        raise PipelineError(
            "site.toml: [chart] repository is oci://, from where Flux accepts signed charts only;"
            f" set {environment.SIGNING_VARIABLES} (`python -m pipelines secrets signing` makes the pair)"
        )


def _send(publication: _Publication, signer: Signer | None) -> None:
    """Send all parts of a release, its chart last."""
    services, preview = publication.services, publication.release.version.kind == "preview"
    publication.start = publication.clock()
    bucket, archive = (None, None) if preview else (services.assets(), services.archive())
    _refuse_other_release(publication, archive)
    origin = origin_of(publication.release, archive)
    publication.release = _send_images(publication, signer)
    site = publication.release.site
    files = assets.hashed_assets(site) if site else {}
    if bucket:
        _send_assets(publication, bucket, files, archive, origin)
    if archive:
        _save_release(publication, archive, tuple(files), origin)
    if bucket and archive and files:  # a prune may have removed assets until the record was written
        assets.send_assets(bucket, files, lambda pieces: None)
    _send_chart(publication)
    _retag_images(services, publication.release)


def _refuse_other_release(publication: _Publication, archive: Bucket | None) -> None:
    """Raise PipelineError, before anything is sent, when the version is published with other bytes."""
    publication.charts.contains(publication.release.chart)
    if archive:
        save.refuse_other_release(archive, publication.release)


def origin_of(release: ReleaseBundle, archive: Bucket | None) -> Record | None:
    """Return the record of the release whose images *release* reuses, or None.

    Raises PipelineError for a rollback whose chart rolls out other images than
    the release that it names.
    """
    if not release.origin or not archive:
        return None
    record, chart = catalog.read_record(archive, release.origin), release.chart
    expected = (record.release.web, record.release.api, record.release.site)
    if release.version.rollback and (chart.web, chart.api, chart.site) != expected:
        raise PipelineError(
            f"chart {chart.version}: its images are not those of {release.version.rollback}, which it goes"
            " back to; remove out/chart.json, and publish again"
        )
    return record


def _send_images(publication: _Publication, signer: Signer | None) -> ReleaseBundle:
    release, tag = publication.release, publication.release.version.version
    counter = publication.services.client.sent_bytes
    with_manifests: list[BundledImage] = []
    for bundled in release.images:
        registry = publication.services.registry(bundled.name)
        image = images.with_remote_manifest(registry, bundled)
        before = counter.count
        publication.progress.phase(f"image {image.name}", len(image.blobs) + 1)
        sent = images.send_image(registry, image, tag, publication.progress.advance)
        if signer and cosign.sign_manifest(registry, image.digest, signer):
            sent = (*sent, cosign.signature_tag(image.digest))
        total = len(image.blobs) + 1 + bool(signer)
        location = f"{registry.location}:{tag}"
        publication.record_target(f"image {image.name}", location, sent, total, counter.count - before)
        with_manifests.append(image)
    return replace(release, images=tuple(with_manifests))


def _send_assets(
    publication: _Publication,
    bucket: Bucket,
    files: dict[str, bytes],
    archive: Bucket | None,
    origin: Record | None,
) -> None:
    if origin is not None and archive is not None:
        present = bucket.list(assets.FOLDER)
        missing = [key for key in origin.assets if key not in present]
        files = restore.restore_assets(archive, origin, missing) if missing else {}
    publication.progress.phase("assets", len(files))
    sent = assets.send_assets(bucket, files, publication.progress.advance)
    total = len(origin.assets) if origin else len(files)
    publication.record_target("assets", bucket.name, sent, total, sum(len(files[key]) for key in sent))


def _save_release(
    publication: _Publication, archive: Bucket, keys: tuple[str, ...], origin: Record | None
) -> None:
    total = save.count_parts(publication.release)
    publication.progress.phase("archive", total)
    sent, size = save.save_release(archive, publication.release, keys, origin, publication.progress.advance)
    publication.record_target("archive", archive.name, sent, max(total, len(sent)), size)


def _send_chart(publication: _Publication) -> None:
    chart, data = publication.release.chart, publication.release.package.read_bytes()
    publication.progress.phase("chart", 1)
    counter = publication.services.client.sent_bytes
    before = counter.count
    charts = publication.charts
    sent = (f"{chart.name}-{chart.version}",) if charts.put(chart, data) else ()
    publication.record_target("chart", charts.location, sent, 1, counter.count - before)


def _wait_for_index(publication: _Publication, seconds: float) -> None:
    charts = publication.charts
    if charts.indexed:
        publication.progress.phase("index", 1)
        publication.start = publication.clock()
        charts.wait_for(publication.release.chart, seconds)
        publication.record_target("index", charts.location, (), 1, 0)


def _notify_flux(publication: _Publication, receivers: tuple[Receiver, ...]) -> None:
    """Call the Receiver of each cluster; a failing one is a warning."""
    publication.progress.phase("Flux", 1)
    publication.start = publication.clock()
    client, chart = publication.services.client, publication.release.chart
    faults = [fault for one in receivers if (fault := webhook.notify_receiver(client, one, chart))]
    for fault in faults:
        publication.warnings.append(f"Flux was not notified, and finds the chart by its interval: {fault}")
    publication.record_target("receiver", "Flux", () if faults else (chart.version,), 1, 0)


def _retag_images(services: Services, release: ReleaseBundle) -> None:
    """Point the version's tags at the images of the published chart.

    The last push of a tag wins. When two runs publish other bytes as one version
    at once, the run whose chart is in the repository decides.
    """
    for image in release.images:
        registry = services.registry(image.name)
        found = registry.manifest(release.version.version)
        if found is None or found.digest != image.digest:
            images.tag_image(registry, image, release.version.version)
