"""System tools that some tests need: present, or skipped with the line that installs them.

With CI=true a missing tool is a failure: nothing is skipped where it counts.
"""

from __future__ import annotations

import os
import shutil

import pytest

INSTALL = {
    "chromium": "sudo apt-get install chromium",
    "java": "sudo apt-get install default-jre-headless",
    "nginx": "sudo apt-get install nginx-light",
    "node": "sudo apt-get install nodejs npm",
    "git": "sudo apt-get install git",
}


def need(name: str) -> str:
    """Return the path of the program *name*; skip the test, or fail in CI, without it."""
    if found := shutil.which(name):
        return found
    message = f"{name} is not installed: {INSTALL[name]}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
