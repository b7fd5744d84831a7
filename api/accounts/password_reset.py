"""The view that requests a password reset, and the job that sends its mail.

The view checks the rate limit and queues the address. It does not look the user up, so that it takes the
same time for every address: the mail queue (api/accounts/mail_queue.py) does.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from allauth.account.forms import ResetPasswordForm
from allauth.core import ratelimit
from allauth.core.context import request_context
from allauth.headless.account.response import RequestPasswordResponse
from allauth.headless.base.views import APIView
from allauth.headless.internal.restkit import inputs
from django.http import HttpRequest, HttpResponse, JsonResponse

from api.accounts import mail_queue
from api.accounts.adapters import make_site_request


class ResetRequestInput(inputs.Input):  # type: ignore[misc]  # allauth ships no types
    """{"email": ...}; allauth's own input class would query the user."""

    email = inputs.EmailField()


class ResetRequestView(APIView):  # type: ignore[misc]
    """POST auth/password/request, instead of allauth's view."""

    input_class = ResetRequestInput
    input: ResetRequestInput

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Respond 200, 429 over the rate limit, or 503 when the mail queue is full."""
        email = self.input.cleaned_data["email"].lower()
        refused: HttpResponse | None = ratelimit.consume_or_429(request, action="reset_password", key=email)
        if refused:
            return refused
        if mail_queue.is_full():
            error = {"code": "mail_busy", "message": "too many mails wait; try it again in some minutes"}
            return JsonResponse({"status": 503, "errors": [error]}, status=503, headers={"Retry-After": "60"})
        mail_queue.enqueue(partial(send_reset_mail, email))
        response: HttpResponse = RequestPasswordResponse(request)
        return response


def send_reset_mail(email: str) -> None:
    """Send a mail to set a new password to *email*; do nothing for an unknown address."""
    request = make_site_request()
    with request_context(request):
        form = ResetPasswordForm({"email": email})
        if form.is_valid():
            form.save(request)
