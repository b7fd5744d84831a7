"""Middleware that responds 400 to an invalid WebAuthn credential."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from api.config.errors import json_error
from api.config.middleware import API_PREFIX


class WebAuthnErrorMiddleware:
    """Respond 400 to an exception inside fido2, which parses untrusted input.

    allauth handles TypeError and ValueError of some of its calls. fido2 also raises KeyError (a missing
    field), RecursionError (JSON or CBOR within base64) and InvalidSignature, before and after it checks the
    challenge. Exceptions outside of fido2, such as database errors, are not handled.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response of the next middleware."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return status 400 for an exception inside fido2, else None."""
        is_webauthn = request.path_info.startswith(API_PREFIX) and "/webauthn" in request.path_info
        if request.method != "GET" and is_webauthn and _raised_in_fido2(exception.__traceback__):
            return json_error(400, "the credential cannot be read")
        return None


def _raised_in_fido2(trace: TracebackType | None) -> bool:
    while trace:
        if str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0] == "fido2":
            return True
        trace = trace.tb_next
    return False
