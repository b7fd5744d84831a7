"""The group whose users may read the members' pages."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def make(apps: Apps, schema: BaseDatabaseSchemaEditor) -> None:
    """Make the group, unless somebody has."""
    apps.get_model("auth", "Group").objects.get_or_create(name="members")


class Migration(migrations.Migration):
    """Only adds; code of the last release runs on with it."""

    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
