"""Chromium as a reader of the lab has it: its network, its name server, and an authority that it trusts.

Runs in a mount namespace of its own: the machine that tests keeps its resolv.conf and its policies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser.visits import CHROMIUM_ARGUMENTS
from tests.cluster.browser import POLICIES, policy
from tests.nodes.lab.machines import Lab
from tests.support.tools import need

# Directory with resolv.conf and policy.json, the program, its arguments.
_START = f"""set -eu
directory="$1"; shift
mount --bind "$directory/resolv.conf" /etc/resolv.conf
mount -t tmpfs tmpfs {POLICIES}
mkdir -p {POLICIES}/policies/managed
cp "$directory/policy.json" {POLICIES}/policies/managed/lab.json
exec "$@"
"""


@contextmanager
def chromium(lab: Lab, directory: Path, name_server: str, authority: str) -> Iterator[Browser]:
    """Run Debian's Chromium until the block ends; *authority* is a certificate in PEM."""
    (directory / "resolv.conf").write_text(f"nameserver {name_server}\n")
    (directory / "policy.json").write_text(policy(authority))
    (directory / "start").write_text(_START)
    command = " ".join(lab.command("unshare", "--mount", "--propagation", "private", "sh"))
    program = directory / "chromium"
    program.write_text(f'#!/bin/sh\nexec {command} {directory}/start {directory} {need("chromium")} "$@"\n')
    program.chmod(0o755)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()
