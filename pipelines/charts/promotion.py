"""Make the stable chart of a candidate: the same values, another version.

Starts helm. No reads, no writes but a temporary folder, no network. Nothing is
built: what was tested is what becomes stable.
"""

from __future__ import annotations

import re

from pipelines.charts import package
from pipelines.charts.build import release_of_chart
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult

_CANDIDATE = re.compile(r"(\d+\.\d+\.\d+)-rc")


def promote_chart(candidate: bytes) -> tuple[ChartResult, bytes]:
    """Return the stable chart of the archive *candidate*, and what it rolls out.

    Equal candidates give equal bytes, whoever promotes them: a second promotion
    finds the first one's chart in its place. Raises PipelineError for a chart that
    is no candidate.
    """
    version = release_of_chart(candidate).version
    found = _CANDIDATE.fullmatch(version)
    if not found:
        raise PipelineError(f"chart {version}: is no candidate, so it cannot be promoted; name an X.Y.N-rc")
    name, files = package.unpack_chart(candidate)
    stable = package.package_chart(files, name, found[1])
    return release_of_chart(stable), stable
