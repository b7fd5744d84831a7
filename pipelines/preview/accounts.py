"""Make a member, or the owner, of the site on this machine, and send the mail by which a password is set.

Reads and writes the database of the login. Writes var/ of the project. Network:
the mail, where the environment names a mail server; else it goes to stdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.core import config
from pipelines.core.errors import PipelineError
from pipelines.preview import login_api


def invite(
    project: Path, email: str, *, name: str, owner: bool, port: int, environ: Mapping[str, str]
) -> None:
    """Make or find the user with *email*, and write to them; *port* stands in the mail's link.

    *told* is the environment. Raises PipelineError for what is no address, for
    a site without login, and where database or mail server do not answer.
    """
    project = project.resolve()
    site = config.load_config(project)
    if not site.login:
        raise PipelineError("the site has no login; set login = true in site.toml")
    login_api.load_api(project, site, environ, port=port)

    from django.core.management import CommandError, call_command  # Django is there now

    words = [f"--name={name}", *(["--owner"] if owner else []), "--", email]
    try:
        with login_api.api_faults():
            call_command("invite", *words)
    except CommandError as error:
        raise PipelineError(str(error)) from None
