"""Error responses as JSON, since the clients of this API are scripts."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found


def json_error(status: int, detail: str) -> JsonResponse:
    """Return an error response with *status*."""
    return JsonResponse({"status": status, "detail": detail}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Respond 400."""
    return json_error(400, "malformed request")


def forbidden(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Respond 403."""
    return json_error(403, "not allowed")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Respond 404; with an HTML page in the admin."""
    if request.path.startswith("/admin/"):
        return page_not_found(request, exception, "admin/404.html")
    return json_error(404, "not found")


def not_found_view(request: HttpRequest) -> JsonResponse:
    """Respond 404: the view of a disabled URL."""
    return json_error(404, "not found")


def forbidden_view(request: HttpRequest) -> JsonResponse:
    """Respond 403: the view of a forbidden URL."""
    return json_error(403, "not allowed")


def server_error(request: HttpRequest) -> JsonResponse:
    """Respond 500, or 503 after a transient error of the database."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return json_error(503, "temporarily unavailable; try again soon")
    return json_error(500, "internal error; it was logged")


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    """Respond 403 to a request from another site."""
    return json_error(403, "this request did not come from a page of this site; reload the page")
