"""The forms that values of site.toml have: each checks one, and says how to write it.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class Wrong(Exception):
    """A value that does not fit; carries the fault and the remedy."""


Check = Callable[[Any], Any]


def text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Wrong("is not a text", 'write it as "…", not empty')
    if re.search(r"[\x00-\x1f\x7f-\x9f]", value):
        raise Wrong("holds a line break or a control character", "write it in one line")
    return value


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Wrong("is neither true nor false", "write true or false, without quotes")
    return value


def url(value: Any) -> str:
    if not re.match(r"https?://", text(value)):
        raise Wrong("is not an absolute URL", 'write it as "https://example.org"')
    if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", value):
        remedy = 'write scheme and host only, in lower case, as in "https://example.org"'
        raise Wrong("is more than scheme and host", remedy)
    return str(value)


def language(value: Any) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", text(value)):
        raise Wrong("is not a language tag", 'write it as "en" or "de-AT" (BCP 47)')
    return str(value)


def timezone(value: Any) -> str:
    try:
        ZoneInfo(text(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong("is not a time zone", 'write an IANA name, as in "Europe/Berlin"') from None
    return str(value)


def path(value: Any) -> str:
    if not re.fullmatch(r"/(?!/)[^\s]*", text(value)):
        raise Wrong("is not a path of this site", 'write it as "/posts/"')
    return str(value)


def authority(value: Any) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*,\d{4}(-\d\d(-\d\d)?)?", text(value)):
        raise Wrong("is not a tagging entity", 'write it as "example.org,2026" (RFC 4151)')
    return str(value)


def contacts(value: Any) -> tuple[str, ...]:
    uris = texts(value)
    if not uris or not all(re.match(r"(mailto:|https://|tel:)\S+$", uri) for uri in uris):
        raise Wrong("is not a list of URIs", 'write ["mailto:security@example.org"] (RFC 9116)')
    return uris


def scripts(value: Any) -> tuple[str, ...]:
    """Return URLs of scripts; only paths of this site, since the Content-Security-Policy loads no others."""
    urls = texts(value)
    if not all(re.fullmatch(r"/[A-Za-z0-9._~-][A-Za-z0-9._~/-]*", url) for url in urls):
        raise Wrong("is not a list of paths of this site", 'write ["/files/chart.js"]')
    return urls


def texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Wrong("is not a list of texts", 'write it as ["one", "two"]')
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


def names(value: Any) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in texts(value)):
        raise Wrong("has a name that no key can have", "use a-z, 0-9 and _ only")
    if taken := sorted(_TAKEN & set(value)):
        raise Wrong(f"has {taken[0]!r}, which every page has", "take another name")
    return tuple(value)


def compiler(value: Any) -> str:
    if value not in ("lesscpy", "lessc"):
        raise Wrong("is not a LESS compiler known here", 'write "lesscpy" or "lessc"')
    return str(value)


# Host, perhaps a port, a path in lower case (OCI distribution-spec, "Pulling manifests").
_NAME = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REGISTRY = re.compile(rf"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{{1,5}})?(?:/{_NAME})+")


def registry(value: Any) -> str:
    if value == "":
        return ""
    if not _REGISTRY.fullmatch(text(value)):
        remedy = 'write host and path, as in "registry.example.org/me/site", or "" for none'
        raise Wrong("is not a place in a registry", remedy)
    return str(value)


def major_minor(value: Any) -> str:
    if not re.fullmatch(r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})", text(value)):
        raise Wrong("is not the beginning of a version", 'write two numbers, as in "1.0"')
    return str(value)


def charts(value: Any) -> str:
    if value == "":
        return ""
    oci, _, place = text(value).partition("oci://")
    if not oci and _REGISTRY.fullmatch(place):
        return str(value)
    if not re.fullmatch(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[A-Za-z0-9._~-]+)*", value):
        remedy = 'write "https://…" without a slash at its end, "oci://host/path", or "" for none'
        raise Wrong("is not a chart repository", remedy)
    return str(value)


def promotion(value: Any) -> str:
    if value not in ("automatic", "manual"):
        raise Wrong("is no way to promote", 'write "automatic" or "manual"')
    return str(value)


def endpoint(value: Any) -> str:
    return "" if value == "" else url(value)


# The rules of S3 ("Bucket naming rules"), without dots: certificates of a star do not fit those.
def bucket(value: Any) -> str:
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9-]{1,61})[a-z0-9]", text(value)):
        raise Wrong(
            "is not the name of a bucket", "use 3 to 63 of a-z, 0-9 and -, a letter or digit at both ends"
        )
    return "" if value == "" else text(value)


def count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
        raise Wrong("is not a number from 1 to 1000", "write it without quotes")
    return value


def environment(value: Any) -> str:
    if value not in ("production", "staging"):
        raise Wrong("is not an environment known here", 'write "production" or "staging"')
    return str(value)


def edge(value: Any) -> str:
    if value not in ("ingress", "httproute", "nodeport"):
        raise Wrong("is no way to readers", 'write "ingress", "httproute" or "nodeport"')
    return str(value)


def node_port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 30000 <= value <= 32767:
        raise Wrong("is not a port of nodes", "write 30000 to 32767, without quotes")
    return value


def webhook_port(value: Any) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else node_port(value)


def port(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise Wrong("is not a port", "write 1 to 65535, without quotes")
    return value


# What Kubernetes takes as the name of a namespace and of most objects (RFC 1123, a label).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"


def label(value: Any) -> str:
    if value and not re.fullmatch(_LABEL, text(value)):
        raise Wrong("is not a name in Kubernetes", 'use a-z, 0-9 and -, as in "ingress-nginx"')
    return "" if value == "" else text(value)


def gateway(value: Any) -> str:
    if value and not re.fullmatch(rf"{_LABEL}/{_LABEL}(/{_LABEL})?", text(value)):
        remedy = 'write "namespace/name", or "namespace/name/section"'
        raise Wrong("is not a Gateway", remedy)
    return "" if value == "" else text(value)


def service(value: Any) -> str:
    """Check the namespace and name of a Service."""
    if not re.fullmatch(rf"{_LABEL}/{_LABEL}", text(value)):
        raise Wrong("is not a Service", 'write "namespace/name", as in "kube-system/kube-dns"')
    return str(value)


# Kubernetes, "Labels and Selectors" and "Annotations": a domain as prefix, and a name of up to 63 letters.
_KEY = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


def annotation_table(value: Any) -> tuple[tuple[str, str], ...]:
    """Check a table of annotations; return its pairs, sorted."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        remedy = 'write them as {"cert-manager.io/cluster-issuer" = "letsencrypt"}'
        raise Wrong("is not a table of texts", remedy)
    if strangers := [key for key in value if not _KEY.fullmatch(key)]:
        raise Wrong(f"has the key {strangers[0]!r}", 'write keys as "cert-manager.io/cluster-issuer"')
    pairs: list[tuple[str, str]] = sorted(value.items())
    return tuple(pairs)


