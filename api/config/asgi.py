"""The ASGI application, which the preview mounts."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

from api.config import content_type_middleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.config.settings")
application = content_type_middleware.asgi_middleware(get_asgi_application())
