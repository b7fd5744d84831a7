"""Tell Flux that there is a new chart, so that it need not wait for its interval.

Network: the webhook. No reads, no writes.

Signatures as Flux's document on Receivers has them: generic-hmac wants
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


def notify_receiver(web: HttpClient, receiver: Receiver, chart: ChartResult) -> str:
    """Call *receiver*; return "", or why it did not take the call.

    A call that fails is no fault of the release: it is out, and Flux finds it by
    itself.
    """
    body = json.dumps({"chart": chart.name, "commit": chart.commit, "version": chart.version}).encode()
    place = host_of(receiver.url)
    try:
        headers = {"Content-Type": "application/json", **_proof(receiver, body)}
        answer = web.ask("POST", receiver.url, headers=headers, body=body)
    except ToolError as error:
        return str(error)
    if 200 <= answer.status < 300:
        return ""
    if answer.status in (400, 403, 404) and (known := answer.hint):
        return f"{place}: answered {answer.status}; {known}"
    if answer.status == 404:
        return f"{place}: no Receiver there (404); take {receiver.variables}_URL from its status.webhookPath"
    if answer.status in (400, 401, 403):  # Flux answers 400 to a signature that is wrong
        fix = f"correct {receiver.variables}_TOKEN or {receiver.variables}_KIND"
        return f"{place}: did not believe the call ({answer.status}); {fix}"
    return f"{place}: answered {answer.why}"


def _proof(receiver: Receiver, body: bytes) -> dict[str, str]:
    if receiver.kind == "gitlab":
        refuse_plain_http(receiver.url)
        return {"X-Gitlab-Token": receiver.token, "X-Gitlab-Event": "Push Hook"}
    digest = hmac.new(receiver.token.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Signature": f"sha256={digest}"}
