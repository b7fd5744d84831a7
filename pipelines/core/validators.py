"""The forms that values of site.toml have: each checks one, and says how to write it.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class InvalidValue(Exception):
    """A value that does not fit; carries the fault and the remedy."""


Validator = Callable[[Any], Any]


def valid_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise InvalidValue("is not a text", 'write it as "…", not empty')
    if re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise InvalidValue("holds a line break or a control character", "write it in one line")
    return value


def valid_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("is neither true nor false", "write true or false, without quotes")
    return value


def valid_url(value: Any) -> str:
    if not re.match(r"https?://", valid_text(value)):
        raise InvalidValue("is not an absolute URL", 'write it as "https://example.org"')
    if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", value):
        fix = 'write scheme and host only, in lower case, as in "https://example.org"'
        raise InvalidValue("is more than scheme and host", fix)
    return str(value)


def valid_language(value: Any) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", valid_text(value)):
        raise InvalidValue("is not a language tag", 'write it as "en" or "de-AT" (BCP 47)')
    return str(value)


def valid_timezone(value: Any) -> str:
    try:
        ZoneInfo(valid_text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidValue("is not a time zone", 'write an IANA name, as in "Europe/Berlin"') from None
    return str(value)


def valid_path(value: Any) -> str:
    if not re.fullmatch(r"/(?!/)[^\s]*", valid_text(value)):
        raise InvalidValue("is not a path of this site", 'write it as "/posts/"')
    return str(value)


def valid_feed_authority(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*,\d{4}(-\d\d(-\d\d)?)?", valid_text(value)):
        raise InvalidValue("is not a tagging entity", 'write it as "example.org,2026" (RFC 4151)')
    return str(value)


def valid_contacts(value: Any) -> tuple[str, ...]:
    uris = valid_texts(value)
    if not uris or not all(re.match(r"(mailto:|https://|tel:)\S+$", uri) for uri in uris):
        raise InvalidValue("is not a list of URIs", 'write ["mailto:security@example.org"] (RFC 9116)')
    return uris


def valid_scripts(value: Any) -> tuple[str, ...]:
    """Return URLs of scripts; only paths of this site, since the Content-Security-Policy loads no others."""
    urls = valid_texts(value)
    if not all(re.fullmatch(r"/[A-Za-z0-9._~-][A-Za-z0-9._~/-]*", url) for url in urls):
        raise InvalidValue("is not a list of paths of this site", 'write ["/files/chart.js"]')
    return urls


def valid_texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise InvalidValue("is not a list of texts", 'write it as ["one", "two"]')
    return tuple(value)


# Attributes of a page that Pelican, the build or the templates set: a key of that name would win.
_TAKEN = frozenset(
    (
        *("access", "aliases", "author", "authors", "category", "content", "cover", "date", "date_format"),
        *("description", "entry", "filename", "gated", "get_content", "image", "lang", "locale", "mark"),
        *("locale_date", "locale_modified", "metadata", "minutes", "modified", "next_article", "path"),
        *("prev_article", "private", "related", "relative_source_path", "save_as", "series"),
        *("series_name", "settings", "slug", "source_path", "status", "summary", "tags", "template"),
        *("timezone", "title", "toc", "translations", "url"),
    )
)


def valid_names(value: Any) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in valid_texts(value)):
        raise InvalidValue("has a name that no key can have", "use a-z, 0-9 and _ only")
    if taken := sorted(_TAKEN & set(value)):
        raise InvalidValue(f"has {taken[0]!r}, which every page has", "take another name")
    return tuple(value)


def valid_compiler(value: Any) -> str:
    if value not in ("lesscpy", "lessc"):
        raise InvalidValue("is not a LESS compiler known here", 'write "lesscpy" or "lessc"')
    return str(value)


# Host, perhaps a port, a path in lower case (OCI distribution-spec, "Pulling manifests").
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(rf"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{{1,5}})?(?:/{_NAME})+")


def valid_registry(value: Any) -> str:
    if value == "":
        return ""
    if not _REGISTRY.fullmatch(valid_text(value)):
        fix = 'write host and path, as in "registry.example.org/me/site", or "" for none'
        raise InvalidValue("is not a place in a registry", fix)
    return str(value)


def valid_major_minor(value: Any) -> str:
    if not re.fullmatch(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", valid_text(value)):
        raise InvalidValue("is not the beginning of a version", 'write two numbers, as in "1.0"')
    return str(value)


def valid_chart_repository(value: Any) -> str:
    if value == "":
        return ""
    oci, _, place = valid_text(value).partition("oci://")
    if not oci and _REGISTRY.fullmatch(place):
        return str(value)
    if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[A-Za-z0-9._~-]+)*", value):
        fix = 'write "https://…" without a slash at its end, "oci://host/path", or "" for none'
        raise InvalidValue("is not a chart repository", fix)
    return str(value)


def valid_promotion(value: Any) -> str:
    if value not in ("automatic", "manual"):
        raise InvalidValue("is no way to promote", 'write "automatic" or "manual"')
    return str(value)


def valid_endpoint(value: Any) -> str:
    return "" if value == "" else valid_url(value)


# The rules of S3 ("Bucket naming rules"), without dots: certificates of a star do not fit those.
def valid_bucket(value: Any) -> str:
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]", valid_text(value)):
        raise InvalidValue(
            "is not the name of a bucket", "use 3 to 63 of a-z, 0-9 and -, a letter or digit at both ends"
        )
    return "" if value == "" else valid_text(value)


def valid_count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise InvalidValue("is not a number from 1 to 1000", "write it without quotes")
    return value


def valid_environment(value: Any) -> str:
    if value not in ("production", "staging"):
        raise InvalidValue("is not an environment known here", 'write "production" or "staging"')
    return str(value)


def valid_edge(value: Any) -> str:
    if value not in ("ingress", "httproute", "nodeport"):
        raise InvalidValue("is no way to readers", 'write "ingress", "httproute" or "nodeport"')
    return str(value)


def valid_node_port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 30000 <= value <= 32767:
        raise InvalidValue("is not a port of nodes", "write 30000 to 32767, without quotes")
    return value


def valid_webhook_port(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else valid_node_port(value)


def valid_port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise InvalidValue("is not a port", "write 1 to 65535, without quotes")
    return value


# What Kubernetes takes as the name of a namespace and of most objects (RFC 1123, a label).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"


def valid_label(value: Any) -> str:
    if value and not re.fullmatch(_LABEL, valid_text(value)):
        raise InvalidValue("is not a name in Kubernetes", 'use a-z, 0-9 and -, as in "ingress-nginx"')
    return "" if value == "" else valid_text(value)


def valid_gateway(value: Any) -> str:
    if value and not re.fullmatch(rf"{_LABEL}/{_LABEL}(/{_LABEL})?", valid_text(value)):
        fix = 'write "namespace/name", or "namespace/name/section"'
        raise InvalidValue("is not a Gateway", fix)
    return "" if value == "" else valid_text(value)


def valid_service(value: Any) -> str:
    """Check the namespace and name of a Service."""
    if not re.fullmatch(rf"{_LABEL}/{_LABEL}", valid_text(value)):
        raise InvalidValue("is not a Service", 'write "namespace/name", as in "kube-system/kube-dns"')
    return str(value)


# Kubernetes, "Labels and Selectors" and "Annotations": a domain as prefix, and a name of up to 63 letters.
_KEY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def valid_annotations(value: Any) -> tuple[tuple[str, str], ...]:
    """Check a table of annotations; return its pairs, sorted."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        fix = 'write them as {"cert-manager.io/cluster-issuer" = "letsencrypt"}'
        raise InvalidValue("is not a table of texts", fix)
    if strangers := [key for key in value if not _KEY.fullmatch(key)]:
        raise InvalidValue(f"has the key {strangers[0]!r}", 'write keys as "cert-manager.io/cluster-issuer"')
    pairs: list[tuple[str, str]] = sorted(value.items())
    return tuple(pairs)


