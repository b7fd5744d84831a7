"""The registry that bases of images lie in, and what is packed on them, with the login of the environment.

Reads the files that the environment names; reads and writes as packing does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.results import ImageResult
from pipelines.image.base_registry import BaseRegistry
from pipelines.tools import environment


def readable(environ: Mapping[str, str], site: SiteConfig) -> BaseRegistry:
    """Return it for a job that packs; raise PipelineError where that job could publish as well."""
    environment.refuse_publishing_credentials(environ)
    return BaseRegistry(
        site.registry,
        environment.pull_login(environ, site.registry),
        environment.PULL,
        environment.authority_file(environ),
    )


def pack(
    name: str, project: Path, site: SiteConfig, environ: Mapping[str, str], log: Callable[[str], None]
) -> ImageResult:
    """Pack the image *name*, "web" or "api"."""
    store = readable(environ, site)
    if name == "api":
        from pipelines.image.api import pack_api_image

        return pack_api_image(project, site, log, store)
    from pipelines.image.web import pack_web_image

    return pack_web_image(project, site, store)


def writable(environ: Mapping[str, str], site: SiteConfig) -> BaseRegistry:
    """Return it with the login of publishing."""
    credentials = environment.credentials_from(environ, site.registry, site.chart.repository)
    return BaseRegistry(site.registry, credentials.registry, environment.REGISTRY, credentials.authority)
