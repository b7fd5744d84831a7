"""Errors as JSON: whoever calls this API is a script."""

from __future__ import annotations

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found


def answer(status: int, detail: str) -> JsonResponse:
    """Return an error with *status*."""
    return JsonResponse({"status": status, "detail": detail}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer 400."""
    return answer(400, "this request cannot be understood")


def forbidden(request: HttpRequest, exception: Exception) -> JsonResponse:
    """Answer 403."""
    return answer(403, "this is not allowed")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404; in the admin a person reads it."""
    if request.path.startswith("/admin/"):
        return page_not_found(request, exception, "admin/404.html")
    return answer(404, "there is nothing here")


def absent(request: HttpRequest) -> JsonResponse:
    """Answer 404, as the view of an address that is not to be used."""
    return answer(404, "there is nothing here")


def closed(request: HttpRequest) -> JsonResponse:
    """Answer 403, as the view of an address that is closed."""
    return answer(403, "this is not allowed")


def server_error(request: HttpRequest) -> JsonResponse:
    """Answer 500; 503 where it is the database that does not answer, which passes."""
    if isinstance(sys.exc_info()[1], (OperationalError, InterfaceError)):
        return answer(503, "this is out of order; try it again soon")
    return answer(500, "something is broken here; it was written down")


def csrf_failure(request: HttpRequest, reason: str = "") -> JsonResponse:
    """Answer 403 to a request that this site did not send."""
    return answer(403, "this request did not come from a page of this site; reload the page")
