"""The API for a server of ASGI: the preview mounts it."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from api.config import content_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.config.settings")
application = content_type.asgi(get_asgi_application())
