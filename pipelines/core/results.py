"""What a step hands to the next one: frozen values, kept as JSON.

Reads and writes out/<step>.json. No network.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipelines.core.errors import PipelineError


@dataclass(frozen=True, slots=True)
class SiteResult:
    """A finished static tree: out/site.json."""

    digest: str  # sha256 over paths and bytes of the trees and the alias map, hex
    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool  # True: drafts and posts that are not due are in the tree
    pages: int  # HTML files, both trees
    files: int  # all files, compressed twins included
    bytes: int  # of all files
    gated: int  # HTML files of the gated tree
    left_out: tuple[str, ...]  # drafts and posts that are not due: "path: why"
    warnings: tuple[str, ...]  # "file:line: what; what to do"
    phases: dict[str, float]  # seconds per phase
    plugins: dict[str, float]  # seconds per Pelican plugin


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer of an image."""

    name: str  # "base", "configuration", "assets", "pages"
    digest: str  # "sha256:…" of the compressed bytes
    diff_id: str  # "sha256:…" of the archive
    size: int  # bytes, compressed


@dataclass(frozen=True, slots=True)
class ImageResult:
    """A finished image: out/image-<name>.json; its layout is out/images/<name>."""

    name: str  # "web" or "api"
    digest: str  # "sha256:…" of its manifest
    arch: str  # as OCI writes it: "amd64"
    base: str  # "sha256:…" of the manifest of what it stands on
    site: str  # SiteResult.digest; "" for an image without a site
    size: int  # bytes of all layers, compressed
    bill: str  # "sha256:…" of the bill of materials beside the layout
    layers: tuple[LayerResult, ...]


@dataclass(frozen=True, slots=True)
class VersionResult:
    """What is built, by Git: out/version.json."""

    version: str  # SemVer without "+": "1.0.412-rc", "1.0.412", "0.0.0-mr.9.31"
    kind: str  # "candidate", "stable" or "preview" (of a merge request)
    commit: str  # 40 hex digits
    time: int  # of the commit, seconds since 1970, UTC
    dirty: bool  # the tree is not that of the commit: never published
    rollback: str  # the version whose archived digests are taken; "" for none
    as_of: int = 0  # what the trailer As-Of says, seconds since 1970, UTC; 0 without it


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check that has passed: out/checks/<name>.json."""

    name: str  # "lint", "types" or "test"
    commit: str  # 40 hex digits
    code: str  # id of everything in that commit but content/, 64 hex digits


@dataclass(frozen=True, slots=True)
class PlanResult:
    """Whether a commit has to pass the checks before it is published: out/plan.json."""

    commit: str  # 40 hex digits
    code: str  # as in CheckResult
    baseline: str  # the published commit that it is compared with; "" where there is none here
    checks: bool  # they have to pass
    reason: str  # in words


@dataclass(frozen=True, slots=True)
class ChartResult:
    """A packed chart: out/chart.json; its archive is out/charts/<name>-<version>.tgz."""

    name: str  # "site"
    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    digest: str  # "sha256:…" of the archive
    size: int  # bytes
    web: str  # "sha256:…" of the manifest of the web image
    api: str  # the same of the API's; "" for a site without login
    site: str  # SiteResult.digest of what the web image holds
    asset: str  # the path of one hashed asset of it, "/assets/…"


@dataclass(frozen=True, slots=True)
class Release:
    """What a release rolls out: what a chart carries, and what the archive keeps of it as release.json."""

    version: str  # VersionResult.version that it was first published under
    commit: str  # 40 hex digits
    web: str  # "sha256:…" of the manifest of the web image
    api: str  # the same of the API's; "" for a site without login
    site: str  # SiteResult.digest of what the web image holds
    asset: str  # the path of one hashed asset of it, "/assets/…"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """What one target of publishing was sent."""

    name: str  # "image web", "assets", "archive", "chart", "index", "receiver"
    place: str  # host and path, or the name of a bucket
    sent: tuple[str, ...]  # digests, keys, tags, in no promised order
    kept: int  # pieces that were there already
    bytes: int  # of what was sent
    seconds: float


@dataclass(frozen=True, slots=True)
class PublishResult:
    """A published release: out/publish.json."""

    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    digest: str  # "sha256:…" of the chart
    targets: tuple[TargetResult, ...]  # in the order in which they were served
    warnings: tuple[str, ...]  # what did not work and does not matter to readers
    seconds: float
    superseded: str = ""  # a newer published version that contains this commit: nothing was sent; else ""


@dataclass(frozen=True, slots=True)
class AnswerResult:
    """What some of the connections through a front door were answered alike."""

    count: int  # connections
    version: str  # of the chart, without what follows a "+"; "" where *fault* says why
    commit: str  # 40 hex digits
    site: str  # SiteResult.digest
    fault: str  # "503", "no answer within 10 s"; "" for an answer


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """The newest chart that an environment takes."""

    place: str  # host and path of the repository; "" where site.toml names none
    version: str  # "" for none
    commit: str  # 40 hex digits; "" where the chart does not say it
    fault: str  # why nothing is known; "" else
    own: str = ""  # the version of the commit that is asked about, where that is published here too
    outranks: str = ""  # that version, published or not, where *version* is newer and lacks the commit


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """What the HelmRelease of an environment tells."""

    attempted: str  # the chart that Flux tried last, without what follows a "+"; "" for none
    deployed: str  # the chart that helm has deployed
    since: int  # when all of *deployed* was rolled out, seconds since 1970, UTC; 0 where that is not told
    ready: bool
    failed: bool  # Flux has given *attempted* up
    returned: bool  # *attempted* failed, and *deployed* is what was there before
    says: str  # the message that matters, in one line; "" where all is well
    fault: str  # why nothing is known; "" else


@dataclass(frozen=True, slots=True)
class BranchResult:
    """The default branch, as this clone has it."""

    name: str  # "main"
    commit: str  # 40 hex digits; "" without Git
    version: str  # the stable version of that commit; "" where it cannot be counted
    fault: str  # why something is not known; "" else


@dataclass(frozen=True, slots=True)
class EnvironmentResult:
    """One environment, as it was seen."""

    name: str  # "production" or "staging"
    url: str  # absolute, no trailing slash
    live: bool  # all connections were told one version and one site
    version: str  # what they were told; "" where they differ
    commit: str  # 40 hex digits; "" likewise
    site: str  # SiteResult.digest; "" likewise
    behind: int  # commits of the default branch that it lacks; -1 where that is not known
    ahead: int  # commits that the default branch here lacks; -1 likewise
    answers: tuple[AnswerResult, ...]  # the most frequent first
    published: PublishedResult
    rollout: RolloutResult
    says: str  # how far apart they are, in words


@dataclass(frozen=True, slots=True)
class WaitResult:
    """How waiting for a commit has ended."""

    commit: str  # as it was asked for, whole where this clone has it
    live: bool  # in every environment that was asked for
    seconds: float  # that it took
    fault: str  # what keeps it away, and what to do; "" when it is live


@dataclass(frozen=True, slots=True)
class StatusResult:
    """What is live, what is published, what Git has; written nowhere, since it is old at once."""

    at: int  # seconds since 1970, UTC
    branch: BranchResult
    environments: tuple[EnvironmentResult, ...]  # in the order of site.toml
    wait: WaitResult | None  # None where nobody waited


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step of a run made."""

    name: str  # "build", "chart", "assets"
    what: str  # in a word or two
    bytes: int  # of what it made or sent; 0 where that says nothing
    seconds: float


