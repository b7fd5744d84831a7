"""Notify Flux of a new chart, so that it does not wait for its interval.

Network: the webhook. No reads, no writes.

Authentication as in Flux's documentation of Receivers: generic-hmac takes
X-Signature over the body, gitlab the token itself and the kind of event.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from pipelines.core.credentials import Receiver
from pipelines.core.errors import ToolError
from pipelines.core.results import ChartResult
from pipelines.tools.http import HttpClient, host_of, refuse_plain_http


def notify_receiver(client: HttpClient, receiver: Receiver, chart: ChartResult) -> str:
    """Call *receiver*; return "", or why the call failed.

    A failure does not fail the publication: Flux finds the chart by its interval.
    """
    body = json.dumps({"chart": chart.name, "commit": chart.commit, "version": chart.version}).encode()
    host = host_of(receiver.url)
    try:
        headers = {"Content-Type": "application/json", **_authentication(receiver, body)}
        response = client.request("POST", receiver.url, headers=headers, body=body)
    except ToolError as error:
        return str(error)
    if 200 <= response.status < 300:
        return ""
    if response.status in (400, 403, 404) and (hint := response.hint):
        return f"{host}: answered {response.status}; {hint}"
    if response.status == 404:
        return f"{host}: no Receiver there (404); take {receiver.variables}_URL from its status.webhookPath"
    if response.status in (400, 401, 403):  # Flux answers 400 to an invalid signature
        fix = f"fix {receiver.variables}_TOKEN or {receiver.variables}_KIND"
        return f"{host}: refused the call ({response.status}); {fix}"
    return f"{host}: answered {response.reason}"


def _authentication(receiver: Receiver, body: bytes) -> dict[str, str]:
    if receiver.kind == "gitlab":
        refuse_plain_http(receiver.url)
        return {"X-Gitlab-Token": receiver.token, "X-Gitlab-Event": "Push Hook"}
    digest = hmac.new(receiver.token.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Signature": f"sha256={digest}"}
