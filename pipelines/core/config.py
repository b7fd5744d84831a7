"""Read site.toml into frozen, checked values; each of its keys is declared here, once.

Reads site.toml. No writes, no network, no environment.

``make settings-docs`` writes docs/settings.md and docs/site.schema.json from these
declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pipelines.core import config_validators as valid
from pipelines.core.checks import SETTINGS, Severities
from pipelines.core.errors import Fault, SourceError
from pipelines.core.files import read_regular
from pipelines.core.setting import Table, declared, from_tables, line_of, nested, setting, tables_of
from pipelines.core.toml_reader import TomlReader
from pipelines.core.validators import valid_flag, valid_text

FILE = "site.toml"
DEFAULT_POST_URL, DEFAULT_PAGE_URL = "/posts/{slug}/", "/{path}/"


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One link of the header or the footer."""

    label: str = setting(valid_text, doc="Text of the link.")
    path: str = setting(valid.valid_path, doc="Where it leads: a path from the root of the site.")
    line: int = line_of("path")


@dataclass(frozen=True, slots=True)
class ChartConfig:
    """Version and repositories of the chart."""

    version: str = setting(
        valid.valid_major_minor, "0.1", doc="`X.Y` of each version; the pipeline counts the third number."
    )
    repository: str = setting(
        valid.valid_chart_repository,
        "",
        doc="Where releases are published: a Helm repository (`https://…`), or a registry (`oci://host/path`)."
        ' `""`: nowhere.',
    )
    previews: str = setting(valid.valid_chart_repository, "", doc="The same for charts of merge requests.")
    promotion: str = setting(
        valid.valid_promotion,
        "automatic",
        doc="How a candidate becomes stable: by the pipeline once it is live and tested, or by you.",
    )


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """Object storage (S3): a public bucket and a private one."""

    endpoint: str = setting(valid.valid_endpoint, "", doc='URL of the object storage; `""`: AWS.')
    region: str = setting(valid_text, "us-east-1", doc="Region of the buckets.")
    assets: str = setting(
        valid.valid_bucket, "", doc='Name of the public bucket of hashed assets; `""`: none.'
    )
    archive: str = setting(valid.valid_bucket, "", doc='Name of the private bucket of releases; `""`: none.')
    keep: int = setting(
        valid.valid_release_count, 20, doc="Number of newest releases whose assets `archive prune` keeps."
    )
    ca: str = setting(
        valid.valid_file,
        "",
        doc="File of this project with certificates (PEM): the private authority of `endpoint`, which web"
        ' pods trust; `""`: a public one. The pipeline trusts `SITE_CA_FILE`.',
    )


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment that the site runs in."""

    name: str = setting(valid.valid_environment, doc="Staging takes candidates, production stable versions.")
    url: str = setting(valid.valid_url, doc="Address of the site there, without a slash at its end.")
    edge: str = setting(
        valid.valid_edge,
        "ingress",
        doc='How readers reach the pods. `"nodeport"`: TLS ends on a machine outside of the cluster.',
    )
    edge_class: str = setting(
        valid.valid_label, "", doc='Class of the Ingress; `""`: the cluster\'s default.'
    )
    edge_gateway: str = setting(
        valid.valid_gateway,
        "",
        doc='Gateway of the HTTPRoute: `"namespace/name"` or `"namespace/name/section"`.',
    )
    edge_port: int = setting(valid.valid_node_port, 30080, doc='Port of every node, for `"nodeport"`.')
    edge_tls_secret: str = setting(
        valid.valid_subdomain,
        "",
        doc='Secret with the certificate of the Ingress; `""`: its controller\'s own.',
    )
    edge_annotations: tuple[tuple[str, str], ...] = setting(
        valid.valid_annotations,
        (),
        doc='Annotations of the Ingress, such as `{"cert-manager.io/cluster-issuer" = "letsencrypt"}`.',
    )
    edge_namespace: str = setting(
        valid.valid_label, "", doc="Namespace of the Ingress controller's or the Gateway's pods."
    )
    trusted: tuple[str, ...] = setting(
        valid.valid_networks,
        (),
        doc="Networks (CIDR) of the proxies that end TLS; their `X-Forwarded-For` is trusted.",
    )
    pods: tuple[str, ...] = setting(
        valid.valid_networks, (), doc="Networks (CIDR) of the pods; kubeadm's `--pod-network-cidr`."
    )
    cluster_domain: str = setting(valid.valid_domain, "cluster.local", doc="Domain of Services.")
    dns_service: str = setting(
        valid.valid_service, "kube-system/kube-dns", doc='Service of the DNS server: `"namespace/name"`.'
    )
    dns_pods: tuple[tuple[str, str], ...] = setting(
        valid.valid_labels, (("k8s-app", "kube-dns"),), doc="Labels of the DNS server's pods."
    )
    dns_port: int = setting(valid.valid_port, 53, doc="Port of these pods.")
    dns_networks: tuple[str, ...] = setting(
        valid.valid_networks,
        (),
        doc='Networks (CIDR) of a DNS cache on each node; NodeLocal DNSCache: `["169.254.20.10/32"]`.',
    )
    replicas: int | str = setting(
        valid.valid_replicas,
        3,
        doc='Web pods, as each release sets them; `"unmanaged"`: `kubectl scale` or your autoscaler does.',
    )
    login_replicas: int | str = setting(valid.valid_replicas, 3, doc="Login pods; the same.")
    autoscale_max: int = setting(
        valid.valid_autoscale_max,
        0,
        doc="Most web pods of an autoscaler, which replaces `replicas`; 0: none.",
    )
    autoscale_min: int = setting(valid.valid_autoscale_min, 3, doc="Fewest web pods of the autoscaler.")
    autoscale_cpu: str = setting(
        valid.valid_cpu, "200m", doc="Average CPU of a web pod above which the autoscaler adds pods."
    )
    release_timeout: int = setting(
        valid.valid_release_timeout,
        300,
        doc="Seconds that installation, upgrade, test and rollback may take, each; then it has failed.",
    )
    mail_host: str = setting(valid.valid_host, "", doc="Mail server (SMTP) of the login.")
    mail_port: int = setting(valid.valid_port, 587, doc="Port of the mail server.")
    mail_tls: str = setting(valid.valid_mail_tls, "starttls", doc="TLS to the mail server.")
    mail_from: str = setting(
        valid.valid_address, "", doc='Sender of mails; `""`: `login@` and the host of the site.'
    )
    mail_login: bool = setting(
        valid_flag, True, doc="`false`: the mail server accepts the cluster without a password."
    )
    mail_networks: tuple[str, ...] = setting(
        valid.valid_networks, (), doc="Networks (CIDR) of the mail server."
    )
    bucket_networks: tuple[str, ...] = setting(
        valid.valid_networks, (), doc="Networks (CIDR) of the bucket of assets."
    )
    database_version: str = setting(valid.valid_postgres_version, "17", doc="Major version of PostgreSQL.")
    database_size: str = setting(valid.valid_size, "5Gi", doc="Size of each of the database's three volumes.")
    database_storage_class: str = setting(
        valid.valid_subdomain, "", doc='StorageClass of these volumes; `""`: the cluster\'s default.'
    )
    backup_bucket: str = setting(
        valid.valid_bucket, "", doc='Name of the bucket for backups of the database; `""`: no backups.'
    )
    backup_endpoint: str = setting(
        valid.valid_endpoint, "", doc='URL of its object storage; `""`: `endpoint` of `[buckets]`.'
    )
    webhook_port: int = setting(
        valid.valid_webhook_port,
        0,
        doc="Port of every node for Flux's Receivers, for an edge outside of the cluster; 0: none.",
    )
    alerts: str = setting(
        valid.valid_alerts, "", doc='Type of the Flux Provider that alerts are sent to; `""`: none.'
    )
    alerts_channel: str = setting(
        valid.valid_channel, "", doc="Channel of this Provider, where its address does not contain it."
    )
    private: tuple[str, ...] = setting(
        valid.valid_private, (), doc="What is pulled with the user and password of a Secret: charts, images."
    )
    private_ca: bool = setting(
        valid_flag,
        False,
        doc="`true`: the Secret `ca` holds the authority of the chart repository's certificate.",
    )
    line: int = line_of()


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """The values of site.toml."""

    name: str = setting(valid_text, table="site", doc="Name of the site, in titles, feeds and mails.")
    url: str = setting(valid.valid_url, table="site", doc="Address of the site, without a slash at its end.")
    tagline: str = setting(valid_text, table="site", doc="One sentence about the site.")
    author: str = setting(valid_text, table="site", doc="Author of pages that name none.")
    lang: str = setting(
        valid.valid_language,
        "en",
        table="site",
        doc="Language of pages that name none (BCP 47); `theme/strings/<lang>.toml` must exist.",
    )
    timezone: str = setting(
        valid.valid_timezone, "UTC", table="site", doc="Time zone of dates without an offset."
    )
    login: bool = setting(
        valid_flag, True, table="site", doc="`false`: no login page, no members' pages, no API."
    )
    menu: tuple[MenuItem, ...] = field(
        metadata=nested("menu", MenuItem, array=True, doc="Links of the header, in this order.")
    )
    footer: tuple[MenuItem, ...] = field(
        metadata=nested("footer", MenuItem, array=True, doc="Links of the footer, in this order.")
    )
    feed_authority: str = setting(
        valid.valid_feed_authority,
        table="feed",
        key="authority",
        doc="Domain and date in the ids of feed entries (tag URIs, RFC 4151). Keep it when the site moves.",
    )
    security_contact: tuple[str, ...] = setting(
        valid.valid_contacts,
        table="security",
        key="contact",
        doc="Contact URIs in `/.well-known/security.txt` (RFC 9116).",
    )
    scripts: tuple[str, ...] = setting(
        valid.valid_scripts,
        (),
        table="security",
        doc="Scripts that a text may load with `<script src>`: paths of this site.",
    )
    image_hosts: tuple[str, ...] = setting(
        valid.valid_origins,
        (),
        table="security",
        key="images",
        doc="Other hosts whose images a page may show; the Content-Security-Policy names them. Each host"
        " learns the address of every reader.",
    )
    frame_hosts: tuple[str, ...] = setting(
        valid.valid_origins,
        (),
        table="security",
        key="frames",
        doc="Hosts whose `<iframe>` becomes a link without a warning. No page view contacts them.",
    )
    metadata_extra: tuple[tuple[str, str], ...] = setting(
        valid.valid_metadata_keys,
        (),
        table="metadata",
        key="extra",
        doc='Further front matter keys, as in `{pin = "bool"}`; the types are text, bool, int, date, list.',
    )
    post_url: str = setting(
        valid.valid_post_url,
        DEFAULT_POST_URL,
        table="urls",
        key="post",
        doc="URL of a post, of `{slug}`, `{path}` (slug and directories), `{year}`, `{month}`, `{day}`,"
        " `{category}`, `{lang}`. Without `{lang}`, translations get their language in front.",
    )
    page_url: str = setting(
        valid.valid_page_url,
        DEFAULT_PAGE_URL,
        table="urls",
        key="page",
        doc="The same of a page, which has no date.",
    )
    dialect: str = setting(
        valid.valid_dialect,
        "commonmark",
        table="markdown",
        doc="Dialect of Markdown of pages that name none. `commonmark`: as GitLab and GitHub show it;"
        " `python-markdown`: as Pelican converts it.",
    )
    less_compiler: str = setting(
        valid.valid_compiler,
        "lesscpy",
        table="build",
        doc='LESS compiler. `"lessc"` is the npm package `less`, for themes that need all of LESS.',
    )
    registry: str = setting(
        valid.valid_registry,
        "",
        table="images",
        doc='Registry of the images: host and path without a tag. `""`: images stay on this machine.',
    )
    chart: ChartConfig = field(metadata=nested("chart", ChartConfig))
    buckets: BucketConfig = field(metadata=nested("buckets", BucketConfig))
    checks: Severities = field(
        metadata=declared(
            "checks",
            SETTINGS,
            Severities.from_row,
            doc="Severity of each check of the site: `error` fails the build, `warning` is reported, `off` is"
            ' not. A table `[checks."content/old/**"]` with the same keys applies to the files that match'
            " (`*` within a directory, `**` across directories); the last one that matches decides.",
        ),
        default=Severities(),
    )
    environments: tuple[Environment, ...] = field(
        metadata=nested(
            "environment",
            Environment,
            array=True,
            doc="Environments that `python -m pipelines settings` writes into `flux/clusters`. Without any,"
            " production at the `url` of `[site]`.",
        )
    )


@cache
def declared_tables() -> dict[str, Table]:
    """Return every table of site.toml with its keys."""
    return tables_of(SiteConfig)


def parse_config(text: str, name: str = FILE) -> SiteConfig:
    """Check the text of a site.toml; raise SourceError with every fault at once."""
    reader = TomlReader(text, name, declared_tables())
    names = [row.get("name") for row in reader.rows["environment"]]
    for index, environment in enumerate(names):
        if environment is not None and environment in names[:index]:
            text = f"[[environment]] name: duplicate {environment!r}"
            reader.add_fault("environment", index, "name", text, "name each environment once")
    if reader.faults:
        raise SourceError(reader.faults)
    config = SiteConfig(**from_tables(SiteConfig, reader.rows, reader.lines))
    return (
        config
        if config.environments
        else replace(config, environments=(Environment("production", config.url),))
    )


def load_config(project: Path) -> SiteConfig:
    """Read *project*/site.toml; raise SourceError when it is missing or invalid."""
    try:
        data = read_regular(project / FILE)
        text = data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        fix = "run in the directory of the site, or name it with --project"
        raise SourceError([Fault(FILE, 0, "no such file", fix)]) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError([Fault(FILE, line, "is not UTF-8", "save it as UTF-8")]) from None
    except OSError as error:
        fix = "make it a file that you may read"
        raise SourceError([Fault(FILE, 0, f"cannot be read ({error.strerror})", fix)]) from None
    return parse_config(text)
