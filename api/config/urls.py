"""Addresses. NGINX lets readers reach /_allauth/ and, after a question, /admin/.

What the cluster asks (/livez, /readyz, /metrics) is answered before: api/health/middleware.py.
"""

from __future__ import annotations

from allauth.headless.constants import Client
from django.contrib import admin
from django.urls import include, path, re_path

from api.accounts.reset import RequestView
from api.config import errors
from api.gate import views as gate

urlpatterns = [
    # A feature that is not used here, which allauth answers with 500.
    re_path(r"^_allauth/browser/v1/(?:account|auth)/phone", errors.absent),
    # In place of allauth's: it looks nobody up while the reader waits.
    path("_allauth/browser/v1/auth/password/request", RequestView.as_api_view(client=Client.BROWSER)),
    # Nobody signs up; allauth would look the address up before it says so.
    re_path(r"^_allauth/browser/v1/auth/(?:webauthn/)?signup$", errors.closed),
    path("_allauth/", include("allauth.headless.urls")),
    path("admin/", admin.site.urls),
    path("_gate", gate.members),
    path("_gate/staff", gate.staff),
]
handler400 = "api.config.errors.bad_request"
handler403 = "api.config.errors.forbidden"
handler404 = "api.config.errors.not_found"
handler500 = "api.config.errors.server_error"
