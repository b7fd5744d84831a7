"""Find the Debian programs that the benchmarks run.

Starts them to read their versions. No writes, no network.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

MODULES = Path("/usr/lib/nginx/modules")  # of Debian's NGINX
BROTLI = "ngx_http_brotli_static_module.so"
PACKAGES = {
    "hugo": "hugo",
    "nginx": "nginx-light libnginx-mod-http-brotli-static",
    "wrk": "wrk",
    "postgres": "postgresql",
}
_VERSION_OPTIONS = {"postgres": "-V", "hugo": "version"}
# Debian installs NGINX and the versions of PostgreSQL outside the PATH of users.
_POSTGRES = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", *_POSTGRES])


def find_program(name: str) -> str:
    """Return the path of the program *name*; raise SystemExit if it is not installed."""
    require(name)
    return str(shutil.which(name, path=PATH))


def require(*names: str) -> None:
    """Raise SystemExit if one of *names* is not installed."""
    missing = [name for name in names if shutil.which(name, path=PATH) is None]
    if missing:
        raise SystemExit(f"error: {', '.join(missing)}: not installed; {_install(missing)}")
    if "nginx" in names and not (MODULES / BROTLI).exists():
        raise SystemExit(f"error: NGINX's module for brotli is not installed;  {_install(['nginx'])}")


def version(name: str) -> str:
    """Return *name* with its version."""
    option = _VERSION_OPTIONS.get(name, "-v")
    done = subprocess.run([find_program(name), option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)  # wrk -v ends with status 1
    return f"{name} {found[0] if found else 'of unknown version'}"


def _install(names: list[str]) -> str:
    return f"sudo apt-get install {' '.join(PACKAGES[name] for name in names)}"
