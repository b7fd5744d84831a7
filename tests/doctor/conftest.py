"""Fixtures of the targets that a site publishes to."""

from tests.support.delivery.fixtures import publisher, servers

__all__ = ["publisher", "servers"]
