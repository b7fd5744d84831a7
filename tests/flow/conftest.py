"""Fixtures of a release, its targets, and a project whose commits get versions."""

from tests.support.delivery.fixtures import publisher, servers, status, status_site
from tests.support.delivery.versions import repo

__all__ = ["publisher", "repo", "servers", "status", "status_site"]
