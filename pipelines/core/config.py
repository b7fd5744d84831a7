"""The site's own facts, read from site.toml into frozen, checked values.

Reads site.toml. No writes, no network, no environment.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.core import validators
from pipelines.core.errors import Fault, SourceError, suggest
from pipelines.core.validators import Validator

FILE = "site.toml"


@dataclass(frozen=True, slots=True)
class MenuItem:
    """One link of the header or the footer."""

    label: str
    path: str  # site-absolute, as in "/posts/"
    line: int = field(default=0, compare=False)  # of site.toml


@dataclass(frozen=True, slots=True)
class ChartConfig:
    """Where charts are published to, and how they are numbered."""

    version: str  # "X.Y"; the third number is counted
    repository: str  # of releases: "https://…" (Helm repository) or "oci://host/path"; "" for none
    previews: str  # of merge requests, as repository
    promotion: str  # "automatic" or "manual": how a candidate becomes stable


@dataclass(frozen=True, slots=True)
class BucketConfig:
    """Object storage (S3): one bucket that readers may read, one that they may not."""

    endpoint: str  # absolute URL; "" for AWS itself
    region: str
    assets: str  # name of the public bucket of hashed assets; "" for none
    archive: str  # name of the private bucket of releases; "" for none
    keep: int  # releases whose assets are never removed


@dataclass(frozen=True, slots=True)
class Environment:
    """One place where the site runs."""

    name: str  # "production" or "staging"
    url: str  # absolute, no trailing slash
    edge: str = "ingress"  # or "httproute", "nodeport"
    edge_class: str = ""  # of an Ingress; "" for the cluster's default
    edge_gateway: str = ""  # of an HTTPRoute: "namespace/name" or "namespace/name/section"
    edge_port: int = 30080  # of every node, for "nodeport"
    edge_tls_secret: str = ""  # of an Ingress: the Secret with the certificate; "" for its controller's own
    edge_annotations: tuple[tuple[str, str], ...] = ()  # of an Ingress
    edge_namespace: str = ""  # where the pods of the Ingress controller or the Gateway run
    trusted: tuple[str, ...] = ()  # networks (CIDR) of what ends TLS
    pods: tuple[str, ...] = ()  # networks (CIDR) that pods get their addresses from
    cluster_domain: str = "cluster.local"  # of Services
    dns_service: str = "kube-system/kube-dns"  # namespace/name of what answers for names
    dns_pods: tuple[tuple[str, str], ...] = (("k8s-app", "kube-dns"),)  # labels of the pods behind it
    dns_port: int = 53  # of these pods
    dns_networks: tuple[str, ...] = ()  # networks (CIDR) of a cache on each node
    replicas: int | str = 3  # web pods, or "unmanaged"
    login_replicas: int | str = 3  # login pods, or "unmanaged"
    autoscale_max: int = 0  # web pods at the most; 0 for no autoscaler
    autoscale_min: int = 3  # web pods at the least, with an autoscaler
    autoscale_cpu: str = "200m"  # processor time of a web pod, on average
    mail_host: str = ""
    mail_port: int = 587
    mail_tls: str = "starttls"  # or "tls", "none"
    mail_from: str = ""  # an address; "" for login@<host of the site>
    mail_login: bool = True  # the mail server wants the user and password of a Secret
    mail_networks: tuple[str, ...] = ()  # networks (CIDR) of the mail server
    bucket_networks: tuple[str, ...] = ()  # networks (CIDR) of the bucket of assets
    database_version: str = "17"  # of PostgreSQL, the major number
    database_size: str = "5Gi"  # of each of the three volumes
    database_storage_class: str = ""  # "" for the cluster's default
    backup_bucket: str = ""  # name; "" for no backups
    backup_endpoint: str = ""  # absolute URL; "" for that of [buckets]
    webhook_port: int = 0  # of every node, for Flux's Receivers; 0 for none
    alerts: str = ""  # type of Flux's Provider; "" for none
    alerts_channel: str = ""  # of that Provider, where its address does not say it
    private: tuple[str, ...] = ()  # "charts", "images": what wants the login of a Secret
    private_ca: bool = False  # charts come from a server whose authority is in the Secret `ca`
    line: int = field(default=0, compare=False)  # of site.toml


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """What site.toml says."""

    name: str
    url: str  # absolute, no trailing slash
    tagline: str
    author: str
    lang: str  # BCP 47; the language of pages that name none
    timezone: str  # IANA name, for dates that are written without an offset
    login: bool  # False: no login page, no members' tree, no API
    menu: tuple[MenuItem, ...]
    footer: tuple[MenuItem, ...]
    feed_authority: str  # taggingEntity of RFC 4151: "domain,date"
    security_contact: tuple[str, ...]  # URIs (RFC 9116, section 2.5.3)
    metadata_extra: tuple[str, ...]  # further front matter keys
    less_compiler: str  # "lesscpy" or "lessc"
    registry: str  # where images are kept: host and path, without a tag; "" for none
    chart: ChartConfig
    buckets: BucketConfig
    environments: tuple[Environment, ...]  # production alone, where site.toml names none
    scripts: tuple[str, ...] = ()  # URLs of this site, site-absolute: what a text may load with <script src>


_REQUIRED = object()

# table -> key -> (check, default); a table in _LISTS is an array of tables.
_SCHEMA: dict[str, dict[str, tuple[Validator, Any]]] = {
    "site": {
        "name": (validators.valid_text, _REQUIRED),
        "url": (validators.valid_url, _REQUIRED),
        "tagline": (validators.valid_text, _REQUIRED),
        "author": (validators.valid_text, _REQUIRED),
        "lang": (validators.valid_language, "en"),
        "timezone": (validators.valid_timezone, "UTC"),
        "login": (validators.valid_flag, True),
    },
    "menu": {"label": (validators.valid_text, _REQUIRED), "path": (validators.valid_path, _REQUIRED)},
    "footer": {"label": (validators.valid_text, _REQUIRED), "path": (validators.valid_path, _REQUIRED)},
    "feed": {"authority": (validators.valid_feed_authority, _REQUIRED)},
    "security": {
        "contact": (validators.valid_contacts, _REQUIRED),
        "scripts": (validators.valid_scripts, ()),
    },
    "metadata": {"extra": (validators.valid_names, ())},
    "build": {"less_compiler": (validators.valid_compiler, "lesscpy")},
    "images": {"registry": (validators.valid_registry, "")},
    "chart": {
        "version": (validators.valid_major_minor, "0.1"),
        "repository": (validators.valid_chart_repository, ""),
        "previews": (validators.valid_chart_repository, ""),
        "promotion": (validators.valid_promotion, "automatic"),
    },
    "buckets": {
        "endpoint": (validators.valid_endpoint, ""),
        "region": (validators.valid_text, "us-east-1"),
        "assets": (validators.valid_bucket, ""),
        "archive": (validators.valid_bucket, ""),
        "keep": (validators.valid_count, 20),
    },
    "environment": {
        "name": (validators.valid_environment, _REQUIRED),
        "url": (validators.valid_url, _REQUIRED),
        "edge": (validators.valid_edge, "ingress"),
        "edge_class": (validators.valid_label, ""),
        "edge_gateway": (validators.valid_gateway, ""),
        "edge_port": (validators.valid_node_port, 30080),
        "edge_tls_secret": (validators.valid_secret_name, ""),
        "edge_annotations": (validators.valid_annotations, ()),
        "edge_namespace": (validators.valid_label, ""),
        "trusted": (validators.valid_networks, ()),
        "pods": (validators.valid_networks, ()),
        "cluster_domain": (validators.valid_domain, "cluster.local"),
        "dns_service": (validators.valid_service, "kube-system/kube-dns"),
        "dns_pods": (validators.valid_labels, (("k8s-app", "kube-dns"),)),
        "dns_port": (validators.valid_port, 53),
        "dns_networks": (validators.valid_networks, ()),
        "replicas": (validators.valid_replicas, 3),
        "login_replicas": (validators.valid_replicas, 3),
        "autoscale_max": (validators.valid_autoscale_max, 0),
        "autoscale_min": (validators.valid_autoscale_min, 3),
        "autoscale_cpu": (validators.valid_cpu, "200m"),
        "mail_host": (validators.valid_host, ""),
        "mail_port": (validators.valid_port, 587),
        "mail_tls": (validators.valid_mail_tls, "starttls"),
        "mail_from": (validators.valid_address, ""),
        "mail_login": (validators.valid_flag, True),
        "mail_networks": (validators.valid_networks, ()),
        "bucket_networks": (validators.valid_networks, ()),
        "database_version": (validators.valid_postgres_version, "17"),
        "database_size": (validators.valid_size, "5Gi"),
        "database_storage_class": (validators.valid_secret_name, ""),
        "backup_bucket": (validators.valid_bucket, ""),
        "backup_endpoint": (validators.valid_endpoint, ""),
        "webhook_port": (validators.valid_webhook_port, 0),
        "alerts": (validators.valid_alerts, ""),
        "alerts_channel": (validators.valid_channel, ""),
        "private": (validators.valid_private, ()),
        "private_ca": (validators.valid_flag, False),
    },
}
_LISTS = frozenset({"menu", "footer", "environment"})


def _places(text: str) -> dict[tuple[str, int, str], int]:
    """Map (table, index in an array of tables, key) to its line; key "" is the header.

    ``tomllib`` keeps no positions. This reads headers and bare keys, which is
    all that this file holds; what it cannot place gets line 0.
    """
    places: dict[tuple[str, int, str], int] = {}
    counts: dict[str, int] = {}
    table, index = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            table = header[2]
            index = counts.get(table, 0) if header[1] == "[[" else 0
            counts[table] = index + 1
            places.setdefault((table, index, ""), number)
        elif key := re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line):
            places.setdefault((table, index, key[1]), number)
    return places


def toml_syntax_fault(name: str, error: tomllib.TOMLDecodeError) -> Fault:
    """Return what tomllib says of the file *name* as a fault with its line."""
    what, _, place = str(error).partition(" (at ")
    line = re.search(r"line (\d+)", place)
    return Fault(name, int(line[1]) if line else 0, f"is not TOML: {what}", "mend it")


class _Reading:
    """Checks one file and gathers every fault before it speaks."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.places = _places(text)
        self.faults: list[Fault] = []
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SourceError([toml_syntax_fault(name, error)]) from None
        except RecursionError:
            raise SourceError([Fault(name, 0, "is nested too deeply", "write flat lists")]) from None

    def add_fault(self, table: str, index: int, key: str, text: str, fix: str) -> None:
        places = ((table, index, key), (table, index, ""), ("", 0, table))
        line = next((self.places[place] for place in places if place in self.places), 0)
        self.faults.append(Fault(self.name, line, text, fix))

    def rows(self, table: str) -> Iterator[dict[str, Any]]:
        """Yield the checked rows of *table*: one for a table, any number for an array."""
        found = self.data.get(table, [] if table in _LISTS else {})
        rows = found if table in _LISTS else [found]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            form = f"[[{table}]]" if table in _LISTS else f"[{table}]"
            self.add_fault("", 0, table, f"{table!r} is not a table", f"write it as {form}")
            return
        for index, row in enumerate(rows):
            yield self.row(table, index, row)

    def menu(self, table: str, rows: list[dict[str, Any]]) -> tuple[MenuItem, ...]:
        lines = [self.places.get((table, index, "path"), 0) for index in range(len(rows))]
        return tuple(MenuItem(**row, line=line) for row, line in zip(rows, lines, strict=True))

    def environments(self, rows: list[dict[str, Any]]) -> tuple[Environment, ...]:
        names = [row.get("name") for row in rows]
        for index, name in enumerate(names):
            if name in names[:index]:
                self.add_fault(
                    "environment", index, "name", f"names {name!r} a second time", "name each once"
                )
        if self.faults:
            return ()
        lines = [self.places.get(("environment", index, ""), 0) for index in range(len(rows))]
        return tuple(Environment(**row, line=line) for row, line in zip(rows, lines, strict=True))

    def row(self, table: str, index: int, row: dict[str, Any]) -> dict[str, Any]:
        schema = _SCHEMA[table]
        for key in row.keys() - schema.keys():
            self.add_fault(table, index, key, f"unknown key {key!r} in [{table}]", suggest(key, schema))
        values: dict[str, Any] = {}
        for key, (check, default) in schema.items():
            if key not in row:
                values[key] = default
                if default is _REQUIRED:
                    known = table in self.data
                    fix = f"add {key} = … under it" if known else f"add [{table}] with {key} = …"
                    self.add_fault(table, index, "", f"[{table}] has no {key}", fix)
                continue
            try:
                values[key] = check(row[key])
            except validators.InvalidValue as wrong:
                what, fix = wrong.args
                self.add_fault(table, index, key, f"{key} {what}: {row[key]!r}", fix)
        return values


