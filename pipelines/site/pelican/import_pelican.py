"""Import Pelican as where docutils, which only its reader of reStructuredText needs, is not installed.

Pelican imports docutils at once, and docutils Pillow and ``http.client``: a sixth of the time of a
build with one changed text, of which nothing is used, because all texts have the reader of
plugin.py. Pelican disables a reader whose package is missing. Where a plugin or
pelicanconf.py may want that reader, Pelican must be imported without this.

No reads, no writes, no network.
"""

from __future__ import annotations

import sys
from types import ModuleType

# What pelican/readers.py imports of docutils, and Pelican's module that imports more of it.
_HIDDEN = (
    "docutils",
    "docutils.core",
    "docutils.io",
    "docutils.parsers.rst.languages",
    "docutils.writers.html4css1",
    "pelican.rstdirectives",
)


def import_without_docutils() -> None:
    """Import Pelican, if neither it nor docutils was imported; afterwards docutils can be, as ever."""
    if not {"pelican", "docutils"}.isdisjoint(sys.modules):
        return
    sys.modules.update({name: _Missing(name) for name in _HIDDEN})
    try:
        import pelican.readers  # noqa: F401
    finally:
        for name in _HIDDEN:
            del sys.modules[name]


class _Missing(ModuleType):
    """A module that is not there; it is false, by which Pelican knows."""

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> type[_Unused]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unused


class _Unused:
    """What the disabled reader is made of: Pelican derives classes from it, and calls it for a language."""

    def __init__(self, *_: object) -> None: ...
