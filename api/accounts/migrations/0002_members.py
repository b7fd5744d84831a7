"""Create the group whose users may read the members' pages."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def create_group(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """Create the group unless it exists."""
    apps.get_model("auth", "Group").objects.get_or_create(name="members")


class Migration(migrations.Migration):
    """Adds a row only: compatible with the previous release."""

    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(create_group, migrations.RunPython.noop)]
