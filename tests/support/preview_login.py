"""The preview with its login, for tests: a project, its users, and their browsers."""

from __future__ import annotations

import base64
import hmac
import re
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.api.live_site import PASSWORD, Browser, Site
from tests.support.previews import DevServer, clean_environment, preview_site
from tests.support.project import ROOT

CANARY = "canary-5d07aa"
INSIDE = "/members/inside/"
SITE = {
    "content/members/inside.md": (
        f"---\ntitle: {CANARY}\naliases: [/members/oldname/]\n---\n{CANARY} [list](../files/list.csv)\n"
    ),
    "content/files/list.csv": f"{CANARY},1\n",
}
LOADED = re.compile(r"^import time: .*\|\s+(django|allauth|api)\b", re.MULTILINE)
SCRIPT = '<script src="/_preview/reload.js"'


def run_pipelines(project: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m pipelines`` on *project*, with *env* as the only variables of a login."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines", "--project", str(project), *words],
        cwd=ROOT,
        env={**clean_environment(), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def create_user(
    project: Path, email: str, *words: str, word: str = "user", port: int = 8000, **env: str
) -> str:
    """Create a user; return the key of the mail that was printed."""
    done = run_pipelines(project, word, email, "--port", str(port), *words, **env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found = re.search(rf"^http://localhost:{port}/account/reset/new/#(\S+)$", done.stdout, re.M)
    assert found, done.stdout
    return found[1]


def new_browser(one: DevServer) -> Browser:
    """Return a browser without cookies."""
    there: Any = one  # a browser uses the port alone
    return Browser(Site(there, None, {"LOGIN_SITE_URL": one.url}, []), "")  # type: ignore[arg-type]


def logged_in_browser(one: DevServer, email: str, word: str = "user") -> Browser:
    """Create a user and return a browser that is logged in."""
    key = create_user(one.project, email, word=word, port=one.port)
    reader = new_browser(one)
    assert reader.call("POST", "auth/password/reset", {"key": key, "password": PASSWORD}).status == 401
    assert reader.login(email).status == 200
    return reader


def add_second_factor(reader: Browser) -> None:
    """Add TOTP (RFC 6238) and log in again with it."""
    assert reader.call("POST", "auth/reauthenticate", {"password": PASSWORD}).status == 200
    secret = reader.call("GET", "account/authenticators/totp").json["meta"]["secret"]

    def code(steps: int) -> str:
        key = base64.b32decode(secret + "=" * (-len(secret) % 8))
        digest = hmac.digest(key, struct.pack(">Q", int(time.time() // 30) + steps), "sha1")
        (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
        return f"{(number & 0x7FFFFFFF) % 10**6:06}"

    added = reader.call("POST", "account/authenticators/totp", {"code": code(0)})
    assert added.status == 200, added.body
    # The code was used: a login needs the next one, or a recovery code, which needs no waiting.
    spare = reader.call("GET", "account/authenticators/recovery-codes").json["data"]["unused_codes"][0]
    email = reader.call("GET", "auth/session").json["data"]["user"]["email"]
    reader.logout()
    assert reader.login(email).status == 401
    assert reader.call("POST", "auth/2fa/authenticate", {"code": spare}).status == 200


def project_with_login(folder: Path) -> Path:
    """Return a project with a members' page and the configuration of NGINX."""
    project = preview_site(folder, SITE)
    shutil.copytree(ROOT / "images", project / "images")
    return project
