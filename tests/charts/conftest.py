"""Fixtures of a release and its targets, and of a project that is ready for its chart."""

from tests.support.delivery.charts import project
from tests.support.delivery.fixtures import publisher, servers, status, status_site

__all__ = ["project", "publisher", "servers", "status", "status_site"]