def valid_labels(value: Any) -> tuple[tuple[str, str], ...]:
    """Check a table of labels that select pods; return its pairs, sorted."""
    pairs = valid_annotations(value)
    if strangers := [one for _, one in pairs if not _LABEL_VALUE.fullmatch(one)]:
        raise InvalidValue(f"has the value {strangers[0]!r}", 'write labels as {k8s-app = "kube-dns"}')
    if not pairs:
        raise InvalidValue(
            "names no label, so every pod would be meant", 'write it as {k8s-app = "kube-dns"}'
        )
    return pairs


def valid_secret_name(value: Any) -> str:
    """Check the name of an object that may have dots in it (RFC 1123, a subdomain); "" for none."""
    if value and not re.fullmatch(_SUBDOMAIN, valid_text(value)):
        raise InvalidValue("is not a name in Kubernetes", 'use a-z, 0-9, - and ., as in "example-tls"')
    return "" if value == "" else valid_text(value)


def valid_domain(value: Any) -> str:
    if not re.fullmatch(_SUBDOMAIN, valid_text(value)):
        raise InvalidValue("is not a domain", 'write it as "cluster.local", which most clusters have')
    return str(value)


def valid_replicas(value: Any) -> int | str:
    number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
    if not number and value != "unmanaged":
        raise InvalidValue("is not a number of pods", 'write 1 to 100 without quotes, or "unmanaged"')
    return int(value) if number else "unmanaged"


