"""Answer the cluster first: by path alone, whatever name it asks for.

Probes and Prometheus come to a pod by its address, which is no host of the
site; NGINX passes none of these paths on.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from api.health import views

Handler = Callable[[HttpRequest], HttpResponseBase]
_VIEWS: dict[str, Handler] = {"/livez": views.livez, "/readyz": views.readyz, "/metrics": views.metrics}


def cluster(get_response: Handler) -> Handler:
    """Answer /livez, /readyz and /metrics; pass everything else on."""

    def handle(request: HttpRequest) -> HttpResponseBase:
        return _VIEWS.get(request.path, get_response)(request)

    return handle
