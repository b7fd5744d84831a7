"""Read the state of the HelmRelease in the cluster of a kubeconfig.

Starts kubectl, which reads the kubeconfig and requests the cluster. No writes.

The fields are documented in Flux's "HelmRelease" (docs/spec/v2/helmreleases.md of
helm-controller, sections "History" and "Conditions"). That a condition's time
changes with its message is in the package runtime/conditions of fluxcd/pkg.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from pipelines.core.config import Environment, SiteConfig
from pipelines.core.errors import ToolError
from pipelines.core.results import RolloutResult
from pipelines.tools.kubectl import run_kubectl

NO_KUBECONFIG, OTHER_CLUSTER = "no kubeconfig", "the kubeconfig is of"
_UNKNOWN = RolloutResult("", "", 0, False, False, False, "", "")
_MAX_MESSAGE = 240  # characters: helm's messages may have pages


def read_rollout(site: SiteConfig, kubeconfig: str, timeout: float) -> dict[str, RolloutResult]:
    """Return the state of the HelmRelease, by the name of each environment of *site*.

    *kubeconfig* is a value of KUBECONFIG, "" for none. It leads to one cluster:
    the site's URL in the HelmRelease's values identifies the environment.
    *timeout* is in seconds. Faults are in the results.
    """
    names = [one.name for one in site.environments]
    if not kubeconfig:
        return dict.fromkeys(names, replace(_UNKNOWN, fault=NO_KUBECONFIG))
    argv = ("get", "helmrelease", "site", "-n", "site", "-o", "json")
    try:
        url, found = parse_release(run_kubectl(argv, kubeconfig, timeout))
    except ToolError as error:
        return dict.fromkeys(names, replace(_UNKNOWN, fault=_one_line(str(error))))
    return {one.name: _of_environment(one, url, found, alone=len(names) == 1) for one in site.environments}


def _of_environment(one: Environment, url: str, found: RolloutResult, *, alone: bool) -> RolloutResult:
    if url == one.url or (alone and not url):
        return found
    return replace(_UNKNOWN, fault=f"{OTHER_CLUSTER} {url or 'another cluster'}")


def parse_release(data: bytes) -> tuple[str, RolloutResult]:
    """Return the site's URL in the JSON of a HelmRelease, and its state; raise ToolError for other JSON."""
    try:
        release = json.loads(data)
        spec, status = _mapping(release["spec"]), _mapping(release.get("status"))
        conditions = {str(row["type"]): _mapping(row) for row in status.get("conditions") or ()}
        history = [_mapping(row) for row in status.get("history") or ()]
        url = str(_mapping(_mapping(spec.get("values")).get("site")).get("url") or "").rstrip("/")
        return url, _rollout(spec, status, conditions, history)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ToolError("kubectl: its output is not a HelmRelease") from None


def _rollout(
    spec: Mapping[str, Any],
    status: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    history: list[Mapping[str, Any]],
) -> RolloutResult:
    def holds(name: str, value: str = "True") -> bool:
        return str(conditions.get(name, {}).get("status")) == value

    attempted = _without_build(status.get("lastAttemptedRevision"))
    running = [_without_build(row.get("chartVersion")) for row in history if row.get("status") == "deployed"]
    deployed = running[0] if running else ""
    ready = holds("Ready") and not holds("Reconciling")
    # A condition changes only when an attempt ends: during one, it describes the attempt before.
    trying = holds("Reconciling") and conditions["Reconciling"].get("reason") == "Progressing"
    return RolloutResult(
        attempted=attempted,
        deployed=deployed,
        since=_since(conditions.get("Released", {}), deployed),
        ready=ready,
        failed=holds("Stalled") or (holds("Remediated", "False") and not trying),
        returned=holds("Remediated") and not trying and deployed not in ("", attempted),
        says=_message(spec, conditions, ready),
        fault="",
    )


def _since(released: Mapping[str, Any], deployed: str) -> int:
    """Return when the rollout of *deployed* ended, in seconds since 1970; 0 if unknown.

    Not the time in the history: that is when helm began, and readers saw the old site.
    """
    message = str(released.get("message")).replace("+", " ").split()
    if str(released.get("status")) != "True" or not any(word.endswith(f"@{deployed}") for word in message):
        return 0
    return int(datetime.fromisoformat(str(released.get("lastTransitionTime"))).timestamp())


def _message(spec: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]], ready: bool) -> str:
    """Return why the release is not ready: the cause first, which a rollback removes from Ready."""
    if spec.get("suspend"):
        return "it is suspended"
    if ready:
        return ""
    relevant = (
        ("Reconciling", "True"), ("Released", "False"), ("TestSuccess", "False"),
        ("Remediated", "True"), ("Remediated", "False"), ("Stalled", "True"),
    )  # fmt: skip
    found = [conditions[name] for name, value in relevant if conditions.get(name, {}).get("status") == value]
    found = found or [conditions.get("Ready", {})]
    messages = [_one_line(str(one.get("message") or one.get("reason") or "")) for one in found]
    return "; ".join(dict.fromkeys(text for text in messages if text)) or "nothing yet"


def _without_build(version: object) -> str:
    """Return *version* without the digest that Flux appends after a "+" for OCI charts."""
    return str(version or "").partition("+")[0]


def _one_line(text: str) -> str:
    """Return *text* as one printable line, truncated."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…"


def _mapping(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError
    return value
