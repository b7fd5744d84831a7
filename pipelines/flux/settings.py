"""Write the settings of this site into the Flux tree: two files for each environment.

Reads flux/ (which Secrets and which parts of Flux exist). Writes
flux/clusters/<environment>/settings.yaml, the values that Flux substitutes in the
manifests, and kustomization.yaml, the components of the tree that this site uses.
No network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.config import FILE, Environment, SiteConfig
from pipelines.core.errors import Fault, SourceError, ToolError
from pipelines.core.files import write_atomic
from pipelines.core.version import major_of
from pipelines.tools import certificate, signing

COMMAND = "python -m pipelines settings"
SIGNERS = "flux/signers"  # public keys of charts, each as NAME.pub; `pipelines secrets signing` makes a pair
_HEADER = f"# Written by `{COMMAND}` from {FILE}: change that, and run it again.\n"


@dataclass(frozen=True, slots=True)
class Settings:
    """The two files of one environment."""

    environment: str  # "production" or "staging"
    variables: tuple[tuple[str, str], ...]  # name -> value as JSON, sorted
    components: tuple[str, ...]  # directories of flux/clusters/components, in the order of the tree
    resources: tuple[str, ...]  # further resources of the cluster, relative to its directory


def site_settings(project: Path, site: SiteConfig) -> tuple[Settings, ...]:
    """Return the settings of each environment of *site*; raise SourceError with all faults."""
    faults = [fault for one in site.environments for fault in _missing_values(site, one)]
    signers = _signers(project, faults) if _is_oci(site) else {}
    bucket_ca = _bucket_ca(project, site, faults) if _has_bucket_ca(site) else ""
    if faults:
        raise SourceError(faults)
    return tuple(
        Settings(
            environment=one.name,
            variables=_variables(site, one, signers, bucket_ca),
            components=_components(project, site, one),
            resources=_resources(project, one),
        )
        for one in site.environments
    )


def settings_files(found: tuple[Settings, ...]) -> dict[str, str]:
    """Return the text of every file by its path in the project."""
    texts: dict[str, str] = {}
    for one in found:
        folder = f"flux/clusters/{one.environment}"
        texts[f"{folder}/settings.yaml"] = _settings_text(one)
        texts[f"{folder}/kustomization.yaml"] = _kustomization_text(one)
    return texts


def write_settings(project: Path, found: tuple[Settings, ...]) -> list[str]:
    """Write the files that are missing or stale; return their paths."""
    stale = [
        (project / path, text)
        for path, text in settings_files(found).items()
        if _read(project / path) != text
    ]
    for file, text in stale:
        write_atomic(file, text.encode())
    return [file.relative_to(project).as_posix() for file, _ in stale]


def check_settings(project: Path, found: tuple[Settings, ...]) -> None:
    """Raise SourceError when a file differs from what `settings` would write."""
    stale = [path for path, text in settings_files(found).items() if _read(project / path) != text]
    if stale:
        fix = f"run `{COMMAND}`, and commit"
        raise SourceError([Fault(path, 0, f"does not match {FILE}", fix) for path in stale])


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None


def version_range(version: str, environment: str) -> str:
    """Return the range of chart versions that *environment* follows, for the X.Y of site.toml (decision 11).

    "-0" includes candidates; versions below 0.0.1, of merge requests, are excluded.
    """
    major = major_of(version)
    if environment == "production":
        return f">={major}.0.0 <{major + 1}.0.0"
    return f">={major}.0.0-0" if major else ">=0.0.1-0"


def _variables(
    site: SiteConfig, one: Environment, signers: dict[str, str], bucket_ca: str
) -> tuple[tuple[str, str], ...]:
    """Return the variables of *one*, sorted, with values as JSON: ${name} in flux/."""
    found: dict[str, Any] = {
        "site_name": site.name,
        "site_url": one.url,
        "login": site.login,
        "chart_source": site.chart.repository + ("/site" if _is_oci(site) else ""),
        "chart_range": version_range(site.chart.version, one.name),
        "image_secrets": ["images"] if "images" in one.private else [],
        "edge_mode": one.edge,
        "edge_class": one.edge_class,
        "edge_annotations": dict(one.edge_annotations),
        "edge_tls_secret": one.edge_tls_secret,
        "edge_gateways": [_gateway(one.edge_gateway)] if one.edge_gateway else [],
        "edge_port": one.edge_port,
        "edge_from": [_namespace(one.edge_namespace)] if one.edge_namespace else [],
        "edge_trusted": one.trusted,
        "pod_networks": one.pods,
        "cluster_domain": one.cluster_domain,
        "dns_host": _service_host(one),
        "dns_from": _dns(one),
        "dns_port": one.dns_port,
        "replicas": one.replicas,
        "login_replicas": one.login_replicas,
        "autoscale_max": one.autoscale_max,
        "autoscale_min": one.autoscale_min,
        "autoscale_cpu": one.autoscale_cpu,
        "release_timeout": one.release_timeout,
        "bucket_url": _bucket_url(site),
        "bucket_networks": one.bucket_networks,
        "mail_host": one.mail_host,
        "mail_port": one.mail_port,
        "mail_tls": one.mail_tls,
        "mail_from": one.mail_from,
        "mail_secret": "mail" if one.mail_login else "",
        "mail_networks": one.mail_networks,
    }
    if "charts" in one.private:
        found["chart_secret"] = "images" if _is_oci(site) else "charts"  # a registry has one login for both
    if signers:
        found["chart_signers"] = signers
    if bucket_ca:
        found["bucket_ca"] = bucket_ca
    if one.webhook_port:
        found |= {"webhook_port": one.webhook_port, "webhook_from": _networks(one.trusted)}
    if one.alerts:
        found |= {"alerts_type": one.alerts, "alerts_channel": one.alerts_channel}
    if site.login:
        found |= {"database_version": one.database_version, "database_size": one.database_size}
        found |= {"database_storage_class": one.database_storage_class}
        found |= {"backup_bucket": one.backup_bucket}
        found |= {"backup_secret": "backup" if one.backup_bucket else ""}
    if site.login and one.backup_bucket:
        found |= {"backup_endpoint": _backup_endpoint(site, one), "backup_region": site.buckets.region}
    return tuple((key, _json(value)) for key, value in sorted(found.items()))


def _signers(project: Path, faults: list[Fault]) -> dict[str, str]:
    """Return the public keys that verify the charts of a registry; append to *faults*."""
    found: dict[str, str] = {}
    for file in sorted((project / SIGNERS).glob("*.pub")):
        try:
            found[file.name] = (
                signing.load_public_key(file.read_bytes(), f"{SIGNERS}/{file.name}").pem().decode()
            )
        except ToolError as error:
            path, _, what = str(error).partition(": ")
            faults.append(Fault(path, 0, *what.split("; ", 1)))
    if not found and not any(fault.path.startswith(SIGNERS) for fault in faults):
        fix = (
            "run `python -m pipelines secrets signing --out FILE`, give FILE to the pipeline as"
            " SITE_SIGNING_KEY_FILE, and commit the public key"
        )
        what = (
            f"[chart] repository is oci://, where Flux accepts signed charts only, and {SIGNERS} has no key"
        )
        faults.append(Fault(FILE, 0, what, fix))
    return found


def _has_bucket_ca(site: SiteConfig) -> bool:
    return bool(site.buckets.assets and site.buckets.ca)


def _bucket_ca(project: Path, site: SiteConfig, faults: list[Fault]) -> str:
    """Return the certificates (PEM) that the web pods trust for the bucket; append to *faults*."""
    path = site.buckets.ca
    try:
        return certificate.authorities((project / path).read_bytes(), path)
    except OSError as error:
        what = f"[buckets] ca: {path} cannot be read ({error.strerror})"
        faults.append(Fault(FILE, 0, what, "write the path of the file of certificates (PEM), and commit it"))
    except ToolError as error:
        faults.append(Fault(path, 0, *str(error).removeprefix(f"{path}: ").split("; ", 1)))
    return ""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)  # YAML has no surrogate pairs


def _gateway(name: str) -> dict[str, str]:
    return dict(zip(("namespace", "name", "sectionName"), name.split("/"), strict=False))


def _namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _service_host(one: Environment) -> str:
    """Return the full name of the DNS Service; NGINX uses no search list."""
    namespace, name = one.dns_service.split("/")
    return f"{name}.{namespace}.svc.{one.cluster_domain}"


def _dns(one: Environment) -> list[dict[str, Any]]:
    """Return the DNS servers as peers of a NetworkPolicy: pods, and a cache on each node."""
    pods = {"podSelector": {"matchLabels": dict(one.dns_pods)}}
    return [_namespace(one.dns_service.split("/")[0]) | pods, *_networks(one.dns_networks)]


def _networks(networks: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return *networks* as peers of a NetworkPolicy."""
    return [{"ipBlock": {"cidr": network}} for network in networks]


