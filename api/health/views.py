"""How this process is, for the cluster. NGINX lets no reader here."""

from __future__ import annotations

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView


@require_safe
def livez(request: HttpRequest) -> HttpResponse:
    """Answer: the process runs. Touches nothing, or a slow database would restart every pod."""
    return HttpResponse("live\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers, else 503."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return HttpResponse("no database\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Return the figures of this process, for Prometheus."""
    figures: HttpResponse = ExportToDjangoView(request)
    return figures
