"""Refuse requests before a view sees them, and turn errors into JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase

from api.config.errors import answer

Handler = Callable[[HttpRequest], HttpResponseBase]
DEPTH = 32  # of nested lists and objects; allauth's own requests have 5
API = "/_allauth/"


def known_host(get_response: Handler) -> Handler:
    """Answer 421 to a request for another host (RFC 9110, 15.5.20): Django's check logs a traceback each."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return answer(421, "this server does not answer for the host that was requested")
        return get_response(request)

    return handle


def limited_requests(get_response: Handler) -> Handler:
    """Refuse what no page of the site sends: large bodies, NUL in a query, and JSON outside of RFC 8259.

    allauth parses every body below /_allauth/ as JSON, whatever type it has, and answers 500 to a number
    of 20 digits, to half a surrogate pair and to thousands of brackets. So other types are refused there.
    Its one form (provider/redirect) comes with allauth.socialaccount, which is not installed.
    PostgreSQL refuses NUL in texts.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return answer(400, "Content-Length is not a number")
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return answer(411, "send Content-Length instead of Transfer-Encoding")
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return answer(413, f"the body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes")
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in query:
            return answer(400, "the query holds NUL")
        if length and request.path_info.startswith(API):
            return _json_fault(request) or get_response(request)
        return get_response(request)

    return handle


def _json_fault(request: HttpRequest) -> HttpResponseBase | None:
    """Return the answer to a body that is not JSON as allauth can take it, else None."""
    if request.content_type != "application/json":
        return answer(415, "send Content-Type: application/json, in UTF-8")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        return answer(415, "send the body without Content-Encoding")
    try:
        body = request.body
    except UnreadablePostError:
        return answer(400, "the body ended before its Content-Length")
    return None if _plain(body) else answer(400, "the body is not JSON, or nested too deeply")


def _plain(body: bytes) -> bool:
    """Return whether *body* is JSON that can be read, and written again as UTF-8."""
    if _depth(body) > DEPTH:
        return False
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse, parse_int=_number, parse_float=_fraction)
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


def _fraction(text: str) -> float:
    """Return a number with a fraction or an exponent, within the same bounds: Django makes an id of it."""
    number = float(text)
    if not abs(number) < 2**63:  # 1e999 is infinity
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
