"""Pack the chart that rolls out the built release, or the release of a rollback.

Reads helm/site (for a rollback as of the release's commit), the records in out/,
out/site, the repository. Writes out/charts/<name>-<version>.tgz, out/chart.json,
and out/chart.env for the pipeline's other jobs. Starts helm. No network.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from pipelines.charts import package, rollback_scope, values
from pipelines.charts.safe_yaml import load_yaml
from pipelines.core import digests, results
from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult, Release, VersionResult
from pipelines.core.version import stable_form
from pipelines.tools import checkout, commits, git

CHART = "helm/site"
_STYLESHEET = re.compile(r"[A-Za-z0-9._-]+\.[0-9a-f]{8}\.css")  # `helm test` fetches one


def build_chart(project: Path, site: SiteConfig) -> ChartResult:
    """Pack the chart of the release in out/ of *project*; equal inputs give equal bytes.

    Raises PipelineError for records that are missing, stale or inconsistent; then
    nothing is written.
    """
    out = project / "out"
    version = results.read_version(out / "version.json")
    _check_fresh(project, version)
    if version.rollback:  # the release's templates have passed the checks, those of HEAD perhaps not
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
    name = str(load_yaml(files["Chart.yaml"])["name"])
    data = package.package_chart(files, name, version.version)
    result = release_of_chart(data)
    record = out / "chart.json"
    record.unlink(missing_ok=True)  # so that a killed run leaves no record of another chart
    results.put(out / "charts" / f"{name}-{version.version}.tgz", data)
    results.put(out / "chart.env", _dotenv(result, production_environment(site)))
    results.write(record, result)
    return result


def production_environment(site: SiteConfig) -> str:
    """Return the URL of *site* in production."""
    return next((one.url for one in site.environments if one.name == "production"), site.url)


def release_of_chart(data: bytes) -> ChartResult:
    """Return what the chart with the archive *data* rolls out, from its own values.

    Raises PipelineError for a chart that this pipeline has not packed.
    """
    name, files = package.unpack_chart(data)
    try:
        metadata: dict[str, Any] = load_yaml(files["Chart.yaml"])
        chart: dict[str, Any] = load_yaml(files["values.yaml"])
        return ChartResult(
            name=name,
            version=str(metadata["version"]),
            commit=chart["release"]["commit"],
            digest=digests.sha256_digest(data),
            size=len(data),
            web=chart["web"]["image"]["digest"],
            api=chart["api"]["image"]["digest"],
            site=chart["release"]["site"],
            asset=chart["release"]["asset"],
        )
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        raise PipelineError(
            f"chart {name}: its values name no release; it was not packed by this pipeline"
        ) from None


def release_of_build(out: Path, site: SiteConfig, version: VersionResult) -> Release:
    """Return the release in *out*; raise PipelineError for inconsistent parts."""
    tree = results.read_site(out / "site.json")
    web = _read_image(out, "web")
    if web.site != tree.digest:
        raise PipelineError("out/image-web.json: holds another site than out/site.json; run `make image`")
    if digests.tree_digest(out / "site") != tree.digest:
        raise PipelineError("out/site: has changed since out/site.json was written; run `make image`")
    return Release(
        version=version.version,
        commit=version.commit,
        web=web.digest,
        api=_read_image(out, "api").digest if site.login else "",
        site=tree.digest,
        asset=_stylesheet_path(out / "site" / "public" / "assets"),
    )


def release_of_rollback(project: Path, version: VersionResult) -> Release:
    """Return the release that *version* goes back to, as fetched from the archive.

    Raises PipelineError where the commit of *version* differs in content from the
    commit of that release, or is not a descendant: its images would not match Git.
    Raises it too where the commit of that release is itself a rollback, whose chart
    is not of its own tree.
    """
    release = results.read_release(project / "out" / "rollback.json")
    # A candidate and the stable version that it became are one release.
    if stable_form(release.version) != stable_form(version.rollback):
        raise PipelineError(
            f"out/rollback.json: is of {release.version}, and HEAD goes back to {version.rollback};"
            f" remove it, and fetch the archive of {version.rollback}"
        )
    different = rollback_scope.differing_paths(project, release.commit, version.commit)
    if different:
        raise PipelineError(
            f"HEAD: {checkout.ROLLBACK}: {version.rollback}, and {', '.join(different)}"
            f" {'is' if len(different) == 1 else 'are'} not as in commit {release.commit[:12]} of that"
            " release; commit it without the trailer, or go back with"
            f" `make rollback VERSION={version.rollback}`"
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


def _read_image(out: Path, name: str) -> results.ImageResult:
    image = results.read_image(out / f"image-{name}.json")
    if image.name != name:
        raise PipelineError(f"out/image-{name}.json: is of the image {image.name}; run `make image`")
    return image


def _stylesheet_path(folder: Path) -> str:
    for path in sorted(folder.glob("*.css")):
        if _STYLESHEET.fullmatch(path.name):
            return f"/assets/{path.name}"
    raise PipelineError("out/site: has no hashed stylesheet, which `helm test` requires; run `make build`")


def _values(site: SiteConfig, release: Release, version: VersionResult) -> dict[values.Path, str | bool]:
    """Return the chart's values of this release; the cluster sets all others."""
    if not site.registry:
        raise PipelineError(
            "site.toml: [images] names no registry, so no node could fetch the images;"
            ' write registry = "registry.example.org/me/site"'
        )
    url = production_environment(site)
    if not url.startswith("https://"):
        raise PipelineError(f"site.toml: {url} is the URL of production; write it with https://")
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
    """Return the release as GitLab variables (artifacts:reports:dotenv), one a line, without quotes."""
    rows = {
        "RELEASE_VERSION": result.version, "RELEASE_COMMIT": result.commit, "RELEASE_URL": url,
        "RELEASE_CHART": result.digest, "RELEASE_SITE": result.site,
        "RELEASE_WEB": result.web, "RELEASE_API": result.api,
    }  # fmt: skip
    return "".join(f"{name}={value}\n" for name, value in rows.items() if value).encode()
