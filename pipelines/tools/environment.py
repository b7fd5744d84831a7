"""Read the credentials of publishing from environment variables.

Reads the files that variables named *_FILE point to. No writes, no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.core.credentials import (
    RECEIVER_KINDS,
    Credentials,
    Login,
    Receiver,
    Signer,
    login_from_auth_file,
)
from pipelines.core.errors import PipelineError, suggest

# The variables of each login, for messages.
REGISTRY_VARIABLES = "SITE_REGISTRY_USER and SITE_REGISTRY_PASSWORD, or REGISTRY_AUTH_FILE"
PULL_VARIABLES = "SITE_PULL_USER and SITE_PULL_PASSWORD, or REGISTRY_AUTH_FILE"
CHARTS_VARIABLES = "SITE_CHARTS_USER and SITE_CHARTS_PASSWORD"
ASSETS_VARIABLES = "SITE_ASSETS_KEY and SITE_ASSETS_SECRET"
ARCHIVE_VARIABLES = "SITE_ARCHIVE_KEY and SITE_ARCHIVE_SECRET"
SIGNING_VARIABLES = "SITE_SIGNING_KEY_FILE, or SITE_SIGNING_KEY"
RECEIVERS = ("SITE_FLUX", "SITE_FLUX_STAGING", "SITE_FLUX_PRODUCTION")  # of one cluster, or of two
# Every secret of publishing and of the cluster. Each may also be a file: NAME_FILE.
PUBLISHING = (
    "SITE_REGISTRY_PASSWORD", "REGISTRY_AUTH_FILE", "SITE_CHARTS_PASSWORD", "SITE_ASSETS_SECRET",
    "SITE_ARCHIVE_SECRET", "SITE_SIGNING_KEY", "SITE_SIGNING_PASSWORD",
    *(f"{name}_{part}" for name in RECEIVERS for part in ("URL", "TOKEN")), "KUBECONFIG",
)  # fmt: skip


def credentials_from(environ: Mapping[str, str], registry: str, charts: str) -> Credentials:
    """Return the credentials in *environ*; raise PipelineError for a variable with an invalid value.

    *registry* and *charts* are the locations in site.toml that are looked up in
    REGISTRY_AUTH_FILE.
    """
    file = environ.get("REGISTRY_AUTH_FILE")
    images = _login(environ, "SITE_REGISTRY_USER", "SITE_REGISTRY_PASSWORD")
    chart = _login(environ, "SITE_CHARTS_USER", "SITE_CHARTS_PASSWORD")
    oci, _, location = charts.partition("oci://")
    if file and not images and registry:
        images = login_from_auth_file(Path(file), registry)
    if file and not chart and location and not oci:
        chart = login_from_auth_file(Path(file), location)
    return Credentials(
        registry=images,
        charts=chart,
        assets=_login(environ, "SITE_ASSETS_KEY", "SITE_ASSETS_SECRET"),
        archive=_login(environ, "SITE_ARCHIVE_KEY", "SITE_ARCHIVE_SECRET"),
        receivers=tuple(one for name in RECEIVERS if (one := _receiver(environ, name))),
        authority=authority_file(environ),
        signer=_signer(environ),
        pull=pull_login(environ, registry),
    )


def authority_file(environ: Mapping[str, str]) -> Path | None:
    """Return the PEM file of certificate authorities that SITE_CA_FILE names, or None."""
    file = environ.get("SITE_CA_FILE")
    if file and not Path(file).is_file():
        raise PipelineError("SITE_CA_FILE: no such file; name a file of certificates (PEM)")
    return Path(file) if file else None


def pull_login(environ: Mapping[str, str], registry: str) -> Login | None:
    """Return the login that only reads the bases of images; never the one of publishing."""
    file = environ.get("REGISTRY_AUTH_FILE")
    found = _login(environ, "SITE_PULL_USER", "SITE_PULL_PASSWORD")
    return login_from_auth_file(Path(file), registry) if file and registry and not found else found


def refuse_publishing_credentials(environ: Mapping[str, str]) -> None:
    """Raise PipelineError for a GitLab job that packs and has a secret of ``PUBLISHING`` in its environment.

    Such a job runs the code of a merge request before its review.
    REGISTRY_AUTH_FILE counts: its login may have the right to push.
    """
    names = [name for name in PUBLISHING if environ.get(name) or environ.get(f"{name}_FILE")]
    if environ.get("GITLAB_CI") == "true" and names:
        raise PipelineError(
            f"{', '.join(names)}: this job packs, and must not be able to publish; scope the variable to the"
            " environment production, or previews, and set SITE_PULL_USER and SITE_PULL_PASSWORD"
            " where bases require a login"
        )


def _login(environ: Mapping[str, str], user: str, password: str) -> Login | None:
    name, secret = _value(environ, user), _value(environ, password)
    if bool(name) != bool(secret):
        present, missing = (user, password) if name else (password, user)
        raise PipelineError(f"{present} is set and {missing} is not; set both, or neither")
    return Login(name, secret) if name else None


def _signer(environ: Mapping[str, str]) -> Signer | None:
    pem, password = _text(environ, "SITE_SIGNING_KEY"), _value(environ, "SITE_SIGNING_PASSWORD")
    if not pem.strip():
        return None
    from pipelines.tools.signing import load_private_key  # imports cryptography: only with a key

    return load_private_key(pem.encode(), password, "SITE_SIGNING_KEY")


def _receiver(environ: Mapping[str, str], name: str) -> Receiver | None:
    """Return the Receiver of the variables that begin with *name*, one of RECEIVERS."""
    url, token = _value(environ, f"{name}_URL"), _value(environ, f"{name}_TOKEN")
    kind = environ.get(f"{name}_KIND") or RECEIVER_KINDS[0]
    if not url:
        return None
    if not token:
        raise PipelineError(f"{name}_URL is set and {name}_TOKEN is not; set both, or neither")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise PipelineError(f"{name}_URL: is not a URL; write https://host and the path of the Receiver")
    if kind not in RECEIVER_KINDS:
        raise PipelineError(f"{name}_KIND: {kind!r} is an unknown kind; {suggest(kind, RECEIVER_KINDS)}")
    return Receiver(url, token, kind, name)


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return the value of the variable *name*, or the text of the file that *name*_FILE names."""
    value = _text(environ, name).rstrip("\r\n") if environ.get(f"{name}_FILE") else _text(environ, name)
    if any(ord(character) < 32 for character in value):
        raise PipelineError(f"{name}: holds a line break; write it in one line")
    return value


def _text(environ: Mapping[str, str], name: str) -> str:
    """Return the same with its line breaks: a key has several lines."""
    file = environ.get(f"{name}_FILE")
    if file and environ.get(name):
        raise PipelineError(f"{name} and {name}_FILE are both set; set one")
    try:
        return Path(file).read_text(encoding="utf-8") if file else environ.get(name, "")
    except OSError as error:
        raise PipelineError(f"{name}_FILE: cannot be read ({error.strerror}); fix the path") from None
    except UnicodeDecodeError:
        raise PipelineError(f"{name}_FILE: is not UTF-8 text") from None
