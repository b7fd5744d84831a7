"""Programs of Debian that are measured, or that measure: where they are, and what they are called.

Starts each for its version. No writes, no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

MODULES = Path("/usr/lib/nginx/modules")  # where Debian has NGINX's
BROTLI = "ngx_http_brotli_static_module.so"
PACKAGES = {
    "nginx": "nginx-light libnginx-mod-http-brotli-static",
    "wrk": "wrk",
    "postgres": "postgresql",
}
# Debian keeps NGINX from the PATH of users, and PostgreSQL, of which several may be there, from everybody's.
_POSTGRES = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *_POSTGRES])


def program(name: str) -> str:
    """Return the path of *name*; end with one line when it is not installed."""
    need(name)
    return str(shutil.which(name, path=PATH))


def need(*names: str) -> None:
    """End with one line when one of *names* is missing, before anything is measured."""
    missing = [name for name in names if shutil.which(name, path=PATH) is None]
    if missing:
        raise SystemExit(f"error: {', '.join(missing)}: not installed; {_install(missing)}")
    if "nginx" in names and not (MODULES / BROTLI).exists():
        raise SystemExit(f"error: NGINX lacks its module for brotli; {_install(['nginx'])}")


def version(name: str) -> str:
    """Return *name* with its version."""
    word = "-V" if name == "postgres" else "-v"
    done = subprocess.run([program(name), word], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)  # wrk -v ends with status 1
    return f"{name} {found[0] if found else 'of unknown version'}"


def _install(names: list[str]) -> str:
    return f"sudo apt-get install {' '.join(PACKAGES[name] for name in names)}"
