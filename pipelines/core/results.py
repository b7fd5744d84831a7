"""Results of the steps: frozen values that the next step reads as JSON.

Reads and writes out/<step>.json. No network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import msgspec

from pipelines.core.errors import Fault, PipelineError
from pipelines.core.files import write_atomic


class SiteResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A built site: out/site.json."""

    digest: str  # sha256 over paths and bytes of the trees and the alias map, hex
    as_of: int  # seconds since 1970, UTC; posts dated later are not due
    drafts: bool  # True: drafts and posts that are not due are in the tree
    pages: int  # HTML files, both trees
    files: int  # all files, compressed copies included
    bytes: int  # of all files
    gated: int  # HTML files of the gated tree
    left_out: tuple[str, ...]  # drafts and posts that are not due: "path: reason"
    findings: tuple[Fault, ...]  # warnings, by path and line
    phases: dict[str, float]  # seconds per phase
    plugins: dict[str, float]  # seconds per Pelican plugin


class LayerResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One layer of an image."""

    name: str  # "base", "configuration", "assets", "pages"
    digest: str  # "sha256:…" of the compressed bytes
    diff_id: str  # "sha256:…" of the archive
    size: int  # bytes, compressed


class ImageResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A packed image: out/image-<name>.json; its layout is out/images/<name>."""

    name: str  # "web" or "api"
    digest: str  # "sha256:…" of its manifest
    arch: str  # as in OCI: "amd64"
    base: str  # "sha256:…" of the manifest of its base
    site: str  # SiteResult.digest; "" for an image without a site
    size: int  # bytes of all layers, compressed
    bill: str  # "sha256:…" of the SBOM beside the layout
    layers: tuple[LayerResult, ...]


class VersionResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Version of the commit that is built: out/version.json."""

    version: str  # SemVer without "+": "1.0.412-rc", "1.0.412", "0.0.0-mr.9.31"
    kind: str  # "candidate", "stable" or "preview" (of a merge request)
    commit: str  # 40 hex digits
    time: int  # of the commit, seconds since 1970, UTC
    dirty: bool  # uncommitted changes: never published
    rollback: str  # version whose archived digests are rolled out; "" for none
    as_of: int = 0  # time of the trailer As-Of, seconds since 1970, UTC; 0 without it


class CheckResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passed check: out/checks/<name>.json."""

    name: str  # "lint", "types" or "test"
    commit: str  # 40 hex digits
    code: str  # SHA-256 of that commit without content/, 64 hex digits


class PlanResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether a commit must pass the checks before it is published: out/plan.json."""

    commit: str  # 40 hex digits
    code: str  # as in CheckResult
    baseline: str  # published commit that it is compared with; "" for none in this clone
    checks: bool  # must pass
    reason: str  # one sentence


class ChartResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A packed chart: out/chart.json; its archive is out/charts/<name>-<version>.tgz."""

    name: str  # "site"
    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    digest: str  # "sha256:…" of the archive
    size: int  # bytes
    web: str  # "sha256:…" of the manifest of the web image
    api: str  # the same of the API's; "" for a site without login
    site: str  # SiteResult.digest of the web image
    asset: str  # path of one of its hashed assets, "/assets/…"


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release as its chart and its archive record (release.json) name it."""

    version: str  # VersionResult.version of its first publication
    commit: str  # 40 hex digits
    web: str  # "sha256:…" of the manifest of the web image
    api: str  # the same of the API's; "" for a site without login
    site: str  # SiteResult.digest of the web image
    asset: str  # path of one of its hashed assets, "/assets/…"


class TargetResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was sent to one target of publishing."""

    name: str  # "image web", "assets", "archive", "chart", "index", "receiver"
    place: str  # host and path, or a bucket
    sent: tuple[str, ...]  # digests, keys and tags, in any order
    kept: int  # items that the target had already
    bytes: int  # sent
    seconds: float


class PublishResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published release: out/publish.json."""

    version: str  # VersionResult.version
    commit: str  # 40 hex digits
    digest: str  # "sha256:…" of the chart
    targets: tuple[TargetResult, ...]  # in the order of sending
    warnings: tuple[str, ...]  # failures that readers do not notice
    seconds: float
    superseded: str = ""  # newer published version with this commit: nothing was sent; else ""


class ResponseResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connections through a front door that got equal responses."""

    count: int  # connections
    version: str  # of the chart, without "+" and what follows; "" with a *fault*
    commit: str  # 40 hex digits
    site: str  # SiteResult.digest
    fault: str  # "503", "no answer within 10 s"; "" for a valid response


class PublishedResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Newest chart of the range of an environment."""

    place: str  # host and path of the repository; "" where site.toml names none
    version: str  # "" for none
    commit: str  # 40 hex digits; "" where the chart has none
    fault: str  # why it is unknown; else ""
    own: str = ""  # version of the commit of ``--wait``, where that is published too
    outranks: str = ""  # version of that commit, where *version* is newer and lacks it


class RolloutResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State of the HelmRelease of an environment."""

    attempted: str  # chart that Flux tried last, without "+" and what follows; "" for none
    deployed: str  # chart that Helm has deployed
    since: int  # end of the rollout of *deployed*, seconds since 1970, UTC; 0: unknown
    ready: bool
    failed: bool  # Flux has given up on *attempted*
    returned: bool  # *attempted* failed and was rolled back to *deployed*
    says: str  # message of the relevant condition, in one line; "" without a fault
    fault: str  # why it is unknown; else ""


class BranchResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Default branch in this clone."""

    name: str  # "main"
    commit: str  # 40 hex digits; "" without Git
    version: str  # stable version of that commit; "" where it cannot be computed
    fault: str  # why something is unknown; else ""


class EnvironmentResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Snapshot of one environment."""

    name: str  # "production" or "staging"
    url: str  # absolute, no trailing slash
    live: bool  # all connections got one version and one site
    version: str  # that they got; "" where they differ
    commit: str  # 40 hex digits; "" likewise
    site: str  # SiteResult.digest; "" likewise
    behind: int  # commits of the default branch that it lacks; -1: unknown
    ahead: int  # commits that the default branch here lacks; -1: unknown
    answers: tuple[ResponseResult, ...]  # most frequent first
    published: PublishedResult
    rollout: RolloutResult
    says: str  # summary of the differences


class WaitResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Outcome of waiting for a commit."""

    commit: str  # as given, in full where this clone has it
    live: bool  # in every environment that was waited for
    seconds: float  # waited
    fault: str  # why it is not live, and the fix; "" when it is live


class StatusResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is live, published, and in Git; not written, since it is outdated at once."""

    at: int  # seconds since 1970, UTC
    branch: BranchResult
    environments: tuple[EnvironmentResult, ...]  # in the order of site.toml
    wait: WaitResult | None  # None without ``--wait``


class StepResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Result of one step of a run, for the table."""

    name: str  # "build", "chart", "assets"
    what: str  # summary in a few words
    bytes: int  # made or sent; 0 where that does not apply
    seconds: float


class RunResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run of all steps: out/run.json."""

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
_Result = TypeVar("_Result")


def to_json(result: Result) -> str:
    """Return *result* as indented JSON with sorted keys, ending in a newline."""
    return json.dumps(msgspec.to_builtins(result), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(path: Path, result: Result) -> None:
    """Write *result* to *path*, as ``put`` does."""
    put(path, to_json(result).encode())


def put(path: Path, data: bytes) -> None:
    """Write *data* to *path*, whole or not at all, making its folder; raise PipelineError where it fails."""
    if not path.name:  # "." or "/"
        raise PipelineError(f"{path}: is a directory; name a file in it")
    try:
        write_atomic(path, data)
    except OSError as error:
        fix = "make room, or remove what is in the way"
        raise PipelineError(f"{path.name}: cannot be written ({error.strerror}); {fix}") from None


def read_site(path: Path) -> SiteResult:
    """Read a SiteResult; raise PipelineError when it is missing or invalid."""
    return _read(path, SiteResult, "make build")


def read_image(path: Path) -> ImageResult:
    """Read an ImageResult; raise PipelineError when it is missing or invalid."""
    return _read(path, ImageResult, "make image")


def read_version(path: Path) -> VersionResult:
    """Read a VersionResult; raise PipelineError when it is missing or invalid."""
    return _read(path, VersionResult, "make version")


def read_check(path: Path) -> CheckResult:
    """Read a CheckResult; raise PipelineError when it is invalid."""
    return _read(path, CheckResult, "make checks")


def read_plan(path: Path) -> PlanResult:
    """Read a PlanResult; raise PipelineError when it is invalid."""
    return _read(path, PlanResult, "make plan")


def read_chart(path: Path) -> ChartResult:
    """Read a ChartResult; raise PipelineError when it is missing or invalid."""
    return _read(path, ChartResult, "make chart")


def read_release(path: Path) -> Release:
    """Read a Release from the archive; raise PipelineError when it is missing or invalid."""
    return _read(path, Release, "python -m pipelines archive fetch VERSION")


def _read(path: Path, kind: type[_Result], command: str) -> _Result:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise PipelineError(f"{path.name}: no such file; run `{command}` first") from None
    except OSError as error:
        fix = f"remove what is in the way, and run `{command}`"
        raise PipelineError(f"{path.name}: cannot be read ({error.strerror}); {fix}") from None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise PipelineError(f"{path.name}: not written by this version; run `{command}`") from None
