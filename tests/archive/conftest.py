"""Fixtures of a release and of the targets that it is published to."""

from tests.support.delivery.fixtures import publisher, servers, status, status_site

__all__ = ["publisher", "servers", "status", "status_site"]
