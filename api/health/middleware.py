"""Middleware that serves the health checks before all other middleware, for any Host.

Probes and Prometheus address a pod by its IP, which is not the host of the site. NGINX does not proxy these
paths.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.health import views

Handler = Callable[[HttpRequest], HttpResponseBase]
_VIEWS: dict[str, Handler] = {"/livez": views.livez, "/readyz": views.readyz, "/metrics": views.metrics}


def health_checks(get_response: Handler) -> Handler:
    """Respond to /livez, /readyz and /metrics; pass all other requests on."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        return _VIEWS.get(request.path, get_response)(request)

    return handle