@dataclass(frozen=True, slots=True)
class RunResult:
    """Everything in order: out/run.json."""

    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    steps: tuple[StepResult, ...]
    seconds: float


Result = (
    SiteResult
    | ImageResult
    | VersionResult
    | CheckResult
    | PlanResult
    | ChartResult
    | Release
    | PublishResult
    | StatusResult
    | RunResult
)
_Kind = TypeVar("_Kind")


def to_json(result: Result) -> str:
    """Return *result* as indented JSON with sorted keys, ending in a newline."""
    return json.dumps(asdict(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(path: Path, result: Result) -> None:
    """Write *result* to *path*, as ``put`` does."""
    put(path, to_json(result).encode())


def put(path: Path, data: bytes) -> None:
    """Write *data* to *path*, whole or not at all, making its folder; raise PipelineError where it fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(data)
        os.replace(fresh, path)
    except OSError as error:
        fix = "make room, or remove what is in the way"
        raise PipelineError(f"{path.name}: cannot be written ({error.strerror}); {fix}") from None


def read_site(path: Path) -> SiteResult:
    """Read a SiteResult; raise PipelineError when it is missing or foreign."""

    def site(data: dict[str, Any]) -> SiteResult:
        data["left_out"], data["warnings"] = tuple(data["left_out"]), tuple(data["warnings"])
        return SiteResult(**data)

    return _read(path, site, "make build")


def read_image(path: Path) -> ImageResult:
    """Read an ImageResult; raise PipelineError when it is missing or foreign."""

    def image(data: dict[str, Any]) -> ImageResult:
        data["layers"] = tuple(LayerResult(**one) for one in data["layers"])
        return ImageResult(**data)

    return _read(path, image, "make image")


def read_version(path: Path) -> VersionResult:
    """Read a VersionResult; raise PipelineError when it is missing or foreign."""
    return _read(path, lambda data: VersionResult(**data), "make version")


def read_check(path: Path) -> CheckResult:
    """Read a CheckResult; raise PipelineError when it is foreign."""
    return _read(path, lambda data: CheckResult(**data), "make checks")


def read_plan(path: Path) -> PlanResult:
    """Read a PlanResult; raise PipelineError when it is foreign."""
    return _read(path, lambda data: PlanResult(**data), "make plan")


def read_chart(path: Path) -> ChartResult:
    """Read a ChartResult; raise PipelineError when it is missing or foreign."""
    return _read(path, lambda data: ChartResult(**data), "make chart")


def read_release(path: Path) -> Release:
    """Read a Release out of the archive; raise PipelineError when it is missing or foreign."""
    return _read(path, lambda data: Release(**data), "python -m pipelines archive fetch VERSION")


def _read(path: Path, make: Callable[[dict[str, Any]], _Kind], command: str) -> _Kind:
    try:
        return make(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise PipelineError(f"{path.name}: no such file; run `{command}` first") from None
    except (ValueError, TypeError, KeyError):
        raise PipelineError(f"{path.name}: not written by this version; run `{command}`") from None
