"""`kubernetes.certs`: renew the certificates of a control plane, and let its pods read them.

Network: the machine. Writes on it. kubelet renews its own by itself.
"""

from __future__ import annotations

import json
from datetime import datetime

from nodes.host import Host
from nodes.tasks.kubernetes.api import ADMIN, exists
from nodes.tasks.kubernetes.static_pods import bring_back, while_stopped

DAYS = 90  # that a certificate must stay valid; a year is their life, and each upgrade renews them
RESTART = "static-pods"  # pending, for Host.settle
_TIMEOUT = 120.0


def renew(host: Host, days: int, port: int) -> None:
    """Renew all certificates if one of them ends within *days*, and restart the static pods.

    A restart that an earlier run began and did not end is made.
    """
    if not exists(host, ADMIN):
        host.fail("has no cluster", "run kubernetes.init or kubernetes.join")
    bring_back(host, port)
    left = days_left(host)
    first = min(left, key=lambda name: left[name])
    if left[first] < days:
        what = f"renew the certificates ({first} ends in {left[first]} days)"
        host.change(what, "kubeadm", "certs", "renew", "all", timeout=_TIMEOUT, then=RESTART)
    while_stopped(host, "restart the static pods", port, pending=RESTART)


def days_left(host: Host) -> dict[str, int]:
    """Return the days that each certificate of kubeadm is still valid."""
    output = host.read("kubeadm", "certs", "check-expiration", "-o", "json", timeout=_TIMEOUT).stdout
    now = float(host.read("date", "+%s").stdout)
    return certificate_days(output, now)


def certificate_days(text: str, now: float) -> dict[str, int]:
    """Return the days from *now* (seconds since 1970) by certificate, from the JSON of check-expiration."""
    found = json.loads(text)["certificates"]
    return {
        one["name"]: int((datetime.fromisoformat(one["expirationDate"]).timestamp() - now) // 86_400)
        for one in found
        if not one.get("missing")
    }