def labels(value: Any) -> tuple[tuple[str, str], ...]:
    """Check a table of labels that select pods; return its pairs, sorted."""
    pairs = annotation_table(value)
    if strangers := [one for _, one in pairs if not _LABEL_VALUE.fullmatch(one)]:
        raise Wrong(f"has the value {strangers[0]!r}", 'write labels as {k8s-app = "kube-dns"}')
    if not pairs:
        raise Wrong("names no label, so every pod would be meant", 'write it as {k8s-app = "kube-dns"}')
    return pairs


def secret_name(value: Any) -> str:
    """Check the name of an object that may have dots in it (RFC 1123, a subdomain); "" for none."""
    if value and not re.fullmatch(_SUBDOMAIN, text(value)):
        raise Wrong("is not a name in Kubernetes", 'use a-z, 0-9, - and ., as in "example-tls"')
    return "" if value == "" else text(value)


def domain(value: Any) -> str:
    if not re.fullmatch(_SUBDOMAIN, text(value)):
        raise Wrong("is not a domain", 'write it as "cluster.local", which most clusters have')
    return str(value)


def replicas(value: Any) -> int | str:
    number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
    if not number and value != "unmanaged":
        raise Wrong("is not a number of pods", 'write 1 to 100 without quotes, or "unmanaged"')
    return int(value) if number else "unmanaged"


def most_pods(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise Wrong("is not a number of pods", "write 1 to 100 without quotes, or 0 for no autoscaler")
    return value


def fewest_pods(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise Wrong("is not a number of pods", "write 1 to 100, without quotes")
    return value


def processor(value: Any) -> str:
    if not re.fullmatch(r"[1-9]\d{0,5}m?", text(value)):
        raise Wrong("is not an amount of processor time", 'write it as "200m", a fifth of a core')
    return str(value)


def host(value: Any) -> str:
    if value and not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", text(value)):
        raise Wrong("is not a host", 'write a name or an address, as in "mail.example.org"')
    return "" if value == "" else text(value)


def networks(value: Any) -> tuple[str, ...]:
    try:
        return tuple(str(ip_network(one)) for one in texts(value))
    except ValueError:
        remedy = 'write them as ["192.0.2.0/24"], without bits behind the mask; one machine is /32'
        raise Wrong("is not a list of networks", remedy) from None


def mail_tls(value: Any) -> str:
    if value not in ("starttls", "tls", "none"):
        raise Wrong("is no way to a mail server", 'write "starttls", "tls" or "none"')
    return str(value)


def address(value: Any) -> str:
    if value and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", text(value)):
        raise Wrong("is not a mail address", 'write it as "login@example.org", or "" for that')
    return "" if value == "" else text(value)


def postgres(value: Any) -> str:
    if value not in ("15", "16", "17"):  # what postgres-operator 1.15 brings, and has not given up
        raise Wrong("is not a version of PostgreSQL known here", 'write "15", "16" or "17"')
    return str(value)


def size(value: Any) -> str:
    if not re.fullmatch(r"[1-9]\d{0,4}(Mi|Gi|Ti)", text(value)):
        raise Wrong("is not a size of a volume", 'write it as "5Gi"')
    return str(value)


# Of the types that Flux's notification-controller knows, those whose one secret is an address.
_ALERTS = ("alertmanager", "discord", "generic", "googlechat", "msteams", "rocket", "slack")


def alerts(value: Any) -> str:
    if value and value not in _ALERTS:
        raise Wrong("is no channel known here", f'write one of {", ".join(_ALERTS)}, or "" for none')
    return str(value)


def channel(value: Any) -> str:
    return "" if value == "" else text(value)


def private(value: Any) -> tuple[str, ...]:
    if strangers := sorted(set(texts(value)) - {"charts", "images"}):
        raise Wrong(f"has {strangers[0]!r}", 'write "charts", "images", both, or []')
    return tuple(sorted(set(value)))