def valid_autoscale_max(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise InvalidValue("is not a number of pods", "write 1 to 100 without quotes, or 0 for no autoscaler")
    return value


def valid_autoscale_min(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise InvalidValue("is not a number of pods", "write 1 to 100, without quotes")
    return value


def valid_cpu(value: Any) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}m?", valid_text(value)):
        raise InvalidValue("is not an amount of processor time", 'write it as "200m", a fifth of a core')
    return str(value)


def valid_host(value: Any) -> str:
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", valid_text(value)):
        raise InvalidValue("is not a host", 'write a name or an address, as in "mail.example.org"')
    return "" if value == "" else valid_text(value)


def valid_networks(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one)) for one in valid_texts(value))
    except ValueError:
        fix = 'write them as ["192.0.2.0/24"], without bits behind the mask; one machine is /32'
        raise InvalidValue("is not a list of networks", fix) from None


def valid_mail_tls(value: Any) -> str:
    if value not in ("starttls", "tls", "none"):
        raise InvalidValue("is no way to a mail server", 'write "starttls", "tls" or "none"')
    return str(value)


def valid_address(value: Any) -> str:
    if value and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", valid_text(value)):
        raise InvalidValue("is not a mail address", 'write it as "login@example.org", or "" for that')
    return "" if value == "" else valid_text(value)


def valid_postgres_version(value: Any) -> str:
    if value not in ("15", "16", "17"):  # what postgres-operator 1.15 brings, and has not given up
        raise InvalidValue("is not a version of PostgreSQL known here", 'write "15", "16" or "17"')
    return str(value)


def valid_size(value: Any) -> str:
    if not re.fullmatch(r"[1-9]\d{0,4}(Mi|Gi|Ti)", valid_text(value)):
        raise InvalidValue("is not a size of a volume", 'write it as "5Gi"')
    return str(value)


# Of the types that Flux's notification-controller knows, those whose one secret is an address.
_ALERTS = ("alertmanager", "discord", "generic", "googlechat", "msteams", "rocket", "slack")


def valid_alerts(value: Any) -> str:
    if value and value not in _ALERTS:
        raise InvalidValue("is no channel known here", f'write one of {", ".join(_ALERTS)}, or "" for none')
    return str(value)


def valid_channel(value: Any) -> str:
    return "" if value == "" else valid_text(value)


def valid_private(value: Any) -> tuple[str, ...]:
    if strangers := sorted(set(valid_texts(value)) - {"charts", "images"}):
        raise InvalidValue(f"has {strangers[0]!r}", 'write "charts", "images", both, or []')
    return tuple(sorted(set(value)))
