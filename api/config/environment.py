"""The configuration from environment variables, validated and typed.

Reads the given environment, and the files that *_FILE variables name. No writes, no network.
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


class InvalidEnvironment(Exception):
    """A variable is missing, unknown or invalid; one line for each."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The configuration of the API. The variables are the names in capitals with the prefix LOGIN_."""

    site_url: str  # public URL of the site: https://example.org; http only for localhost
    site_name: str  # shown in mails and by authenticators
    secret_keys: tuple[str, ...]  # the first signs, the others only verify
    encryption_keys: tuple[str, ...]  # Fernet; the first encrypts, the others only decrypt
    database_url: str  # sqlite:///path or postgresql://…; the only variable without the prefix
    database_pool: int  # connections to PostgreSQL per process; 0: no pool
    pooler: bool  # PostgreSQL is behind a pooler in transaction mode
    proxy: bool  # behind NGINX, which sends the client's address in X-Real-IP
    mail_host: str  # "" prints mails to the terminal
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
        """Return whether readers connect with TLS."""
        return self.site_url.startswith("https://")


class _InvalidValue(ValueError):
    """An invalid value; the text is the fix."""


def _parse_url(text: str) -> str:
    parts = urlsplit(text)
    is_local = parts.hostname in ("localhost", "127.0.0.1")
    match = re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", text)
    if not match or not (parts.scheme == "https" or is_local):
        raise _InvalidValue("write scheme and host, as in https://example.org; http is for localhost only")
    return text


def _parse_secret_keys(text: str) -> tuple[str, ...]:
    keys = _split_list(text)
    if not keys or any(len(key) < 50 or len(set(key)) < 5 for key in keys):
        raise _InvalidValue(
            "write at least one random text of 50 characters or more; several: one a line or with commas"
        )
    return keys


def _parse_fernet_keys(text: str) -> tuple[str, ...]:
    keys = _split_list(text)
    try:
        valid = keys and all(len(base64.urlsafe_b64decode(key)) == 32 for key in keys)
    except (binascii.Error, ValueError):
        valid = False
    if not valid:
        raise _InvalidValue(
            "write at least one key of 32 random bytes in URL-safe base64; several: one a line or with commas"
        )
    return keys


def _parse_database_url(text: str) -> str:
    if not re.match(r"(sqlite:///.|postgres(ql)?://.)", text):
        raise _InvalidValue("write sqlite:////path/to/file or postgresql://user:password@host:5432/name")
    return text


def _split_list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[,\n]", text) if part.strip())


def _parse_bool(text: str) -> bool:
    if text not in ("yes", "no"):
        raise _InvalidValue("write yes or no")
    return text == "yes"


def _parse_number(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text):
        raise _InvalidValue("write a number up to 99999")
    return int(text)


def _parse_tls_mode(text: str) -> str:
    if text not in ("starttls", "tls", "none"):
        raise _InvalidValue("write starttls, tls or none")
    return text


def _parse_text(text: str) -> str:
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise _InvalidValue("write one line")
    return text


def _parse_mail_address(text: str) -> str:
    if text and not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", text):
        raise _InvalidValue("write a mail address, as in login@example.org")
    return text


_REQUIRED = None
# field -> (parser, default, also readable from a file)
_FIELDS: dict[str, tuple[Callable[[str], Any], str | None, bool]] = {
    "site_url": (_parse_url, _REQUIRED, False),
    "site_name": (_parse_text, _REQUIRED, False),
    "secret_keys": (_parse_secret_keys, _REQUIRED, True),
    "encryption_keys": (_parse_fernet_keys, _REQUIRED, True),
    "database_url": (_parse_database_url, _REQUIRED, True),
    "database_pool": (_parse_number, "8", False),
    "pooler": (_parse_bool, "no", False),
    "proxy": (_parse_bool, "yes", False),
    "mail_host": (_parse_text, "", False),
    "mail_port": (_parse_number, "587", False),
    "mail_tls": (_parse_tls_mode, "starttls", False),
    "mail_user": (_parse_text, "", True),
    "mail_password": (_parse_text, "", True),
    "mail_from": (_parse_mail_address, "", False),
}


def variable_name(field: str) -> str:
    """Return the name of the variable of *field*."""
    return "DATABASE_URL" if field == "database_url" else PREFIX + field.upper()


def load_environment(variables: Mapping[str, str]) -> Environment:
    """Parse *variables*; raise InvalidEnvironment with all faults, one a line."""
    faults: list[str] = []
    known = {variable_name(field) for field in _FIELDS}
    known |= {f"{variable_name(field)}_FILE" for field, (_, _, secret) in _FIELDS.items() if secret}
    for name in sorted(variables):
        if name.startswith((PREFIX, "DATABASE_URL")) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            faults.append(f"{name}: unknown; " + (f"did you mean {near[0]}?" if near else "remove it"))
    values: dict[str, Any] = {}
    for field, (parse, default, secret) in _FIELDS.items():
        name = variable_name(field)
        try:
            text = _read_value(name, variables, default, secret=secret)
            values[field] = parse(text)
        except _InvalidValue as fix:
            faults.append(f"{name}: {fix}")  # without the value, which may be a secret
    if faults:
        raise InvalidEnvironment("\n".join(faults))
    return Environment(**values)


def _read_value(name: str, variables: Mapping[str, str], default: str | None, *, secret: bool) -> str:
    file = variables.get(f"{name}_FILE") if secret else None
    if file is not None and name in variables:
        raise _InvalidValue(f"is set twice; keep {name} or {name}_FILE")
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _InvalidValue(f"{file} cannot be read ({type(error).__name__})") from None
    text = variables.get(name, default)
    if text is None:
        raise _InvalidValue(f"is missing; set {name}" + (f" or {name}_FILE" if secret else ""))
    return text
