"""Make the stable chart of a candidate: the same values, another version.

Starts helm. No reads, no writes but a temporary folder, no network. Nothing is
built: what was tested is what becomes stable.
"""

from __future__ import annotations

import re

from pipelines.chart import archive
from pipelines.chart.pack import described
from pipelines.errors import PipelineError
from pipelines.results import ChartResult

_CANDIDATE = re.compile(r"(\d+\.\d+\.\d+)-rc")


def promote(candidate: bytes) -> tuple[ChartResult, bytes]:
    """Return the stable chart of the archive *candidate*, and what it rolls out.

    Equal candidates give equal bytes, whoever promotes them: a second promotion
    finds the first one's chart in its place. Raises PipelineError for a chart that
    is no candidate.
    """
    version = described(candidate).version
    found = _CANDIDATE.fullmatch(version)
    if not found:
        raise PipelineError(f"chart {version}: is no candidate, so it cannot be promoted; name an X.Y.N-rc")
    name, files = archive.unpack(candidate)
    stable = archive.pack(files, name, found[1])
    return described(stable), stable
