"""A publisher with a Git clone, in place of the one with a release in out/."""

from tests.support.delivery.flow import publisher, template

__all__ = ["publisher", "template"]
