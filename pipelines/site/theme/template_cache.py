"""Compile each template once for all generators of Pelican, and for all later builds.

Reads and writes out/bytecode, where the cache has one. No network.
"""

from __future__ import annotations

from types import CodeType

from jinja2 import Environment
from jinja2.bccache import Bucket, BytecodeCache

from pipelines.site.cache import Cache, cache_key


class TemplateCache(BytecodeCache):
    """Keep the code of templates in the build cache; pass it to Jinja as ``bytecode_cache``."""

    def __init__(self, cache: Cache, options: str, *, lasting: bool) -> None:
        """*options* is a key for everything but its text that affects a compiled template.

        Only with *lasting* later processes get the code: not where other code has a part in it.
        """
        self._cache, self._options = cache, options
        self._folder = cache.bytecode if lasting else None

    def get_bucket(self, environment: Environment, name: str, filename: str | None, source: str) -> Bucket:
        """Return the code of a template; raises TemplateSyntaxError."""
        inputs = (self._options, name, filename, cache_key(source))

        def compute() -> CodeType:
            key, folder = repr(inputs), self._folder
            code = folder.find(filename or name, key) if folder else None
            if code is None:
                code = environment.compile(source, name, filename)
                if folder:
                    folder.store(filename or name, key, code)
            return code

        bucket = Bucket(environment, name, "")
        bucket.code = self._cache.get_or_compute("template", inputs, compute)
        return bucket
