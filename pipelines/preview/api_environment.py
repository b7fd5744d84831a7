"""What the login API is told on one machine: its address, its database, its keys.

Reads the environment that the caller hands in. Writes var/ of the project, and
keys into it that are made once. No network.
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

FOLDER = Path("var")
DATABASE = FOLDER / "login.sqlite3"
# variable, its file, bytes: keys that nobody has but this project on this machine
_KEYS = (
    ("LOGIN_SECRET_KEYS", "login-secret-keys", 64),
    ("LOGIN_ENCRYPTION_KEYS", "login-encryption-keys", 32),
)


def site_url(environ: Mapping[str, str], port: int) -> str:
    """Return where readers find the site: passkeys refuse 127.0.0.1, so it is localhost."""
    return environ.get("LOGIN_SITE_URL") or f"http://localhost:{port}"


def api_variables(
    project: Path, site: SiteConfig, environ: Mapping[str, str], *, port: int, proxy: bool
) -> dict[str, str]:
    """Return what the API needs besides *told*, the environment; what is told stays as it is.

    *project* is absolute, *port* the one that readers use, *proxy* whether NGINX
    is in front. Call it within `alone`: keys that are missing are made.
    """
    wanted = {
        "LOGIN_SITE_URL": site_url(environ, port),
        "LOGIN_SITE_NAME": site.name,
        "LOGIN_PROXY": "yes" if proxy else "no",
        "LOGIN_DATABASE_POOL": "0",  # for a reader or two; what is wrong is said at once, and once
        "DATABASE_URL": f"sqlite:///{quote(str(project / DATABASE))}",
    }
    given = {name: value for name, value in wanted.items() if not _told(environ, name)}
    for name, file, size in _KEYS:
        if not _told(environ, name):
            given[f"{name}_FILE"] = str(_kept(project / FOLDER / file, size))
    return given


@contextmanager
def single_instance_lock(project: Path) -> Iterator[None]:
    """Be the only process that makes keys or tables in var/ of *project*, which is made if need be."""
    folder = project / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)  # a copy of the project may have opened it
        lock = os.open(folder / "login.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise _unwritable(error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _told(environ: Mapping[str, str], name: str) -> bool:
    return name in environ or f"{name}_FILE" in environ


def _kept(file: Path, size: int) -> Path:
    """Return *file*; if there was none, with *size* random bytes in it, in base64, for its owner alone."""
    if file.exists():
        return file
    beside = file.with_suffix(".new")
    try:
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(base64.urlsafe_b64encode(secrets.token_bytes(size)).decode() + "\n")
        beside.replace(file)
    except OSError as error:
        raise _unwritable(error) from None
    return file


def _unwritable(error: OSError) -> PipelineError:
    return PipelineError(f"{FOLDER}/: the login keeps its keys there ({error.strerror}); make it writable")
