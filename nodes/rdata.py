"""Check and normalize the data of DNS records, by type.

No reads, no writes, no network. Sources: RFC 1035 (5.1, form of a zone file) and the
RFC of each type.

A name in a value is one label of the zone, "@" for the zone itself, or absolute with a
dot at its end. "mail.example.org" without one would silently mean mail.example.org.example.org.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from pipelines.core.validators import InvalidValue

_STRING = 255  # bytes of a character-string (RFC 1035, 3.3)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_Field = Callable[[str, str], str]  # word and zone to the normalized word


def _number(most: int) -> _Field:
    def check(word: str, zone: str) -> str:
        if not re.fullmatch(r"[0-9]{1,5}", word) or int(word) > most:
            raise InvalidValue(f"{word!r} must be a number up to {most}", "write the fields in their order")
        return str(int(word))

    return check


def _ipv4(word: str, zone: str) -> str:
    try:
        return str(IPv4Address(word))
    except ValueError:
        raise InvalidValue(f"{word!r} must be an IPv4 address", 'write "192.0.2.1"') from None


def _ipv6(word: str, zone: str) -> str:
    try:
        return str(IPv6Address(word))
    except ValueError:
        raise InvalidValue(f"{word!r} must be an IPv6 address", 'write "2001:db8::1"') from None


def _name(word: str, zone: str) -> str:
    """Return the absolute name, in lower case."""
    text = word.lower()
    if text == "@":
        return f"{zone}."
    if re.fullmatch(r"[0-9.]+", text):
        raise InvalidValue(f"{word!r} must be a name, not an address", "write the name that has the address")
    if re.fullmatch(_LABEL, text):
        return f"{text}.{zone}."
    if re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})*\.", text) and len(text) <= 254:
        return text
    if re.fullmatch(rf"{_LABEL}(?:\.{_LABEL})+", text):
        raise InvalidValue(f"{word!r} must end with a dot, or be one label of the zone", f'write "{text}."')
    raise InvalidValue(
        f"{word!r} must be a name", 'write "mail" for one of the zone, else "mail.example.org."'
    )


def _name_or_none(word: str, zone: str) -> str:
    return word if word == "." else _name(word, zone)


def _hex(word: str, zone: str) -> str:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", word):
        raise InvalidValue(f"{word!r} must be hexadecimal, two digits a byte", "write it without spaces")
    return word.lower()


def _base64(word: str, zone: str) -> str:
    try:
        b64decode(word, validate=True)
    except (Base64Error, ValueError):
        raise InvalidValue(f"{word!r} must be base64", "write it without spaces") from None
    return word


def _caa_tag(word: str, zone: str) -> str:
    tags = ("issue", "issuewild", "issuemail", "iodef")
    if word not in tags:
        raise InvalidValue(f"{word!r} must be a property of CAA", f"write one of {', '.join(tags)}")
    return word


def _string(word: str, zone: str) -> str:
    """Return a quoted character-string; *word* may be quoted as in a zone file."""
    inner = re.sub(r"\\(.)", r"\1", word[1:-1]) if len(word) > 1 and word[0] == word[-1] == '"' else word
    if len(inner.encode()) > _STRING:
        raise InvalidValue(f"a string has more than {_STRING} bytes", "shorten it: only TXT is split")
    return quoted(inner.encode())


def _parameter(word: str, zone: str) -> str:
    """Return a parameter of SVCB and HTTPS (RFC 9460, 2.1)."""
    if not re.fullmatch(r'[a-z0-9-]+(?:="[^"\\]*"|=[^\s"\\;()]+)?', word):
        raise InvalidValue(f"{word!r} must be a parameter", 'write "1 . alpn=h2,h3 ipv4hint=192.0.2.1"')
    return word


# RFC 1876, 3: degrees, minutes, seconds; altitude, size, precisions in metres.
_ANGLE = r"[0-9]{1,3}(?: [0-9]{1,2}(?: [0-9]{1,2}(?:\.[0-9]{1,3})?)?)?"
_METRES = r"-?[0-9]{1,8}(?:\.[0-9]{1,2})?m?"
_LOC = re.compile(rf"{_ANGLE} [NS] {_ANGLE} [EW] {_METRES}(?: {_METRES}){{0,3}}")

_U8, _U16 = _number(255), _number(65_535)
_FIELDS: dict[str, tuple[_Field, ...]] = {
    "A": (_ipv4,),
    "AAAA": (_ipv6,),
    "CAA": (_U8, _caa_tag, _string),  # RFC 8659
    "CNAME": (_name,),
    "DNAME": (_name,),
    "DS": (_U16, _U8, _U8, _hex),
    "HTTPS": (_U16, _name_or_none),  # and parameters
    "MX": (_U16, _name_or_none),  # "0 .": accepts no mail (RFC 7505)
    "NAPTR": (_U16, _U16, _string, _string, _string, _name_or_none),
    "NS": (_name,),
    "OPENPGPKEY": (_base64,),
    "PTR": (_name,),
    "SMIMEA": (_number(3), _number(1), _number(2), _hex),
    "SRV": (_U16, _U16, _U16, _name_or_none),  # target ".": no such service (RFC 2782)
    "SSHFP": (_number(6), _number(2), _hex),
    "SVCB": (_U16, _name_or_none),  # and parameters
    "TLSA": (_number(3), _number(1), _number(2), _hex),
    "URI": (_U16, _U16, _string),
}
RECORD_TYPES = (*sorted({*_FIELDS, "LOC", "TXT"}),)
REFUSED_TYPES = {
    "SOA": "remove it: dns.apply writes it",
    "DNSKEY": "remove it: the signer writes it",
    "RRSIG": "remove it: the signer writes it",
    "NSEC": "remove it: the signer writes it",
    "SPF": "write TXT: SPF has no type of its own any more (RFC 7208, 3.1)",
    "ALIAS": "write A and AAAA: DNS has no alias beside other records",
    "ANAME": "write A and AAAA: DNS has no alias beside other records",
}
_WITH_PARAMETERS = ("HTTPS", "SVCB")
_TARGET = {"CNAME": 0, "DNAME": 0, "MX": 1, "NS": 0, "SRV": 3}  # index of the name that must resolve
_BYTES = {("1", "DS"): 20, ("2", "DS"): 32, ("4", "DS"): 48, ("1", "SSHFP"): 20, ("2", "SSHFP"): 32,
          ("1", "TLSA"): 32, ("2", "TLSA"): 64}  # fmt: skip


def normalize(kind: str, value: str, zone: str) -> str:
    """Return *value* of the type *kind* as a zone file has it; raise InvalidValue.

    Names become absolute and lower case; a TXT is quoted and split into strings of 255 bytes.
    """
    if kind == "TXT":
        return _text(value)
    if kind == "LOC":
        if not _LOC.fullmatch(value):
            raise InvalidValue("must be a location (RFC 1876)", 'write "52 22 23.000 N 4 53 32.000 E -2m"')
        return value
    words = re.findall(r'(?:[^\s"]|"(?:[^"\\]|\\.)*")+|"', value)
    fields = _FIELDS[kind]
    more = len(words) - len(fields)
    if more < 0 or (more > 0 and kind not in _WITH_PARAMETERS):
        raise InvalidValue(f"must have {len(fields)} fields, not {len(words)}", f'write "{_EXAMPLES[kind]}"')
    checks = (*fields, *(more * (_parameter,)))
    found = [check(word, zone) for check, word in zip(checks, words, strict=True)]
    digest, wanted = found[-1], _BYTES.get((found[-2] if more == 0 and len(found) > 1 else "", kind))
    if wanted and len(digest) != 2 * wanted:
        raise InvalidValue(f"the digest must have {wanted} bytes, not {len(digest) // 2}", "copy all of it")
    return " ".join(found)


def target_of(kind: str, data: str) -> str:
    """Return the absolute name that the normalized *data* points at; "" without one."""
    found = data.split()[_TARGET[kind]] if kind in _TARGET else ""
    return "" if found == "." else found


def quoted(data: bytes) -> str:
    """Return a character-string as a zone file has it: printable ASCII, all else as \\DDD."""
    special = b'"\\'
    return '"' + "".join(
        f"\\{chr(one)}" if one in special else chr(one) if 32 <= one < 127 else f"\\{one:03d}" for one in data
    ) + '"'  # fmt: skip


def txt(text: str) -> str:
    """Return *text* as the data of a TXT, split into strings of 255 bytes (RFC 1035, 3.3.14)."""
    data = text.encode()
    return " ".join(quoted(data[at : at + _STRING]) for at in range(0, len(data), _STRING))


def _text(value: str) -> str:
    if value.startswith('"') or value.endswith('"'):
        fix = "write the text alone, of any length: dns.apply quotes and splits it"
        raise InvalidValue("must not have the quotes of a zone file", fix)
    if "\\;" in value:
        raise InvalidValue("must not have the backslash of another format", 'write ";" alone')
    return txt(value)


_EXAMPLES = {
    "A": "192.0.2.1",
    "AAAA": "2001:db8::1",
    "CAA": "0 issue letsencrypt.org",
    "CNAME": "www",
    "DNAME": "example.net.",
    "DS": "12345 13 2 <64 hexadecimal digits>",
    "HTTPS": "1 . alpn=h2,h3",
    "MX": "10 mail",
    "NAPTR": '100 10 "S" "SIP+D2T" "" _sip._tcp.example.org.',
    "NS": "ns1.example.net.",
    "OPENPGPKEY": "<base64>",
    "PTR": "host.example.org.",
    "SMIMEA": "3 0 0 <hexadecimal>",
    "SRV": "0 1 5060 sip",
    "SSHFP": "4 2 <64 hexadecimal digits>",
    "SVCB": "1 svc.example.net. alpn=h2",
    "TLSA": "3 1 1 <64 hexadecimal digits>",
    "URI": '10 1 "https://example.org/"',
}
