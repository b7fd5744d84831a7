"""The WSGI application, which gunicorn serves."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from api.config import content_type_middleware

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.config.settings")
application = content_type_middleware.wsgi_middleware(get_wsgi_application())
