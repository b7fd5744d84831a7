"""Sessions for those who have one, and a bound for what hashes passwords."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.sessions.middleware import SessionMiddleware as Sessions
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase

from api.accounts.hashing import QUEUE, RETRY_AFTER, QueueFull

Handler = Callable[[HttpRequest], HttpResponseBase]

# The gate looks for itself, health checks look for nobody: a session would cost a query, or a cookie.
WITHOUT = ("/_gate", "/livez", "/readyz", "/metrics")


class SessionMiddleware(Sessions):
    """Django's, but not for the paths above: they get an empty session that is never written."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Write the session where there can be one."""
        if request.path.startswith(WITHOUT):
            return response
        return super().process_response(request, response)


# Every request that hashes a password, of whoever sends it. allauth checks the input of every method but GET
# before it looks whether the view has that method.
HASHING = frozenset(
    f"/_allauth/browser/v1/{path}"
    for path in ("auth/login", "auth/reauthenticate", "auth/password/reset", "account/password/change")
)


def bounded_hashing(get_response: Handler) -> Handler:
    """Handle a request that hashes when it is its turn; refuse it with 503 when too many wait already.

    Decided by the path alone, before anything is looked up: the answer is the same for every address.
    """

    def handle(request: HttpRequest) -> HttpResponseBase:
        if request.method == "GET" or request.path not in HASHING:
            return get_response(request)
        try:
            with QUEUE.turn():
                return get_response(request)
        except QueueFull:
            # In the form of allauth's own errors, which the account's scripts read.
            error = {
                "code": "login_busy",
                "message": "too many are logging in; try it again in a few seconds",
            }
            return JsonResponse(
                {"status": 503, "errors": [error]}, status=503, headers={"Retry-After": str(RETRY_AFTER)}
            )

    return handle
