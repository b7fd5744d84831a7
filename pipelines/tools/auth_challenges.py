"""Parse WWW-Authenticate: the authentication schemes that a server offers (RFC 9110, section 11.6.1).

No reads, no writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_GAP = re.compile(r"[\s,]*")  # list elements may be empty (section 5.6.1)
_SCHEME = re.compile(_TOKEN)
_TOKEN68 = re.compile(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")
# The value is a token or a quoted string; one whose closing quote is missing ends with the field.
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)(?:"|\\?$)|([^\s,"]*))', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_NEXT = re.compile(r"[^,]*")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One authentication scheme."""

    scheme: str  # in lower case: "bearer", "basic"
    parameters: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    token68: str = ""  # some schemes send it instead of parameters


def parse_challenges(fields: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all WWW-Authenticate *fields*, in their order.

    A field may hold several challenges, and commas separate challenges as well as
    parameters: NAME "=" is a parameter, any other token starts a challenge.
    Invalid parts are skipped; nothing is raised.
    """
    return [challenge for text in fields for challenge in _field(text)]


def _field(text: str) -> list[Challenge]:
    found: list[Challenge] = []
    parameters: dict[str, str] = {}
    at = 0
    while (at := _end(_GAP, text, at)) < len(text):
        parameter = _PARAMETER.match(text, at)
        if parameter and found:
            name, quoted, plain = parameter.groups()
            value = _ESCAPE.sub(r"\1", quoted) if quoted is not None else plain
            parameters.setdefault(name.lower(), value)
            at = parameter.end()
        elif (scheme := _SCHEME.match(text, at)) and not parameter:
            token68 = _TOKEN68.match(text, scheme.end())
            parameters = {}
            found.append(Challenge(scheme[0].lower(), parameters, token68[1] if token68 else ""))
            at = token68.end() if token68 else scheme.end()
        else:
            at = _end(_NEXT, text, at)
    return found


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at
