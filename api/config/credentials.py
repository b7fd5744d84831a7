"""Answer 400 to a credential of WebAuthn that its parser cannot read."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from api.config.errors import answer
from api.config.middleware import API


class CredentialErrors:
    """Turn an exception within fido2 into 400: its input is what a stranger sends.

    allauth maps TypeError and ValueError of some of its calls. fido2 also raises KeyError (a field is
    missing), RecursionError (JSON or CBOR within base64) and InvalidSignature, before and after the
    challenge is checked. Exceptions outside of fido2, such as those of the database, stay faults.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Return the answer to a credential that cannot be read, else None."""
        of_webauthn = request.path_info.startswith(API) and "/webauthn" in request.path_info
        if request.method != "GET" and of_webauthn and _within_fido2(exception.__traceback__):
            return answer(400, "the credential cannot be read")
        return None


def _within_fido2(trace: TracebackType | None) -> bool:
    while trace:
        if str(trace.tb_frame.f_globals.get("__name__", "")).split(".")[0] == "fido2":
            return True
        trace = trace.tb_next
    return False
