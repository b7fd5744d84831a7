"""Validators of the keys of site.toml.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipelines.core.validators import (
    Choice,
    InvalidValue,
    Number,
    Pattern,
    PatternList,
    described,
    valid_strings,
    valid_text,
)


@described(valid_text.schema)
def valid_timezone(value: Any) -> str:
    try:
        ZoneInfo(valid_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue("must be an IANA time zone", 'write a name such as "Europe/Berlin"') from None
    return str(value)


_HOST = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
_PORT = r"(?::[0-9]{1,5})?"
_URL = rf"https?://{_HOST}{_PORT}"
_URL_MUST = "must be an absolute URL without a path"
_URL_FIX = 'write scheme and host in lower case, as in "https://example.org"'

valid_url = Pattern(_URL, _URL_MUST, _URL_FIX)
valid_endpoint = Pattern(_URL, _URL_MUST, _URL_FIX, optional=True)
valid_language = Pattern(
    r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "must be a BCP 47 language tag", 'write "en" or "de-AT"'
)
valid_path = Pattern(r"/(?!/)[^\s]*", "must be a path of this site", 'write "/posts/"')
valid_feed_authority = Pattern(
    r"[a-z0-9][a-z0-9.-]*,[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?",
    "must be a tagging entity of RFC 4151",
    'write a domain and a date, as in "example.org,2026"',
)


valid_contacts = PatternList(
    r"(?:mailto:|https://|tel:)\S+",
    "must be a list of contact URIs (RFC 9116)",
    'write ["mailto:security@example.org"]',
    least=1,
)
# The Content-Security-Policy (script-src 'self') loads no scripts of other hosts.
valid_scripts = PatternList(
    r"/[A-Za-z0-9._~-][A-Za-z0-9._~/-]*", "must be a list of paths of this site", 'write ["/files/chart.js"]'
)
_ORIGINS_MUST = "must be a list of origins: scheme and host, without a path"
valid_origins = PatternList(rf"https://{_HOST}{_PORT}", _ORIGINS_MUST, 'write ["https://img.example"]')

# Attributes of a page that Pelican, the build or the templates set: an extra key would overwrite them.
_PAGE_ATTRIBUTES = frozenset(
    (
        *("has_category", "id", "terms"),
        *("access", "aliases", "author", "authors", "category", "content", "cover", "date", "date_format"),
        *("description", "entry", "filename", "gated", "get_content", "image", "lang", "locale", "mark"),
        *("locale_date", "locale_modified", "metadata", "minutes", "modified", "next_article", "path"),
        *("prev_article", "private", "related", "relative_source_path", "save_as", "series"),
        *("series_name", "settings", "slug", "source_path", "status", "summary", "tags", "template"),
        *("timezone", "title", "toc", "translations", "url"),
    )
)
_KEY = r"[a-z][a-z0-9_]*"
_KEYS = PatternList(_KEY, "must be a table of keys and types, or a list of keys", "use a-z, 0-9 and _")
_TYPES = ("text", "bool", "int", "date", "list")


@described(
    {
        "anyOf": [
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{_KEY}$", "not": {"enum": sorted(_PAGE_ATTRIBUTES)}},
                "additionalProperties": {"enum": list(_TYPES)},
            },
            {"type": "array", "items": {**_KEYS.schema["items"], "not": {"enum": sorted(_PAGE_ATTRIBUTES)}}},
        ]
    }
)
def valid_metadata_keys(value: Any) -> tuple[tuple[str, str], ...]:
    """Accept a table of keys and their types, or a list of keys that hold text."""
    keys = _KEYS(list(value) if isinstance(value, dict) else value)
    if reserved := sorted(_PAGE_ATTRIBUTES & set(keys)):
        raise InvalidValue("must be keys that no page has yet", f"rename {reserved[0]!r}")
    types = value if isinstance(value, dict) else dict.fromkeys(keys, "text")
    for key, kind in types.items():
        if kind not in _TYPES:
            names = ", ".join(f'"{name}"' for name in _TYPES)
            raise InvalidValue(f"must have types of {names}", f'write {key} = "text"')
    return tuple(types.items())


_SEGMENT = r"(?:[A-Za-z0-9_~-]|\{(?:%s)\})(?:[A-Za-z0-9._~-]|\{(?:%s)\})*"


def _url_pattern(*names: str) -> Pattern:
    """Return the validator of a URL pattern with the placeholders *names*."""
    one = _SEGMENT.replace("%s", "|".join(names))
    listed = ", ".join(f"{{{name}}}" for name in names)
    return Pattern(
        rf"/(?:{one}/)*(?:{one}/|{one}\.html)",
        f"must be a path of this site that ends with / or .html; its placeholders are {listed}",
        'write "/{slug}/", or "/posts/{slug}/"',
    )


_POST_PATTERN = _url_pattern("slug", "path", "lang", "category", "year", "month", "day")
_PAGE_PATTERN = _url_pattern("slug", "path", "lang")


def _with_name(pattern: Pattern, value: Any) -> str:
    checked = pattern(value)
    if "{slug}" not in checked and "{path}" not in checked:
        raise InvalidValue("must contain {slug} or {path}", "add {slug}: one page has one address")
    return checked


@described(_POST_PATTERN.schema)
def valid_post_url(value: Any) -> str:
    return _with_name(_POST_PATTERN, value)


@described(_PAGE_PATTERN.schema)
def valid_page_url(value: Any) -> str:
    return _with_name(_PAGE_PATTERN, value)


valid_compiler = Choice("lesscpy", "lessc")
valid_dialect = Choice("commonmark", "python-markdown")

# Host, optional port, path in lower case (OCI distribution-spec, "Pulling manifests").
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = rf"{_HOST}{_PORT}(?:/{_NAME})+"

valid_registry = Pattern(
    _REGISTRY,
    "must be a host and a path in lower case",
    'write "registry.example.org/me/site", or "" for none',
    optional=True,
)
valid_chart_repository = Pattern(
    rf"oci://{_REGISTRY}|{_URL}(?:/[A-Za-z0-9._~-]+)*",
    "must start with https:// or oci:// and have no slash at its end",
    'write "https://…", "oci://host/path", or "" for none',
    optional=True,
)
valid_major_minor = Pattern(
    r"(?:0|[1-9][0-9]{0,5})\.(?:0|[1-9][0-9]{0,5})", "must be two numbers, X.Y", 'write "1.0"'
)
valid_promotion = Choice("automatic", "manual")
# S3, "Bucket naming rules", without dots: wildcard certificates cover one level only.
valid_bucket = Pattern(
    r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    "must be a bucket name",
    "use 3 to 63 of a-z, 0-9 and -, with a letter or digit at both ends",
    optional=True,
)
valid_release_count = Number(1, 1000)
# Without "." at the start of a name: neither hidden nor outside of the project.
valid_file = Pattern(
    r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*",
    "must be a file of this project",
    'write its path from the root of the project, as in "flux/bucket-ca.pem"',
    optional=True,
)
valid_environment = Choice("production", "staging")
valid_edge = Choice("ingress", "httproute", "nodeport")
valid_node_port = Number(30000, 32767)
valid_webhook_port = Number(30000, 32767, other=0)
valid_port = Number(1, 65535)

# Names of namespaces and of most objects in Kubernetes (RFC 1123: a label, or a subdomain of labels).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"

valid_label = Pattern(
    _LABEL, "must be a name in Kubernetes", 'use a-z, 0-9 and -, as in "ingress-nginx"', optional=True
)
valid_subdomain = Pattern(
    _SUBDOMAIN, "must be a name in Kubernetes", 'use a-z, 0-9, - and ., as in "example-tls"', optional=True
)
valid_gateway = Pattern(
    rf"{_LABEL}/{_LABEL}(?:/{_LABEL})?",
    "must be a namespace and a Gateway",
    'write "namespace/name", or "namespace/name/section"',
    optional=True,
)
valid_service = Pattern(
    rf"{_LABEL}/{_LABEL}", "must be a namespace and a Service", 'write "kube-system/kube-dns"'
)
valid_domain = Pattern(_SUBDOMAIN, "must be a domain", 'write "cluster.local", the default of Kubernetes')

# Kubernetes, "Labels and Selectors" and "Annotations": an optional domain, and a name of up to 63 characters.
_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"


@described(
    {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "propertyNames": {"pattern": f"^{_KEY}$"},
    }
)
def valid_annotations(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a table of annotations, sorted."""
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        example = '{"cert-manager.io/cluster-issuer" = "letsencrypt"}'
        raise InvalidValue("must be a table of strings", f"write {example}")
    if invalid := [key for key in value if not re.fullmatch(_KEY, key)]:
        fix = f'write {invalid[0]!r} like "cert-manager.io/cluster-issuer"'
        raise InvalidValue("must have keys that Kubernetes accepts", fix)
    return tuple(sorted(value.items()))


