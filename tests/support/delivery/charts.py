"""The chart of a project, packed, for tests of `chart`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.charts import package
from pipelines.charts.build import build_chart
from pipelines.core import config
from pipelines.core.results import ChartResult
from tests.support import fast_yaml
from tests.support.delivery.projects import ready
from tests.support.project import ROOT
from tests.support.tools import need

VALUES = (ROOT / "helm/site/values.yaml").read_text()


def packed(project: Path) -> tuple[ChartResult, bytes]:
    """Pack the chart; return its record and its archive."""
    result = build_chart(project, config.load_config(project))
    return result, (project / f"out/charts/site-{result.version}.tgz").read_bytes()


def chart_values(archive: bytes) -> dict[str, dict[str, object]]:
    """Return values.yaml of a chart's *archive*."""
    return dict(fast_yaml.load(package.unpack_chart(archive)[1]["values.yaml"]))


@pytest.fixture
def project(built: Path, tmp_path: Path) -> Path:
    """A project that is ready for its chart."""
    need("helm")
    return ready(built, tmp_path)