def _aws_endpoint(site: SiteConfig) -> str:
    return f"https://s3.{site.buckets.region}.amazonaws.com"


def _bucket_url(site: SiteConfig) -> str:
    return (
        f"{site.buckets.endpoint or _aws_endpoint(site)}/{site.buckets.assets}" if site.buckets.assets else ""
    )


def _backup_endpoint(site: SiteConfig, one: Environment) -> str:
    return one.backup_endpoint or site.buckets.endpoint or _aws_endpoint(site)


def _is_oci(site: SiteConfig) -> bool:
    return site.chart.repository.startswith("oci://")


def _components(project: Path, site: SiteConfig, one: Environment) -> tuple[str, ...]:
    enabled = {
        "login": site.login,
        "backup": site.login and bool(one.backup_bucket),
        "oci": _is_oci(site),
        "private-charts": "charts" in one.private,
        "private-ca": one.private_ca,
        "bucket-ca": _has_bucket_ca(site),
        "alerts": bool(one.alerts),
        "webhook": bool(one.webhook_port),
        "controllers": bool(_resources(project, one)),
        "secrets": any((project / "flux" / "secrets" / one.name).glob("*.yaml")),
    }
    return tuple(name for name, is_enabled in enabled.items() if is_enabled)


def _resources(project: Path, one: Environment) -> tuple[str, ...]:
    """Return "flux-system" where `flux bootstrap` has installed Flux, so that Flux keeps it."""
    flux = project / "flux" / "clusters" / one.name / "flux-system"
    return ("flux-system",) if (flux / "kustomization.yaml").is_file() else ()


