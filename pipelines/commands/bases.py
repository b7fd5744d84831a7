"""The registry that bases of images lie in, and what is packed on them, with the login of the environment.

Reads the files that the environment names; reads and writes as packing does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines import access
from pipelines.config import SiteConfig
from pipelines.image.store import Store
from pipelines.results import ImageResult


def readable(told: Mapping[str, str], site: SiteConfig) -> Store:
    """Return it for a job that packs; raise PipelineError where that job could publish as well."""
    access.refuse_publishing(told)
    return Store(site.registry, access.pull(told, site.registry), access.PULL, access.authority(told))


def pack(
    name: str, project: Path, site: SiteConfig, told: Mapping[str, str], say: Callable[[str], None]
) -> ImageResult:
    """Pack the image *name*, "web" or "api"."""
    store = readable(told, site)
    if name == "api":
        from pipelines.image.api import api

        return api(project, site, say, store)
    from pipelines.image.web import web

    return web(project, site, store)


def writable(told: Mapping[str, str], site: SiteConfig) -> Store:
    """Return it with the login of publishing."""
    who = access.read(told, site.registry, site.chart.repository)
    return Store(site.registry, who.registry, access.REGISTRY, who.authority)
