"""Sessions, for those who have one."""

from __future__ import annotations

from django.contrib.sessions.middleware import SessionMiddleware as Sessions
from django.http import HttpRequest, HttpResponse

# The gate looks for itself, health checks look for nobody: a session would cost a query, or a cookie.
WITHOUT = ("/_gate", "/livez", "/readyz", "/metrics")


class SessionMiddleware(Sessions):
    """Django's, but not for the paths above: they get an empty session that is never written."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Write the session where there can be one."""
        if request.path.startswith(WITHOUT):
            return response
        return super().process_response(request, response)
