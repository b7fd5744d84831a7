"""What is refused before anything looks at it, and what an error looks like to a script."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from api.config.errors import answer

Handler = Callable[[HttpRequest], HttpResponseBase]
DEPTH = 32  # of nested lists and objects; allauth's own requests have 5


def small_bodies(get_response: Handler) -> Handler:
    """Refuse bodies that are too large, and JSON that is none by its standard (RFC 8259).

    allauth answers 500 to a number of 20 digits, to half a surrogate pair and
    to thousands of brackets: none of it gets that far.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return answer(400, "the length of the body is no number")
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return answer(413, "this is more than the login takes")
        if "json" in (request.content_type or "") and request.body and not _plain(request.body):
            return answer(400, "this is no JSON, or JSON that nobody needs")
        return get_response(request)

    return handle


def _plain(body: bytes) -> bool:
    """Return whether *body* is JSON that can be read, and written again as UTF-8."""
    if _depth(body) > DEPTH:
        return False
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_int=_number)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, OverflowError):  # both kinds of UnicodeError are ValueErrors
        return False
    return True


def _number(text: str) -> int:
    """Return a number that every database can hold, and be asked for."""
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError("larger than any row's")
    return number


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _depth(body: bytes) -> int:
    """Return an upper bound of how deeply JSON in *body* is nested: brackets within texts count too."""
    depth = deepest = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def json_errors(get_response: Handler) -> Handler:
    """Turn pages of HTML that say what went wrong into JSON, but for the admin's own."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        html = response.get("Content-Type", "").startswith("text/html")
        if response.status_code >= 400 and html and not request.path.startswith("/admin/"):
            plain = answer(response.status_code, getattr(response, "reason_phrase", ""))
            plain.cookies = response.cookies if isinstance(response, HttpResponse) else plain.cookies
            return plain
        return response

    return handle
