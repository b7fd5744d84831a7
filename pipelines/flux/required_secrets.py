"""Which Secrets the cluster of an environment must have.

Reads flux/ (which files of Secrets exist). No writes, no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.config import Environment, SiteConfig
from pipelines.flux.secrets import KEY_SETS

_COMMAND = "python -m pipelines secrets"


@dataclass(frozen=True, slots=True)
class RequiredSecret:
    """A Secret, and how it is made."""

    namespace: str
    name: str
    keys: tuple[str, ...]  # "*.agekey" is any name with this ending
    command: str
    file: str = ""  # path in the project, where SOPS keeps it; "" for one that is never in Git


def required_secrets(project: Path, site: SiteConfig, one: Environment) -> tuple[RequiredSecret, ...]:
    """Return the Secrets that the cluster of *one* requires, without the ones that operators write."""
    return tuple(_required(project, site, one))


def _required(project: Path, site: SiteConfig, one: Environment) -> Iterator[RequiredSecret]:
    oci = site.chart.repository.startswith("oci://")
    folder = f"flux/secrets/{one.name}"

    def made(kind: str, namespace: str, name: str, *keys: str, options: str = "") -> RequiredSecret:
        file = f"{folder}/{kind}.yaml"
        command = f"{_COMMAND} {kind}{options} --sops --out {file}"
        return RequiredSecret(namespace, name, keys, command, file)

    yield made("receiver", "flux-system", "receiver", "token")
    if site.login:
        yield made("keys", "site", "site-keys", *KEY_SETS)
    if site.login and one.mail_login:
        yield made("mail", "site", "mail", "user", "password", options=" --user USER")
    if site.login and one.backup_bucket:
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        both = (*keys, *(f"CLONE_{key}" for key in keys))
        yield made("backup", "database", "backup", *both, options=" --user KEY-ID")
    if "charts" in one.private and not oci:
        yield made("charts", "site", "charts", "username", "password", options=" --user USER")
    if "images" in one.private or ("charts" in one.private and oci):
        yield made("images", "site", "images", ".dockerconfigjson", options=" --server HOST --user USER")
    if one.private_ca:
        yield made("ca", "site", "ca", "ca.crt")
    if one.alerts:
        yield made("alerts", "flux-system", "alerts", "address")
    if any((project / folder).glob("*.yaml")):
        command = "kubectl -n flux-system create secret generic sops-age --from-file=../site.agekey"
        yield RequiredSecret("flux-system", "sops-age", ("*.agekey",), command)
