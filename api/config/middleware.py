"""What is refused before anything looks at it, and what an error looks like to a script."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from api.config.errors import answer

Handler = Callable[[HttpRequest], HttpResponseBase]
DEPTH = 32  # of nested lists and objects; allauth's own requests have 5


def small_bodies(get_response: Handler) -> Handler:
    """Refuse bodies that are too large, and JSON that is nested too deeply to be read."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return answer(400, "the length of the body is no number")
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            return answer(413, "this is more than the login takes")
        if "json" in (request.content_type or "") and _depth(request.body) > DEPTH:
            return answer(400, "this is nested too deeply")
        return get_response(request)

    return handle


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
