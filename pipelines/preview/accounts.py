"""Create a member, or the owner, of the site on this machine, and mail a link to set the password.

Reads and writes the database of the login. Writes var/ of the project. Network:
the mail server that the environment names; without one the mail goes to stdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.core import config
from pipelines.core.errors import PipelineError
from pipelines.preview import login_api


def invite_user(
    project: Path, email: str, *, name: str, owner: bool, port: int, environ: Mapping[str, str]
) -> None:
    """Create or find the user with *email*, and send the mail; its link has *port*.

    Raises PipelineError for an invalid address, for a site without login, and when
    the database or the mail server fails.
    """
    project = project.resolve()
    site = config.load_config(project)
    if not site.login:
        raise PipelineError("the site has no login; set login = true in site.toml")
    login_api.load_api(project, site, environ, port=port)

    from django.core.management import CommandError, call_command  # only now: load_api configures Django

    arguments = [f"--name={name}", *(["--owner"] if owner else []), "--", email]
    try:
        with login_api.api_errors():
            call_command("invite", *arguments)
    except CommandError as error:
        raise PipelineError(str(error)) from None
