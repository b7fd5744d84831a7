"""Chromium in the network of a cluster, which trusts the authority of the edge.

Runs inside the namespaces. Writes a policy of Chromium over /etc/chromium.
"""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.visits import CHROMIUM_ARGUMENTS
from tests.cluster import processes
from tests.cluster.layout import Layout
from tests.cluster.prerequisites import find

POLICIES = Path("/etc/chromium")


def policy(certificate: str) -> str:
    """Return the policy that adds *certificate*, in PEM, to the authorities.

    A browser that ignores faults of certificates would refuse passkeys. Source: chromeenterprise.google,
    CACertificates.
    """
    der = ssl.PEM_cert_to_DER_cert(certificate)
    return json.dumps({"CACertificates": [base64.b64encode(der).decode()]})


def trust_edge(there: Layout) -> None:
    """Make Chromium trust the edge, here alone."""
    processes.run(there, ["mount", "-t", "tmpfs", "tmpfs", POLICIES])
    file = POLICIES / "policies" / "managed" / "cluster.json"
    file.parent.mkdir(parents=True)
    file.write_text(policy(there.authority.read_text()))


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Debian's Chromium until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find("chromium"), args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
