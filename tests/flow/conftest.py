"""Fixtures of a release and of the targets that it is published to."""

from tests.support.delivery.fixtures import publisher, servers, stage, status

__all__ = ["publisher", "servers", "stage", "status"]