@described(
    {
        "type": "object",
        "additionalProperties": {"type": "string", "pattern": f"^{_LABEL_VALUE}$"},
        "propertyNames": {"pattern": f"^{_KEY}$"},
        "minProperties": 1,
    }
)
def valid_labels(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a table of labels, sorted; an empty selector would select every pod."""
    pairs: tuple[tuple[str, str], ...] = valid_annotations(value)
    if not pairs or not all(re.fullmatch(_LABEL_VALUE, label) for _, label in pairs):
        raise InvalidValue("must be a table of one or more labels", 'write {k8s-app = "kube-dns"}')
    return pairs


valid_replicas = Number(1, 100, other="unmanaged")
valid_autoscale_max = Number(1, 100, other=0)
valid_autoscale_min = Number(1, 100)
# Three times this, for upgrade, test and rollback, is within the 20 min of flux/clusters/base/apps.yaml.
valid_release_timeout = Number(60, 400)
valid_cpu = Pattern(r"[1-9][0-9]{0,5}m?", "must be an amount of CPU", 'write "200m", a fifth of a core')
valid_host = Pattern(_HOST, "must be a host name or an IP address", 'write "mail.example.org"', optional=True)


@described({"type": "array", "items": {"type": "string", "pattern": r"^[0-9A-Fa-f:.]+(?:/[0-9.]+)?$"}})
def valid_networks(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(item)) for item in valid_strings(value))
    except ValueError:
        fix = 'write ["192.0.2.0/24"], with zeros behind the prefix; one machine is /32'
        raise InvalidValue("must be a list of networks (CIDR)", fix) from None


valid_mail_tls = Choice("starttls", "tls", "none")
valid_address = Pattern(
    r"[^\s@<>]+@[^\s@<>]+",
    "must be a mail address",
    'write "login@example.org", or "" for login@ the host of the site',
    optional=True,
)
# Supported by postgres-operator 1.15, and not deprecated there.
valid_postgres_version = Choice("15", "16", "17")
valid_size = Pattern(r"[1-9][0-9]{0,4}(?:Mi|Gi|Ti)", "must be the size of a volume", 'write "5Gi"')
# The Provider types of Flux's notification-controller whose only secret is an address.
valid_alerts = Choice("", "alertmanager", "discord", "generic", "googlechat", "msteams", "rocket", "slack")
valid_channel = Pattern(".+", "must be the name of a channel", 'write "#alerts"', optional=True)


@described({"type": "array", "items": {"enum": ["charts", "images"]}})
def valid_private(value: Any) -> tuple[str, ...]:
    if set(valid_strings(value)) - {"charts", "images"}:
        raise InvalidValue('must be a list of "charts" and "images"', "remove the others")
    return tuple(sorted(set(value)))
