"""The environment variables of the login API on one machine: address, database, keys.

The environment is an argument. Reads and writes var/ of the project, where the
keys are generated once. No network.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from pipelines.core.config import SiteConfig
from pipelines.core.errors import PipelineError
from pipelines.core.files import write_atomic

DIRECTORY = Path("var")
DATABASE = DIRECTORY / "login.sqlite3"
# variable, its file, bytes: keys of this project on this machine alone
_KEYS = (
    ("LOGIN_SECRET_KEYS", "login-secret-keys", 64),
    ("LOGIN_ENCRYPTION_KEYS", "login-encryption-keys", 32),
)


def site_url(environ: Mapping[str, str], port: int) -> str:
    """Return the URL of the site: on localhost, since passkeys refuse 127.0.0.1."""
    return environ.get("LOGIN_SITE_URL") or f"http://localhost:{port}"


def api_variables(
    project: Path, site: SiteConfig, environ: Mapping[str, str], *, port: int, proxy: bool
) -> dict[str, str]:
    """Return the variables that the API needs and *environ* lacks.

    *project* is absolute, *port* the one that readers use, *proxy* whether NGINX
    is in front. Call it within ``single_instance_lock``: it generates missing keys.
    """
    defaults = {
        "LOGIN_SITE_URL": site_url(environ, port),
        "LOGIN_SITE_NAME": site.name,
        "LOGIN_PROXY": "yes" if proxy else "no",
        "LOGIN_DATABASE_POOL": "0",  # for a reader or two; an error is raised at once, and once
        "DATABASE_URL": f"sqlite:///{quote(str(project / DATABASE))}",
    }
    added = {name: value for name, value in defaults.items() if not _is_set(environ, name)}
    for name, file, size in _KEYS:
        if not _is_set(environ, name):
            added[f"{name}_FILE"] = str(_make_key(project / DIRECTORY / file, size))
    return added


@contextmanager
def single_instance_lock(project: Path) -> Iterator[None]:
    """Lock var/ of *project*, which is created if missing, while keys or tables are made."""
    folder = project / DIRECTORY
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)  # a copy of the project may have opened it
        lock = os.open(folder / "login.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _not_writable(error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_set(environ: Mapping[str, str], name: str) -> bool:
    return name in environ or f"{name}_FILE" in environ


def _make_key(file: Path, size: int) -> Path:
    """Return *file*; generate it with *size* random bytes in base64, mode 600, if it is missing."""
    if file.exists():
        return file
    try:
        write_atomic(
            file, base64.urlsafe_b64encode(secrets.token_bytes(size)) + b"\n", mode=0o600, fsync=True
        )
    except OSError as error:
        raise _not_writable(error) from None
    return file


def _not_writable(error: OSError) -> PipelineError:
    return PipelineError(f"{DIRECTORY}/: the login keeps its keys there ({error.strerror}); make it writable")
