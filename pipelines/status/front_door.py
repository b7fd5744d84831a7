"""Look through the front doors, as readers do: what does each of ten strangers get?

Network: /version.json of each environment. Reads the file of authorities that it
is given. No writes.

Ten, because the pods that answer are chosen by chance: of three pods all ten miss
an old one in 17 of a thousand looks, and three connections would in 296.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipelines.core.results import ResponseResult
from pipelines.tools import fresh_connections
from pipelines.tools.fresh_connections import ProbeResponse

CONNECTIONS = 10
_PATH = "/version.json"
_FORMS = {
    "version": r"[0-9A-Za-z.-]{1,64}(\+[0-9A-Za-z.-]{1,64})?",
    "commit": r"[0-9a-f]{40}",
    "site": r"[0-9a-f]{64}",
}


def probe_front_doors(
    urls: Sequence[str], timeout: float, authority: Path | None
) -> list[tuple[ResponseResult, ...]]:
    """Return what each of *urls*, a front door without a last slash, answers; *patience* is in seconds."""
    said = fresh_connections.probe([url + _PATH for url in urls], CONNECTIONS, timeout, authority)
    return [count_responses(one) for one in said]


def count_responses(said: Sequence[ProbeResponse]) -> tuple[ResponseResult, ...]:
    """Return the different answers of *said*, each with how many gave it, the most frequent first."""
    found = Counter(_read(one) for one in said)
    rows = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ResponseResult(count, *words) for words, count in rows)


def agreed_response(answers: Sequence[ResponseResult]) -> ResponseResult | None:
    """Return what all of them say, or None."""
    return answers[0] if len(answers) == 1 and not answers[0].fault else None


def _read(said: ProbeResponse) -> tuple[str, str, str, str]:
    """Return version, commit, site and fault."""
    if said.fault or said.status != 200:
        return "", "", "", said.fault or _status(said.status)
    try:
        told = json.loads(said.body)
        found = {name: told[name] for name in _FORMS}
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", "", "", f"{_PATH} is none of this pipeline"
    if not any(found.values()):
        return "", "", "", f"{_PATH} names no version: these pods are not of the chart"
    for name, form in _FORMS.items():
        if not isinstance(found[name], str) or not re.fullmatch(form, found[name]):
            return "", "", "", f"{_PATH} is none of this pipeline"
    # Flux writes the digest of a chart from a registry behind a "+"; versions are compared without.
    return found["version"].partition("+")[0], found["commit"], found["site"], ""


def _status(status: int) -> str:
    return f"{status}, a redirect" if 300 <= status < 400 else str(status)
