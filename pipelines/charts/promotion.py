"""Make the stable chart of a candidate: the same values, another version.

Starts helm. Writes a temporary directory. No reads, no network. Nothing is built:
the tested digests become stable.
"""

from __future__ import annotations

from pipelines.charts import package
from pipelines.charts.build import release_of_chart
from pipelines.core.errors import PipelineError
from pipelines.core.results import ChartResult
from pipelines.core.version import is_candidate, stable_form


def promote_chart(candidate: bytes) -> tuple[ChartResult, bytes]:
    """Return the record and the archive of the stable chart of the archive *candidate*.

    Equal candidates give equal bytes: a second promotion finds the chart published.
    Raises PipelineError for a chart that is not a candidate.
    """
    version = release_of_chart(candidate).version
    if not is_candidate(version):
        raise PipelineError(
            f"chart {version}: is not a candidate, so it cannot be promoted; name an X.Y.N-rc"
        )
    name, files = package.unpack_chart(candidate)
    stable = package.package_chart(files, name, stable_form(version))
    return release_of_chart(stable), stable
