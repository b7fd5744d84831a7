"""Middleware: skip sessions where no view needs one, and limit requests that hash passwords."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.sessions.middleware import SessionMiddleware as Sessions
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from api.accounts.hash_queue import QUEUE, RETRY_AFTER, QueueFull

Handler = Callable[[HttpRequest], HttpResponseBase]

# The gate reads the session itself, and health checks have none: Django's would cost a query or a cookie.
PATHS_WITHOUT_SESSION = ("/_gate", "/livez", "/readyz", "/metrics")


class SessionMiddleware(Sessions):
    """Django's session middleware, which does not save the session for PATHS_WITHOUT_SESSION."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Save the session unless the path is one of PATHS_WITHOUT_SESSION."""
        if request.path.startswith(PATHS_WITHOUT_SESSION):
            return response
        return super().process_response(request, response)


# Every path whose request hashes a password. allauth validates the input of every method but GET before it
# checks whether the view has that method.
HASHING_PATHS = frozenset(
    f"/_allauth/browser/v1/{path}"
    for path in ("auth/login", "auth/reauthenticate", "auth/password/reset", "account/password/change")
)


def limit_hashing(get_response: Handler) -> Handler:
    """Queue a request that hashes a password; respond 503 when the queue is full.

    Only the path decides, before any query: the response is the same for every address.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.method == "GET" or request.path not in HASHING_PATHS:
            return get_response(request)
        try:
            with QUEUE.slot():
                return get_response(request)
        except QueueFull:
            # The format of allauth's errors, which the account scripts parse.
            error = {
                "code": "login_busy",
                "message": "too many are logging in; try it again in a few seconds",
            }
            return JsonResponse(
                {"status": 503, "errors": [error]}, status=503, headers={"Retry-After": str(RETRY_AFTER)}
            )

    return handle
