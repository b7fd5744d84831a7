"""What the environment says, checked at once and typed.

Reads the environment that it is given, and the files that *_FILE variables
name. No writes, no network.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PREFIX = "LOGIN_"


class Misconfigured(Exception):
    """The environment lacks something, or has something that does not fit; one line a fault."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The configuration of the API. Names in the environment are these in capitals, with LOGIN_ before."""

    site_url: str  # where readers find the site: https://example.org; http for localhost alone
    site_name: str  # shown in mails and by authenticators
    secret_keys: tuple[str, ...]  # the first signs, the others are still believed
    encryption_keys: tuple[str, ...]  # Fernet; the first encrypts, the others still decrypt
    database_url: str  # sqlite:///path or postgresql://…; the one name without a prefix
    database_pool: int  # connections to PostgreSQL a process; 0: none are kept
    pooler: bool  # PostgreSQL is behind a pooler that shares connections between transactions
    proxy: bool  # NGINX is in front, and names the reader in X-Real-IP
    mail_host: str  # "" writes mails to the terminal
    mail_port: int
    mail_tls: str  # "starttls", "tls" or "none"
    mail_user: str
    mail_password: str
    mail_from: str  # an address, or "" for login@<host of the site>

    @property
    def host(self) -> str:
        """Return the host name of the site, without a port."""
        return urlsplit(self.site_url).hostname or ""

    @property
    def tls(self) -> bool:
        """Return whether readers come over TLS."""
        return self.site_url.startswith("https://")


class _Wrong(ValueError):
    """A value that does not fit; the text is the remedy."""


def _url(text: str) -> str:
    parts = urlsplit(text)
    local = parts.hostname in ("localhost", "127.0.0.1")
    whole = re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", text)
    if not whole or not (parts.scheme == "https" or local):
        raise _Wrong("write scheme and host, as in https://example.org; http is for localhost alone")
    return text


def _secrets(text: str) -> tuple[str, ...]:
    keys = _list(text)
    if not keys or any(len(key) < 50 or len(set(key)) < 5 for key in keys):
        raise _Wrong(
            "write at least one random text of 50 characters or more; several: one a line or with commas"
        )
    return keys


def _fernet(text: str) -> tuple[str, ...]:
    keys = _list(text)
    try:
        good = keys and all(len(base64.urlsafe_b64decode(key)) == 32 for key in keys)
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise _Wrong(
            "write at least one key of 32 random bytes in URL-safe base64; several: one a line or with commas"
        )
    return keys


def _database(text: str) -> str:
    if not re.match(r"(sqlite:///.|postgres(ql)?://.)", text):
        raise _Wrong("write sqlite:////path/to/file or postgresql://user:password@host:5432/name")
    return text


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def _flag(text: str) -> bool:
    if text not in ("yes", "no"):
        raise _Wrong("write yes or no")
    return text == "yes"


def _number(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text):
        raise _Wrong("write a number up to 99999")
    return int(text)


def _tls(text: str) -> str:
    if text not in ("starttls", "tls", "none"):
        raise _Wrong("write starttls, tls or none")
    return text


def _text(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise _Wrong("write one line")
    return text


def _address(text: str) -> str:
    if text and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", text):
        raise _Wrong("write a mail address, as in login@example.org")
    return text


_NEEDED = None
# field -> (check, default, may come from a file)
_FIELDS: dict[str, tuple[Callable[[str], Any], str | None, bool]] = {
    "site_url": (_url, _NEEDED, False),
    "site_name": (_text, _NEEDED, False),
    "secret_keys": (_secrets, _NEEDED, True),
    "encryption_keys": (_fernet, _NEEDED, True),
    "database_url": (_database, _NEEDED, True),
    "database_pool": (_number, "8", False),
    "pooler": (_flag, "no", False),
    "proxy": (_flag, "yes", False),
    "mail_host": (_text, "", False),
    "mail_port": (_number, "587", False),
    "mail_tls": (_tls, "starttls", False),
    "mail_user": (_text, "", True),
    "mail_password": (_text, "", True),
    "mail_from": (_address, "", False),
}


def name_of(field: str) -> str:
    """Return the variable that holds *field*."""
    return "DATABASE_URL" if field == "database_url" else PREFIX + field.upper()


def read(variables: Mapping[str, str]) -> Environment:
    """Return what *variables* say; raise Misconfigured with every fault, one a line."""
    faults: list[str] = []
    known = {name_of(field) for field in _FIELDS}
    known |= {f"{name_of(field)}_FILE" for field, (_, _, secret) in _FIELDS.items() if secret}
    for name in sorted(variables):
        if name.startswith((PREFIX, "DATABASE_URL")) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"{name}: unknown; " + (f"did you mean {near[0]}?" if near else "remove it"))
    values: dict[str, Any] = {}
    for field, (check, default, secret) in _FIELDS.items():
        name = name_of(field)
        try:
            text = _value(name, variables, default, secret=secret)
            values[field] = check(text)
        except _Wrong as wrong:
            faults.append(f"{name}: {wrong}")  # the value may be a secret: it is not shown
    if faults:
        raise Misconfigured("\n".join(faults))
    return Environment(**values)


def _value(name: str, variables: Mapping[str, str], default: str | None, *, secret: bool) -> str:
    file = variables.get(f"{name}_FILE") if secret else None
    if file is not None and name in variables:
        raise _Wrong(f"is set twice; keep {name} or {name}_FILE")
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _Wrong(f"{file} cannot be read ({type(error).__name__})") from None
    text = variables.get(name, default)
    if text is None:
        raise _Wrong(f"is missing; set {name}" + (f" or {name}_FILE" if secret else ""))
    return text
