"""Ask Flux how far it is: the HelmRelease of the cluster that a kubeconfig leads to.

Starts kubectl, which reads the kubeconfig and asks the cluster. No writes.

What the fields mean is told in Flux's "HelmRelease" (docs/spec/v2/helmreleases.md of
helm-controller, sections "History" and "Conditions"); that a condition's time
changes with its message, in the package runtime/conditions of fluxcd/pkg.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pipelines.core.config import Environment, SiteConfig
from pipelines.core.errors import ToolError
from pipelines.core.results import RolloutResult
from pipelines.tools import shell

NO_KUBECONFIG, OTHER = "no kubeconfig", "the kubeconfig is of"
_NOTHING = RolloutResult("", "", 0, False, False, False, "", "")
_LONGEST = 240  # letters of a message: helm's may have pages


def read_rollout(site: SiteConfig, kubeconfig: str, timeout: float) -> dict[str, RolloutResult]:
    """Return what the HelmRelease tells, by the name of each environment of *site*.

    *kubeconfig* is what KUBECONFIG may hold, "" for none. It leads to one cluster:
    the address in the HelmRelease's values says which environment that is.
    *patience* is in seconds. What goes wrong is told in the results.
    """
    names = [one.name for one in site.environments]
    if not kubeconfig:
        return dict.fromkeys(names, replace(_NOTHING, fault=NO_KUBECONFIG))
    words = ["kubectl", "get", "helmrelease", "site", "-n", "site", "-o", "json"]
    words.append(f"--request-timeout={max(timeout, 1):.0f}s")
    try:
        said = shell.run_program(words, timeout=timeout + 2, env={"KUBECONFIG": kubeconfig})
        url, found = parse_release(said)
    except ToolError as error:
        return dict.fromkeys(names, replace(_NOTHING, fault=_line(_last(str(error)))))
    return {one.name: _own(one, url, found, alone=len(names) == 1) for one in site.environments}


def _last(message: str) -> str:
    """Return the last line: kubectl logs each try before it, and says at the end what came of them."""
    name, _, rest = message.partition(": ")
    return f"{name}: {rest.splitlines()[-1]}" if rest else message


def _own(one: Environment, url: str, found: RolloutResult, *, alone: bool) -> RolloutResult:
    if url == one.url or (alone and not url):
        return found
    return replace(_NOTHING, fault=f"{OTHER} {url or 'another cluster'}")


def parse_release(said: bytes) -> tuple[str, RolloutResult]:
    """Return the site's address in a HelmRelease, and what that tells; raise ToolError for anything else."""
    try:
        told = json.loads(said)
        spec, status = _map(told["spec"]), _map(told.get("status"))
        conditions = {str(row["type"]): _map(row) for row in status.get("conditions") or ()}
        history = [_map(row) for row in status.get("history") or ()]
        url = str(_map(_map(spec.get("values")).get("site")).get("url") or "").rstrip("/")
        return url, _described(spec, status, conditions, history)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ToolError("kubectl: what it gave is no HelmRelease") from None


def _described(
    spec: Mapping[str, Any],
    status: Mapping[str, Any],
    conditions: Mapping[str, Mapping[str, Any]],
    history: list[Mapping[str, Any]],
) -> RolloutResult:
    def holds(name: str, value: str = "True") -> bool:
        return str(conditions.get(name, {}).get("status")) == value

    attempted = _plain(status.get("lastAttemptedRevision"))
    running = [_plain(row.get("chartVersion")) for row in history if row.get("status") == "deployed"]
    deployed = running[0] if running else ""
    ready = holds("Ready") and not holds("Reconciling")
    # A condition stays until the next attempt has ended: while one runs, it tells of the one before.
    trying = holds("Reconciling") and conditions["Reconciling"].get("reason") == "Progressing"
    return RolloutResult(
        attempted=attempted,
        deployed=deployed,
        since=_since(conditions.get("Released", {}), deployed),
        ready=ready,
        failed=holds("Stalled") or (holds("Remediated", "False") and not trying),
        returned=holds("Remediated") and not trying and deployed not in ("", attempted),
        says=_says(spec, conditions, ready),
        fault="",
    )


def _since(released: Mapping[str, Any], deployed: str) -> int:
    """Return when the rollout of *deployed* ended, in seconds since 1970; 0 where that is not told.

    The time when helm began is in the history as well; readers saw the old site then.
    """
    message = str(released.get("message")).replace("+", " ").split()
    if str(released.get("status")) != "True" or not any(word.endswith(f"@{deployed}") for word in message):
        return 0
    return int(datetime.fromisoformat(str(released.get("lastTransitionTime"))).timestamp())


def _says(spec: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]], ready: bool) -> str:
    """Return what keeps the release from being well: the cause first, which Ready forgets on a rollback."""
    if spec.get("suspend"):
        return "it is suspended"
    if ready:
        return ""
    wanted = (
        ("Reconciling", "True"), ("Released", "False"), ("TestSuccess", "False"),
        ("Remediated", "True"), ("Remediated", "False"), ("Stalled", "True"),
    )  # fmt: skip
    found = [conditions[name] for name, value in wanted if conditions.get(name, {}).get("status") == value]
    found = found or [conditions.get("Ready", {})]
    said = [_line(str(one.get("message") or one.get("reason") or "")) for one in found]
    return "; ".join(dict.fromkeys(text for text in said if text)) or "nothing yet"


def _plain(version: object) -> str:
    """Return *version* without the digest that Flux writes behind a "+" for charts of a registry."""
    return str(version or "").partition("+")[0]


def _line(text: str) -> str:
    """Return *text* as one line that a terminal can show, not too long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _map(value: object) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError
    return value
