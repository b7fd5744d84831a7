"""Pelican's plugin of this theme: the posts before and after each post."""

from itertools import pairwise
from typing import Any

from pelican import signals


def link_neighbours(generator: Any) -> None:
    """Set ``newer`` and ``older`` of each post."""
    for newer, older in pairwise(generator.articles):
        newer.older, older.newer = older, newer


def register() -> None:
    """Connect the plugin; Pelican calls it."""
    signals.article_generator_finalized.connect(link_neighbours)
