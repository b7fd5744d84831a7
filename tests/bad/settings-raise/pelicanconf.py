"""Pelican's settings for this site. What is true of this site alone stands in site.toml."""

from pathlib import Path

from pipelines.config import load
from pipelines.site.loud import Loud
from pipelines.site.metadata import SLUG_RULES

SITE = load(Path(__file__).parent)

SITENAME = SITE.title
