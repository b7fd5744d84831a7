"""The registry of base images, with the login that the command may use.

Reads the files that variables named *_FILE point to. No writes, no network.
"""

from __future__ import annotations

from pipelines.commands.context import Context
from pipelines.image.base_registry import BaseRegistry
from pipelines.tools import environment


def pull_registry(context: Context) -> BaseRegistry:
    """Return the registry for a job that packs; raise PipelineError where that job could publish as well."""
    environ, registry = context.environ, context.site.registry
    environment.refuse_publishing_credentials(environ)
    login = environment.pull_login(environ, registry)
    return BaseRegistry(registry, login, environment.PULL, environment.authority_file(environ))


def push_registry(context: Context) -> BaseRegistry:
    """Return the registry with the login of publishing."""
    credentials = context.credentials
    return BaseRegistry(
        context.site.registry, credentials.registry, environment.REGISTRY, credentials.authority
    )
