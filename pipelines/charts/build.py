"""Pack the chart that rolls out what was built, or what a rollback brings back.

Reads helm/site, for a rollback that of the release's commit, the records in out/,
out/site, the repository. Writes
out/charts/<name>-<version>.tgz, out/chart.json, and the same for a pipeline's other
jobs in out/chart.env. Starts helm. No network.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import yaml

from pipelines.charts import package, rollback_scope, values
from pipelines.core import digests, results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult, Release, VersionResult
from pipelines.tools import checkout, commits, git

CHART = "helm/site"
_STYLE = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.css")  # what `helm test` fetches of a release


def build_chart(project: Path, site: SiteConfig) -> ChartResult:
    """Pack the chart of what lies in out/ of *project*; equal inputs give equal bytes.

    Raises PipelineError for records that are missing, stale or not of one
    another; then nothing is written.
    """
    out = project / "out"
    version = results.read_version(out / "version.json")
    _check_fresh(project, version)
    if version.rollback:  # the templates of HEAD may never have passed the checks; those of the release have
        release = release_of_rollback(project, version)
        files = package.read_committed_chart(project, release.commit, CHART)
        source = f"{CHART}/values.yaml in commit {release.commit[:12]}"
    else:
        release = release_of_build(out, site, version)
        files = package.read_chart_files(project / CHART, CHART)
        source = f"{CHART}/values.yaml"
    text = files.get("values.yaml", b"").decode("utf-8", "replace")
    filled = values.set_values(text, _values(site, release, version), source)
    files["values.yaml"] = filled.encode()
    name = str(yaml.safe_load(files["Chart.yaml"])["name"])
    data = package.package_chart(files, name, version.version)
    result = release_of_chart(data)
    record = out / "chart.json"
    record.unlink(missing_ok=True)  # a kill leaves no record rather than one of another chart
    results.put(out / "charts" / f"{name}-{version.version}.tgz", data)
    results.put(out / "chart.env", _dotenv(result, production_environment(site)))
    results.write(record, result)
    return result


def production_environment(site: SiteConfig) -> str:
    """Return the address of *site* where readers find it."""
    return next((one.url for one in site.environments if one.name == "production"), site.url)


def release_of_chart(data: bytes) -> ChartResult:
    """Return what the chart with the archive *data* rolls out, as its own values say it.

    Raises PipelineError for a chart that this pipeline has not packed.
    """
    name, files = package.unpack_chart(data)
    try:
        head: dict[str, Any] = yaml.safe_load(files["Chart.yaml"])
        said: dict[str, Any] = yaml.safe_load(files["values.yaml"])
        return ChartResult(
            name=name,
            version=str(head["version"]),
            commit=said["release"]["commit"],
            digest=f"sha256:{hashlib.sha256(data).hexdigest()}",
            size=len(data),
            web=said["web"]["image"]["digest"],
            api=said["api"]["image"]["digest"],
            site=said["release"]["site"],
            asset=said["release"]["asset"],
        )
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise PipelineError(
            f"chart {name}: does not say what it rolls out; it is none of this pipeline"
        ) from None


def release_of_build(out: Path, site: SiteConfig, version: VersionResult) -> Release:
    """Return the release of what lies in *out*; raise PipelineError for parts that are not of one another."""
    tree = results.read_site(out / "site.json")
    web = _image(out, "web")
    if web.site != tree.digest:
        raise PipelineError("out/image-web.json: holds another site than out/site.json; run `make image`")
    if digests.tree_digest(out / "site") != tree.digest:
        raise PipelineError("out/site: is not what out/site.json tells of, it was changed; run `make image`")
    return Release(
        version=version.version,
        commit=version.commit,
        web=web.digest,
        api=_image(out, "api").digest if site.login else "",
        site=tree.digest,
        asset=_asset(out / "site" / "public" / "assets"),
    )


def release_of_rollback(project: Path, version: VersionResult) -> Release:
    """Return the release that *version* goes back to, as it was fetched from the archive.

    Raises PipelineError where the commit of *version* has other content than the
    commit of that release, or does not come after it: its images would not be what
    Git shows. Raises it too where the commit of that release is a rollback, whose
    chart is not that of its own tree.
    """
    release = results.read_release(project / "out" / "rollback.json")
    # A candidate and the stable version that it became are one release.
    if release.version.removesuffix("-rc") != version.rollback.removesuffix("-rc"):
        raise PipelineError(
            f"out/rollback.json: is of {release.version}, and HEAD goes back to {version.rollback};"
            f" remove it, and fetch the archive of {version.rollback}"
        )
    other = rollback_scope.differing_paths(project, release.commit, version.commit)
    if other:
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {version.rollback}, and {', '.join(other)}"
            f" {'is' if len(other) == 1 else 'are'} not as in commit {release.commit[:12]} of that release;"
            f" commit it without the trailer, or go back with `make rollback VERSION={version.rollback}`"
        )
    if not git.contains_commit(project, version.commit, release.commit):
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {version.rollback} is of commit {release.commit[:12]}, which is on"
            " another branch; name a release of this one: `python -m pipelines archive list`"
        )
    if commits.commit_trailers(project, release.commit, checkout.ROLLBACK):
        raise PipelineError(
            f"out/rollback.json: names commit {release.commit[:12]}, which is a rollback and built nothing;"
            f" run `python -m pipelines archive fetch {version.rollback}`, or `make publish`"
        )
    return release


def _check_fresh(project: Path, version: VersionResult) -> None:
    head = checkout.read_checkout(project)
    if head.commit != version.commit:
        raise PipelineError(
            f"out/version.json: is of commit {version.commit[:12]}, and HEAD is {head.commit[:12]};"
            " run `make version`"
        )
    if checkout.is_dirty(head) and not version.dirty:
        raise PipelineError("out/version.json: the tree was changed since it was written; run `make version`")


def _image(out: Path, name: str) -> results.ImageResult:
    image = results.read_image(out / f"image-{name}.json")
    if image.name != name:
        raise PipelineError(f"out/image-{name}.json: is of the image {image.name}; run `make image`")
    return image


def _asset(folder: Path) -> str:
    for path in sorted(folder.glob("*.css")):
        if _STYLE.fullmatch(path.name):
            return f"/assets/{path.name}"
    raise PipelineError(
        "out/site: has no hashed stylesheet, which a rollout is tested with; run `make build`"
    )


def _values(site: SiteConfig, release: Release, version: VersionResult) -> dict[values.Path, str | bool]:
    """Return what the chart says of this release; all else is for the cluster to say."""
    if not site.registry:
        raise PipelineError(
            "site.toml: [images] names no registry, so no node could fetch the images;"
            ' write registry = "registry.example.org/me/site"'
        )
    url = production_environment(site)
    if not url.startswith("https://"):
        raise PipelineError(f"site.toml: {url} is the address in production; write it with https://")
    api = bool(release.api)
    return {
        ("site", "name"): site.name,
        ("site", "url"): url,
        ("release", "commit"): version.commit,
        ("release", "site"): release.site,
        ("release", "asset"): release.asset,
        ("web", "image", "repository"): f"{site.registry}/web",
        ("web", "image", "digest"): release.web,
        ("api", "enabled"): api,
        ("api", "image", "repository"): f"{site.registry}/api" if api else "",
        ("api", "image", "digest"): release.api,
    }


def _dotenv(result: ChartResult, url: str) -> bytes:
    """Return what GitLab takes as variables (artifacts:reports:dotenv): a line each, nothing to quote."""
    rows = {
        "RELEASE_VERSION": result.version, "RELEASE_COMMIT": result.commit, "RELEASE_URL": url,
        "RELEASE_CHART": result.digest, "RELEASE_SITE": result.site,
        "RELEASE_WEB": result.web, "RELEASE_API": result.api,
    }  # fmt: skip
    return "".join(f"{name}={value}\n" for name, value in rows.items() if value).encode()
