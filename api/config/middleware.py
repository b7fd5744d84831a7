"""Middleware that validates requests before a view runs, and turns errors into JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.response import HttpResponseBase

from api.config.errors import json_error

Handler = Callable[[HttpRequest], HttpResponseBase]
MAX_DEPTH = 32  # of nested lists and objects; allauth's scripts send at most 5
API_PREFIX = "/_allauth/"


def validate_host(get_response: Handler) -> Handler:
    """Respond 421 to a request for another host (RFC 9110, 15.5.20); Django would log a traceback."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()
        except DisallowedHost:
            return json_error(421, "the requested host is not served here")
        return get_response(request)

    return handle


def validate_request(get_response: Handler) -> Handler:
    """Refuse requests that no page of the site sends: large bodies, NUL in a query, JSON outside RFC 8259.

    allauth parses every body below /_allauth/ as JSON, whatever its type, and responds 500 to a number of
    20 digits, to half a surrogate pair and to thousands of brackets. So other types are refused there. Its
    only form (provider/redirect) belongs to allauth.socialaccount, which is not installed. PostgreSQL
    refuses NUL in texts.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return json_error(400, "Content-Length is not a number")
        if "HTTP_TRANSFER_ENCODING" in request.META:
            return json_error(411, "send Content-Length instead of Transfer-Encoding")
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return json_error(413, f"the body is larger than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes")
        query = request.META.get("QUERY_STRING", "")
        if "%00" in query or "\0" in query:
            return json_error(400, "the query contains NUL")
        if length and request.path_info.startswith(API_PREFIX):
            return _validate_json_body(request) or get_response(request)
        return get_response(request)

    return handle


def _validate_json_body(request: HttpRequest) -> HttpResponseBase | None:
    """Return the error response to a body that is not JSON of RFC 8259, else None."""
    if request.content_type != "application/json":
        return json_error(415, "send Content-Type: application/json, in UTF-8")
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
        return json_error(415, "send the body without Content-Encoding")
    try:
        body = request.body
    except UnreadablePostError:
        return json_error(400, "the body ended before its Content-Length")
    return None if _is_valid_json(body) else json_error(400, "the body is not JSON, or nested too deeply")


def _is_valid_json(body: bytes) -> bool:
    """Return whether *body* is JSON that can be parsed, and written as UTF-8 again."""
    if _nesting_depth(body) > MAX_DEPTH:
        return False
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text, parse_constant=_reject_constant, parse_int=_parse_int, parse_float=_parse_float
        )
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, OverflowError):  # both kinds of UnicodeError are ValueErrors
        return False
    return True


def _parse_int(text: str) -> int:
    """Return an integer of at most 64 bits, the range of the database."""
    number = int(text)
    if abs(number) >= 2**63:
        raise ValueError("larger than 64 bits")
    return number


def _parse_float(text: str) -> float:
    """Return a float within the same bounds: Django may convert it to a primary key."""
    number = float(text)
    if not abs(number) < 2**63:  # 1e999 is infinity
        raise ValueError("larger than 64 bits")
    return number


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _nesting_depth(body: bytes) -> int:
    """Return an upper bound of the nesting depth of JSON in *body*: brackets in strings count, too."""
    depth = deepest = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def json_errors(get_response: Handler) -> Handler:
    """Replace HTML error pages with JSON, except those of the admin."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        html = response.get("Content-Type", "").startswith("text/html")
        if response.status_code >= 400 and html and not request.path.startswith("/admin/"):
            error = json_error(response.status_code, getattr(response, "reason_phrase", ""))
            error.cookies = response.cookies if isinstance(response, HttpResponse) else error.cookies
            return error
        return response

    return handle
