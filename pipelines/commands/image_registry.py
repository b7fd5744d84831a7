"""The registry of base images, with the login that the command may use.

Reads the files that variables named *_FILE point to. No writes, no network.
"""

from __future__ import annotations

from pipelines.commands.context import Context
from pipelines.image.base_registry import BaseRegistry
from pipelines.tools import environment
from pipelines.tools.http import user_agent


def pull_registry(context: Context) -> BaseRegistry:
    """Return the registry for a job that packs; raise PipelineError where that job could publish as well."""
    environ, registry = context.environ, context.site.registry
    environment.refuse_publishing_credentials(environ)
    login = environment.pull_login(environ, registry)
    authority, agent = environment.authority_file(environ), user_agent(context.site.name)
    return BaseRegistry(registry, login, environment.PULL_VARIABLES, authority, agent)


def push_registry(context: Context) -> BaseRegistry:
    """Return the registry with the login of publishing."""
    site, credentials = context.site, context.credentials
    return BaseRegistry(
        site.registry,
        credentials.registry,
        environment.REGISTRY_VARIABLES,
        credentials.authority,
        user_agent(site.name),
    )
