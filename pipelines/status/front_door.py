"""Probe the front doors as readers reach them: ten fresh connections to each environment.

Network: /version.json of each environment. Reads the file of authorities that it
is given. No writes.

Ten, because a load balancer picks pods at random: of three pods, all ten connections
miss an old one in 17 of a thousand probes, and three connections in 296.
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
_PATTERNS = {
    "version": r"[0-9A-Za-z.-]{1,64}(\+[0-9A-Za-z.-]{1,64})?",
    "commit": r"[0-9a-f]{40}",
    "site": r"[0-9a-f]{64}",
}


def probe_front_doors(
    urls: Sequence[str], timeout: float, authority: Path | None, agent: str
) -> list[tuple[ResponseResult, ...]]:
    """Return the responses of each of *urls*, without a trailing slash; *timeout* is in seconds."""
    probed = [url + _PATH for url in urls]
    responses = fresh_connections.probe(probed, CONNECTIONS, timeout, authority, agent)
    return [count_responses(one) for one in responses]


def count_responses(responses: Sequence[ProbeResponse]) -> tuple[ResponseResult, ...]:
    """Return the distinct responses, each with its number of connections, the most frequent first."""
    counts = Counter(_parse(response) for response in responses)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ResponseResult(count, *fields) for fields, count in rows)


def agreed_response(answers: Sequence[ResponseResult]) -> ResponseResult | None:
    """Return the response that all connections got, or None."""
    return answers[0] if len(answers) == 1 and not answers[0].fault else None


def _parse(response: ProbeResponse) -> tuple[str, str, str, str]:
    """Return version, commit, site and fault."""
    if response.fault or response.status != 200:
        return "", "", "", response.fault or _format_status(response.status)
    try:
        body = json.loads(response.body)
        fields = {name: body[name] for name in _PATTERNS}
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", "", "", f"{_PATH} is not of this pipeline"
    if not any(fields.values()):
        return "", "", "", f"{_PATH} names no version: these pods are not of the chart"
    for name, pattern in _PATTERNS.items():
        if not isinstance(fields[name], str) or not re.fullmatch(pattern, fields[name]):
            return "", "", "", f"{_PATH} is not of this pipeline"
    # Flux appends the digest of an OCI chart after a "+"; versions are compared without it.
    return fields["version"].partition("+")[0], fields["commit"], fields["site"], ""


def _format_status(status: int) -> str:
    return f"{status}, a redirect" if 300 <= status < 400 else str(status)
