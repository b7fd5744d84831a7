"""Asking for the mail by which a forgotten password is set anew.

The request counts, queues the address and answers: it looks nobody up, so that it takes the same time for
every address. The lookup, the key and the mail are made beside it (api/accounts/post.py).
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

from api.accounts import post
from api.accounts.adapters import own_request


class Input(inputs.Input):  # type: ignore[misc]  # allauth ships no types
    """{"email": ...}: allauth's own input would look for the user."""

    email = inputs.EmailField()


class RequestView(APIView):  # type: ignore[misc]
    """POST auth/password/request, in place of allauth's view."""

    input_class = Input
    input: Input

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer 200, 429 when too many were asked for, or 503 when too many wait to be sent."""
        email = self.input.cleaned_data["email"].lower()
        refused: HttpResponse | None = ratelimit.consume_or_429(request, action="reset_password", key=email)
        if refused:
            return refused
        if post.crowded():
            error = {"code": "mail_busy", "message": "too many mails wait; try it again in some minutes"}
            return JsonResponse({"status": 503, "errors": [error]}, status=503, headers={"Retry-After": "60"})
        post.soon(partial(send, email))
        answer: HttpResponse = RequestPasswordResponse(request)
        return answer


def send(email: str) -> None:
    """Send whoever has the address *email* the mail to set a password; do nothing for an unknown one."""
    request = own_request()
    with request_context(request):
        form = ResetPasswordForm({"email": email})
        if form.is_valid():
            form.save(request)
