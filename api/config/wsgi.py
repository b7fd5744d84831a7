"""The API for gunicorn."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from api.config import content_type

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.config.settings")
application = content_type.wsgi(get_wsgi_application())
