"""Fixtures of a release and of the targets that it is published to."""

from tests.support.delivery.fixtures import place, running, stage, status

__all__ = ["place", "running", "stage", "status"]
