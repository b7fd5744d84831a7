"""Health checks and metrics of this process, for the cluster. NGINX does not proxy them."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Respond 200. Do not query the database: a slow one would restart every pod."""
    return HttpResponse("live\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Respond 200 if the database responds, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("no database\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of this process for Prometheus."""
    metrics_response: HttpResponse = ExportToDjangoView(request)
    return metrics_response
