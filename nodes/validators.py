"""Validators of the keys of nodes.toml.

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from ipaddress import IPv4Address, IPv4Network, IPv6Address
from typing import Any

from nodes.rdata import RECORD_TYPES, REFUSED_TYPES
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

ROLES = ("control-plane", "worker", "edge", "dns", "mail", "metal")
KUBERNETES_ROLES = frozenset(("control-plane", "worker"))

# A label of a host name (RFC 1123), and names of labels.
LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{LABEL}(?:\.{LABEL})+"
_IPV4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"

valid_node_name = Pattern(LABEL, "must be a host name without dots", 'use a-z, 0-9 and -, as in "worker1"')
valid_optional_node = Pattern(LABEL, "must be the name of a node", "write its name", optional=True)
valid_domain = Pattern(_DOMAIN, "must be a domain in lower case", 'write "example.org"')
valid_optional_domain = Pattern(
    _DOMAIN, "must be a host name with its domain", 'write "mail.example.org"', optional=True
)
valid_version = Pattern(
    r"1\.[0-9]{1,3}\.[0-9]{1,3}", "must be a version of Kubernetes", 'write all three numbers, as in "1.35.4"'
)
valid_user = Pattern(  # acme sets challenges of DNS-01 on the primary, and nothing else
    r"(?!(?:root|acme)$)[a-z_][a-z0-9_-]{0,30}",
    "must be a user other than root and acme",
    'write "deploy", who may use sudo',
)
valid_interface = Pattern(
    r"[a-z][a-z0-9_-]{0,14}", "must be the name of an interface", 'use at most 15 characters, as in "wg0"'
)
valid_endpoint = Pattern(
    rf"(?:{LABEL}(?:\.{LABEL})*|{_IPV4}):[0-9]{{1,5}}",
    "must be a host and a port",
    'write "203.0.113.10:51821", the forwarded port of the machine in front',
    optional=True,
)
valid_api_endpoint = Pattern(
    rf"(?:{LABEL}(?:\.{LABEL})*|{_IPV4}):[0-9]{{1,5}}",
    "must be a host and a port",
    'write "10.90.0.1:6443", on the mesh',
)
valid_time_servers = PatternList(
    rf"(?:{_DOMAIN}|{_IPV4})", "must be a list of time servers", 'write ["0.debian.pool.ntp.org"]', least=1
)
valid_ssh_keys = PatternList(
    r"(?:ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|sk-ssh-ed25519@openssh\.com)"
    r" [A-Za-z0-9+/]{60,}={0,2}(?: [ -~]*)?",
    "must be a list of public keys of SSH",
    'write the lines of your .pub files, of the type ed25519 or ecdsa: ["ssh-ed25519 AAAA… me"]',
)
valid_optional_ssh_key = Pattern(
    r"ssh-ed25519 [A-Za-z0-9+/]{60,}={0,2}",
    "must be a public key of SSH, type ed25519",
    "copy it from `make nodes TASK=dns.keys`",
    optional=True,
)
# Labels of DNS: host names, and names with an underscore; the first may be *.
_DNS_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_RECORD_NAME = rf"@|\*|(?:\*\.)?{_DNS_LABEL}(?:\.{_DNS_LABEL})*"


@described({"type": "string", "pattern": f"^(?:{_RECORD_NAME})$"})
def valid_record_name(value: Any) -> str:
    """Return a name in the zone, in lower case: names in DNS have no case."""
    if not re.fullmatch(_RECORD_NAME, valid_text(value)):
        fix = 'write "www", "*.apps", "_sip._tcp", or "@" for the zone itself, without a dot at the end'
        raise InvalidValue("must be a name in the zone", fix)
    return str(value).lower()


valid_record_ttl = Number(30, 604_800, other=0)
valid_ttl = Number(30, 604_800)
valid_size = Pattern(r"[1-9][0-9]{0,4}[MG]", "must be a size", 'write "500M" or "2G"')
valid_time_of_day = Pattern(
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", "must be a time of the day (UTC)", 'write "04:00"', optional=True
)
valid_environments = PatternList(
    r"production|staging", 'must be a list of "production" and "staging"', 'write ["production"]'
)
valid_acme_directory = Pattern(
    rf"https://{LABEL}(?:\.{LABEL})*(?::[0-9]{{1,5}})?/[!-~]*",
    "must be the https URL of an ACME directory",
    'write "https://acme-v02.api.letsencrypt.org/directory"',
    optional=True,
)
valid_domains = PatternList(_DOMAIN, "must be a list of domains in lower case", 'write ["example.org"]')
valid_selector = Pattern(LABEL, "must be a selector of DKIM", 'use a-z, 0-9 and -, as in "s1"')
# Of what RFC 5321 permits, what people use. "+" begins what somebody adds to his own address.
_ADDRESS = rf"[a-z0-9](?:[a-z0-9._-]{{0,62}}[a-z0-9])?@{_DOMAIN}"
valid_mail_address = Pattern(
    _ADDRESS, "must be a mail address in lower case", 'write "anna@example.org"; "anna+x" reaches it too'
)
valid_mail_addresses = PatternList(
    _ADDRESS, "must be a list of mail addresses in lower case", 'write ["anna@example.org"]', least=1
)
valid_contact = Pattern(_ADDRESS, "must be a mail address", 'write "hostmaster@example.org"', optional=True)
valid_quota = Pattern(
    r"[1-9][0-9]{0,4}[MG]", "must be a size", 'write "500M" or "2G"; "": quota of [mail]', optional=True
)
valid_network_plugin = Choice("calico", "ptp")
_HOST_PORT = rf"(?:{LABEL}(?:\.{LABEL})*|{_IPV4})(?::[0-9]{{1,5}})?"
_URL = rf"https?://{_HOST_PORT}(?:/[A-Za-z0-9._~:/-]*)?(?<!/)"
valid_repository = Pattern(
    rf"{_HOST_PORT}(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*",
    "must be a registry with a path",
    'write "registry.k8s.io", without https://',
)
valid_registry_host = Pattern(
    _HOST_PORT, "must be the host of a registry", 'write "docker.io" or "registry.example.org:5000"'
)
valid_url = Pattern(_URL, "must be an address", 'write "https://…", without a slash at the end')
valid_urls = PatternList(_URL, "must be a list of addresses", 'write ["https://mirror.example.org"]')
valid_file_name = Pattern(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "must be the name of a file", 'write "ca.pem"', optional=True
)
valid_sts_mode = Choice("none", "testing", "enforce")
valid_mtu = Number(1280, 1440)  # IPv6 needs 1280; WireGuard adds 60 bytes over IPv4, 80 over IPv6
valid_keepalive = Number(1, 120, other=0)
valid_seconds = Number(1, 600)
valid_confirm = Number(15, 600)  # a connection may take connect_timeout and more
valid_hsts = Number(0, 63_072_000)
valid_rate = Number(1, 10_000)


@described({"type": "string", "pattern": f"^(?:{_IPV4})?$"})
def valid_ipv4(value: Any) -> str:
    """Accept an IPv4 address, or "" for none."""
    if value == "":
        return ""
    try:
        return str(IPv4Address(valid_text(value)))
    except ValueError:
        raise InvalidValue("must be an IPv4 address", 'write "203.0.113.11", without a port') from None


@described({"type": "string", "pattern": r"^[0-9A-Fa-f:]*$"})
def valid_ipv6(value: Any) -> str:
    """Accept an IPv6 address, or "" for none."""
    if value == "":
        return ""
    try:
        return str(IPv6Address(valid_text(value)))
    except ValueError:
        raise InvalidValue("must be an IPv6 address", 'write "2001:db8::11", without brackets') from None


@described({"type": "string", "pattern": rf"^(?:{_IPV4}/[0-9]{{1,2}})?$"})
def valid_optional_network(value: Any) -> str:
    """Accept an IPv4 network, or "" for none."""
    return "" if value == "" else str(valid_network(value))


@described({"type": "string", "pattern": rf"^{_IPV4}/[0-9]{{1,2}}$"})
def valid_network(value: Any) -> str:
    """Accept an IPv4 network (CIDR)."""
    try:
        if "/" not in valid_text(value):
            raise ValueError
        return str(IPv4Network(value))
    except ValueError:
        fix = 'write "10.90.0.0/24", with zeros behind the prefix'
        raise InvalidValue("must be an IPv4 network (CIDR)", fix) from None


@described({"type": "string", "pattern": "^(?:[A-Za-z0-9+/]{43}=)?$"})
def valid_wireguard_key(value: Any) -> str:
    """Accept a public key of WireGuard, 32 bytes in base64, or "" for none yet."""
    if value == "":
        return ""
    try:
        if len(b64decode(valid_text(value), validate=True)) != 32:
            raise ValueError
    except (Base64Error, ValueError):
        fix = "copy it from `make nodes TASK=wireguard.keys`"
        raise InvalidValue("must be a public key of WireGuard: 44 characters", fix) from None
    return str(value)


@described({"type": "array", "items": {"enum": list(ROLES)}, "minItems": 1})
def valid_roles(value: Any) -> tuple[str, ...]:
    """Accept a list of roles, each once."""
    roles = valid_strings(value)
    if unknown := sorted(set(roles) - set(ROLES)):
        raise InvalidValue("must be a list of roles", f"replace {unknown[0]!r} by one of {', '.join(ROLES)}")
    if not roles or len(set(roles)) != len(roles):
        raise InvalidValue("must be a list of one or more different roles", 'write ["worker"]')
    return roles


@described({"enum": sorted(RECORD_TYPES)})
def valid_record_type(value: Any) -> str:
    """Accept the type of a record."""
    if value not in RECORD_TYPES:
        hint = REFUSED_TYPES.get(value) if isinstance(value, str) else None
        raise InvalidValue("must be a type of records", hint or f"write one of {', '.join(RECORD_TYPES)}")
    return str(value)


@described({"type": "array", "items": {"type": "string"}, "minItems": 1})
def valid_record_values(value: Any) -> tuple[str, ...]:
    """Accept one or more values of a record; `zones` checks them by its type."""
    values = valid_strings(value)
    if not values:
        raise InvalidValue("must be a list of one or more values", 'write ["192.0.2.1"]')
    return tuple(valid_text(one) for one in values)


_KEY = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
# Kubernetes, "Taints and Tolerations".
valid_taints = PatternList(
    rf"{_KEY}(?:={_VALUE})?:(?:NoSchedule|PreferNoSchedule|NoExecute)",
    "must be a list of taints",
    'write ["dedicated=database:NoSchedule"]',
)


@described({"type": "object", "additionalProperties": {"type": "string", "pattern": f"^{_VALUE}$"}})
def valid_node_labels(value: Any) -> tuple[tuple[str, str], ...]:
    """Return the pairs of a table of labels, sorted."""
    strings = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if not strings or not all(re.fullmatch(_KEY, key) and re.fullmatch(_VALUE, value[key]) for key in value):
        raise InvalidValue("must be a table of labels", 'write {disk = "ssd"}')
    return tuple(sorted(value.items()))
