#!/usr/bin/env python3
"""Run a Django management command: migrate, invite, clearsessions, await_migrations."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "api.config.settings")
    from api.config.environment import InvalidEnvironment

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except InvalidEnvironment as error:
        print(error, file=sys.stderr)
        sys.exit(2)