def _missing_values(site: SiteConfig, one: Environment) -> list[Fault]:
    """Return a fault for each value that the cluster of *one* requires and site.toml lacks."""
    checks: list[tuple[bool, str, str]] = [
        (not one.trusted, "trusted is empty", "name the networks of the TLS edge, as 192.0.2.7/32"),
        (not one.pods, "pods is empty", 'name the network of pods, as in pods = ["10.244.0.0/16"]'),
        (
            one.edge != "nodeport" and not one.edge_namespace,
            f'edge = "{one.edge}" without an edge_namespace',
            "name the namespace of its pods: only they may reach the site",
        ),
        (
            one.edge == "httproute" and not one.edge_gateway,
            'edge = "httproute" without an edge_gateway',
            'name the Gateway, as "namespace/name"',
        ),
        (
            bool(site.buckets.assets) and not one.bucket_networks,
            "bucket_networks is empty, and [buckets] has assets",
            "name the networks of the bucket, or 0.0.0.0/0",
        ),
        (
            one.edge != "ingress" and bool(one.edge_annotations or one.edge_tls_secret),
            f'edge = "{one.edge}" with edge_annotations or edge_tls_secret',
            'these are for an Ingress: remove them, or write edge = "ingress"',
        ),
        (
            bool(one.webhook_port) and (one.edge != "nodeport" or one.webhook_port == one.edge_port),
            f'edge = "{one.edge}" with webhook_port {one.webhook_port}',
            "it is for an edge outside of the cluster, and not edge_port: take another port, or remove it",
        ),
        (
            0 < one.autoscale_max < one.autoscale_min,
            f"autoscale_min is {one.autoscale_min}, and autoscale_max {one.autoscale_max}",
            "write the fewest pods as autoscale_min, the most as autoscale_max",
        ),
        (site.login and not one.mail_host, "mail_host is empty", "without mail nobody can set a password"),
        (
            site.login and not one.mail_networks,
            "mail_networks is empty",
            "name the network of the mail server, as 192.0.2.25/32",
        ),
        (
            not one.url.startswith("https://"),
            "url is not https",
            "a cluster serves over TLS: write https://…",
        ),
    ]
    table = f'[[environment]] "{one.name}"'
    faults = [
        Fault(FILE, one.line, f"{table}: {what}", fix) for is_missing, what, fix in checks if is_missing
    ]
    if not site.chart.repository:
        faults.append(
            Fault(FILE, 0, "[chart] has no repository", "write where Flux finds charts: https://… or oci://…")
        )
    return faults


def _settings_text(one: Settings) -> str:
    """Return the ConfigMap: each value is JSON, since Flux substitutes it as text."""
    lines = [
        _HEADER,
        "# Flux puts each value into a manifest as it stands here, so it is JSON: a text keeps its quotes.\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\n  namespace: flux-system\n",
        "  labels:\n    reconcile.fluxcd.io/watch: Enabled  # a change is taken up at once\ndata:\n",
        *(f"  {key}: {_quoted(value)}\n" for key, value in one.variables),
    ]
    return "".join(lines)


def _quoted(text: str) -> str:
    """Return *text* as a YAML scalar in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def _kustomization_text(one: Settings) -> str:
    resources = ("../base", "settings.yaml", *one.resources)
    lines = [_HEADER, "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"]
    lines += [f"  - {name}\n" for name in resources]
    if one.components:
        lines += ["components:\n", *(f"  - ../components/{name}\n" for name in one.components)]
    lines += ["patches:\n", *(_path_patch(name, path) for name, path in _kustomization_paths(one))]
    return "".join(lines)


def _kustomization_paths(one: Settings) -> list[tuple[str, str]]:
    paths = [("apps", f"./flux/apps/site/{one.environment}")]
    if "secrets" in one.components:
        paths.append(("secrets", f"./flux/secrets/{one.environment}"))
    return paths


def _path_patch(name: str, path: str) -> str:
    return (
        f"  - target: {{kind: Kustomization, name: {name}}}\n"
        f'    patch: \'[{{"op": "add", "path": "/spec/path", "value": "{path}"}}]\'\n'
    )
