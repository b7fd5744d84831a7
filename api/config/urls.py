"""URLs. NGINX proxies /_allauth/ for all readers, and /admin/ after an auth_request to /_gate/staff.

api/health/middleware.py responds to the cluster's health checks (/livez, /readyz, /metrics).
"""

from __future__ import annotations

from allauth.headless.constants import Client
from django.contrib import admin
from django.urls import include, path, re_path

from api.accounts.password_reset import ResetRequestView
from api.config import errors
from api.gate import views as gate

urlpatterns = [
    # An unused feature, for which allauth responds 500.
    re_path(r"^_allauth/browser/v1/(?:account|auth)/phone", errors.not_found_view),
    # Instead of allauth's view, which queries the user and so takes longer for a member.
    path("_allauth/browser/v1/auth/password/request", ResetRequestView.as_api_view(client=Client.BROWSER)),
    # There is no sign-up; allauth would query the address before it refuses.
    re_path(r"^_allauth/browser/v1/auth/(?:webauthn/)?signup$", errors.forbidden_view),
    path("_allauth/", include("allauth.headless.urls")),
    path("admin/", admin.site.urls),
    path("_gate", gate.members),
    path("_gate/staff", gate.staff),
]
handler400 = "api.config.errors.bad_request"
handler403 = "api.config.errors.forbidden"
handler404 = "api.config.errors.not_found"
handler500 = "api.config.errors.server_error"
