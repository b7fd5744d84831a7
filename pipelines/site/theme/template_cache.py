"""Compile each template once for all of Pelican's generators, and for all builds of a preview.

No reads, no writes, no network.
"""

from __future__ import annotations

from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache

from pipelines.site.cache import Cache, cache_key


class TemplateCache(BytecodeCache):
    """Keeps the code of templates in a memo; give it to Jinja as ``bytecode_cache``."""

    def __init__(self, cache: Cache, options: str) -> None:
        """*options* stands for all that decides what a template compiles to besides its text."""
        self._cache, self._options = cache, options

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return the code of a template; raise what compiling it raises."""
        inputs = (self._options, name, filename, cache_key(source))
        bucket = Bucket(environment, name, "")
        bucket.code = self._cache.get_or_compute(
            "template", inputs, lambda: environment.compile(source, name, filename)
        )
        return bucket
