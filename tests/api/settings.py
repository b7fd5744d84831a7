"""Django settings with random secrets, for the type checker, which only imports the API."""

from __future__ import annotations

import base64
import os
import secrets

os.environ |= {
    "LOGIN_SITE_URL": "https://small.example",
    "LOGIN_SITE_NAME": "A small site",
    "LOGIN_SECRET_KEYS": secrets.token_urlsafe(64),
    "LOGIN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "DATABASE_URL": "sqlite:////nonexistent/login.sqlite3",
}

from api.config.settings import *  # noqa: F403
