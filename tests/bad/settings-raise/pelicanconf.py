"""Pelican's settings for this site. What is true of this site alone stands in site.toml."""

from pathlib import Path

from pipelines.core.config import load_config
from pipelines.site.theme.strict_undefined import StrictUndefined
from pipelines.site.content.metadata import SLUG_RULES

SITE = load_config(Path(__file__).parent)

SITENAME = SITE.title