def parse_config(text: str, name: str = FILE) -> SiteConfig:
    """Check the text of a site.toml; raise SourceError with every fault at once."""
    reading = _Reading(text, name)
    for table in reading.data.keys() - _SCHEMA.keys():
        if isinstance(reading.data[table], (dict, list)):
            reading.add_fault(table, 0, "", f"unknown table [{table}]", suggest(table, _SCHEMA))
        else:
            reading.add_fault("", 0, table, f"{table!r} stands outside of a table", "move it below [site]")
    rows = {table: list(reading.rows(table)) for table in _SCHEMA}
    environments = reading.environments(rows["environment"])
    if reading.faults:
        raise SourceError(reading.faults)
    site = rows["site"][0]
    environments = environments or (Environment("production", site["url"]),)
    return SiteConfig(
        **site,
        menu=reading.menu("menu", rows["menu"]),
        footer=reading.menu("footer", rows["footer"]),
        feed_authority=rows["feed"][0]["authority"],
        security_contact=rows["security"][0]["contact"],
        scripts=rows["security"][0]["scripts"],
        metadata_extra=rows["metadata"][0]["extra"],
        less_compiler=rows["build"][0]["less_compiler"],
        registry=rows["images"][0]["registry"],
        chart=ChartConfig(**rows["chart"][0]),
        buckets=BucketConfig(**rows["buckets"][0]),
        environments=environments,
    )


def load_config(project: Path) -> SiteConfig:
    """Read *project*/site.toml; raise SourceError when it is missing or wrong."""
    try:
        data = (project / FILE).read_bytes()
        text = data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        fix = "run in the folder of the site, or name it with --project"
        raise SourceError([Fault(FILE, 0, "no such file", fix)]) from None
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError([Fault(FILE, line, "is not UTF-8", "save it as UTF-8")]) from None
    except OSError as error:
        fix = "make it a file that you may read"
        raise SourceError([Fault(FILE, 0, f"cannot be read ({error.strerror})", fix)]) from None
    return parse_config(text)
