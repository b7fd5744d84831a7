"""The stand-in for Spilo reads Spilo's variables as Spilo does, and chooses the base backup of a restore."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from tests.cluster.spilo import backup, launch

# As postgres-operator 1.15.1 sets them, with wal_s3_bucket.
POD = {
    "SCOPE": "acid-site",
    "PGVERSION": "17",
    "POD_IP": "10.244.1.9",
    "POD_NAMESPACE": "database",
    "PGUSER_SUPERUSER": "postgres",
    "PGUSER_STANDBY": "standby",
    "PGPASSWORD_SUPERUSER": "a",
    "PGPASSWORD_STANDBY": "b",
}
BUCKET = {"WAL_S3_BUCKET": "backups", "WAL_BUCKET_SCOPE_SUFFIX": "/a-uid", "WAL_BUCKET_SCOPE_PREFIX": ""}
CLONE = {
    "CLONE_METHOD": "CLONE_WITH_WALE",
    "CLONE_SCOPE": "acid-site",
    "CLONE_TARGET_TIME": "2026-11-23T10:00:00+00:00",
    "CLONE_WAL_S3_BUCKET": "backups",
    "CLONE_WAL_BUCKET_SCOPE_SUFFIX": "/a-uid",
    "CLONE_WAL_BUCKET_SCOPE_PREFIX": "",
    "CLONE_AWS_ENDPOINT": "https://s3.example.org",
}


@pytest.mark.parametrize(
    ("env", "prefix", "path"),
    [
        ({}, "", ""),
        ({"WAL_S3_BUCKET": "b"}, "", "s3://b/spilo/database-acid-site/wal/17"),
        (BUCKET, "", "s3://backups/spilo/acid-site/a-uid/wal/17"),
        ({"WALE_S3_PREFIX": "s3://b/x/wal/16"}, "", "s3://b/x/wal/16"),
        (BUCKET, "CLONE_", ""),
        (CLONE, "CLONE_", "s3://backups/spilo/acid-site/a-uid/wal/17"),
        ({"CLONE_WALE_S3_PREFIX": "s3://b/spilo/a/wal/16"}, "CLONE_", "s3://b/spilo/a/wal/16"),
    ],
)
def test_backups_are_where_spilo_puts_them(env: dict[str, str], prefix: str, path: str) -> None:
    """write_wale_environment of Spilo's configure_spilo.py."""
    assert backup.location(POD | env, prefix) == path


def test_a_clone_is_recovered_to_its_time() -> None:
    """The template of Spilo: `clone_with_wale` with `recovery_conf`."""
    made = launch.patroni_config(POD | BUCKET | CLONE, Path("/data"))
    clone = made["bootstrap"]["clone_with_wale"]
    assert made["bootstrap"]["method"] == "clone_with_wale"
    assert '--recovery-target-time="2026-11-23T10:00:00+00:00"' in clone["command"]
    assert clone["recovery_conf"]["recovery_target_time"] == "2026-11-23T10:00:00+00:00"
    assert "--clone" in clone["recovery_conf"]["restore_command"]
    assert made["postgresql"]["parameters"]["archive_mode"] == "on"
    assert "--clone" not in made["postgresql"]["recovery_conf"]["restore_command"]


def test_without_a_bucket_nothing_is_archived() -> None:
    made = launch.patroni_config(POD, Path("/data"))
    assert "archive_command" not in made["postgresql"]["parameters"]
    assert "recovery_conf" not in made["postgresql"]
    assert "method" not in made["bootstrap"]


def test_the_interval_of_the_archive_is_that_of_the_manifest() -> None:
    """Spilo's default is half an hour; what the operator passes on comes before it."""
    parameters = {"archive_timeout": "300s"}
    given = {"bootstrap": {"dcs": {"postgresql": {"parameters": parameters}}}}
    for env, expected in (({}, "1800s"), ({"SPILO_CONFIGURATION": json.dumps(given)}, "300s")):
        made = launch.patroni_config(POD | BUCKET | env, Path("/data"))
        assert made["bootstrap"]["dcs"]["postgresql"]["parameters"]["archive_timeout"] == expected
        assert "archive_timeout" not in made["postgresql"]["parameters"]


def test_credentials_are_in_no_command_line() -> None:
    env = POD | BUCKET | {"AWS_ACCESS_KEY_ID": "an-id", "AWS_SECRET_ACCESS_KEY": "a-secret"}
    given = backup.settings(env)
    argv = backup.command("wal-archive", given, ["--gzip"], ["pg_wal/1"])
    assert argv == [
        "barman-cloud-wal-archive",
        "--gzip",
        "s3://backups/spilo/acid-site/a-uid/wal",
        "17",
        "pg_wal/1",
    ]
    assert given["AWS_SECRET_ACCESS_KEY"] == "a-secret"


def test_the_newest_backup_before_the_time_is_restored() -> None:
    """WAL is replayed from a base backup forward only."""
    rows = [
        {"backup_id": "a", "status": "DONE", "end_time": "Sun Nov 22 01:30:09 2026"},
        {"backup_id": "b", "status": "DONE", "end_time": "2026-11-23T01:30:09+00:00"},
        {"backup_id": "c", "status": "FAILED", "end_time": "2026-11-23T09:00:00+00:00"},
        {"backup_id": "d", "status": "DONE", "end_time": "2026-11-24T01:30:09+00:00"},
    ]
    at = datetime.datetime.fromisoformat
    assert backup.choose(rows, at("2026-11-23T10:00:00+00:00")) == "b"
    assert backup.choose(rows, at("2026-11-23T01:00:00+00:00")) == "a"
    assert backup.choose(rows, None) == "d"
    with pytest.raises(LookupError, match="no base backup before 2026-11-22"):
        backup.choose(rows, at("2026-11-22T01:30:00+00:00"))


@pytest.mark.parametrize(
    ("schedule", "now", "due"),
    [
        ("30 1 * * *", "2026-11-23T01:30", True),
        ("30 1 * * *", "2026-11-23T02:30", False),
        ("*/15 * * * *", "2026-11-23T02:45", True),
        ("*/15 * * * *", "2026-11-23T02:46", False),
        ("0 1-5/2 * * *", "2026-11-23T03:00", True),
        ("0 1-5/2 * * *", "2026-11-23T04:00", False),
        ("0 2 * * 0,6", "2026-11-22T02:00", True),  # a Sunday
        ("0 2 * * 0,6", "2026-11-23T02:00", False),
        ("0 2 1 * 1", "2026-11-23T02:00", True),  # a Monday, or the first of a month
        ("0 2 1 * 1", "2026-11-24T02:00", False),
    ],
)
def test_backups_follow_the_schedule(schedule: str, now: str, due: bool) -> None:
    assert backup.is_due(schedule, datetime.datetime.fromisoformat(now)) == due
