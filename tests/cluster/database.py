"""The login's database on a cluster, seen from outside: its leader, its backups in the object storage."""

from __future__ import annotations

import time
from typing import Any

import boto3
from botocore.config import Config

from tests.cluster import processes, site
from tests.cluster.kubectl import Kubectl
from tests.cluster.layout import STORAGE, Layout

CLUSTER = "acid-site"
PODS = f"cluster-name={CLUSTER}"


def client(there: Layout) -> Any:
    """Return a client of the object storage."""
    session = boto3.session.Session(*site.STORAGE_LOGIN, region_name="us-east-1")
    config = Config(s3={"addressing_style": "path"}, request_checksum_calculation="when_required")
    return session.client("s3", endpoint_url=f"https://{STORAGE}", verify=str(there.bundle), config=config)


def uid(kubectl: Kubectl) -> str:
    """Return the UID of the database cluster, which is in the path of its backups."""
    return str(kubectl.get("-n", "database", "postgresql", CLUSTER)["metadata"]["uid"])


def backups(there: Layout, of: str) -> list[str]:
    """Return the keys of all objects of the backups of the cluster with the UID *of*."""
    pages = client(there).get_paginator("list_objects_v2")
    found = pages.paginate(Bucket="backups", Prefix=f"spilo/{CLUSTER}/{of}/")
    return [row["Key"] for page in found for row in page.get("Contents", ())]


def leader(kubectl: Kubectl) -> str:
    """Return the name of the pod that leads."""
    words = ("--selector", f"{PODS},spilo-role=master")
    return str(kubectl.items("-n", "database", "pods", *words)[0]["metadata"]["name"])


def sql(kubectl: Kubectl, statement: str, database: str = "site") -> str:
    """Run *statement* on the leader, as its superuser; return the rows, unaligned."""
    words = ("exec", leader(kubectl), "--", "psql", "-U", "postgres", "-tAc", statement, database)
    return kubectl("-n", "database", *words).strip()


def wait_for_base_backup(there: Layout, kubectl: Kubectl, timeout: float = 300) -> None:
    """Wait until the object storage has a base backup of the cluster as it is."""
    own = uid(kubectl)
    found = f"no base backup of {own}; read {leader(kubectl)}:/run/postgresql/backup.log"
    complete = lambda: any(key.endswith("/backup.info") for key in backups(there, own))
    processes.wait_until(complete, timeout, found, pause=2)


def archive(there: Layout, kubectl: Kubectl, timeout: float = 120) -> None:
    """End the WAL segment, as archive_timeout does, and wait until the object storage has it."""
    name = sql(kubectl, "SELECT pg_walfile_name(pg_switch_wal())")
    own = uid(kubectl)
    there_ = lambda: any(name in key for key in backups(there, own))
    processes.wait_until(there_, timeout, f"{name} is not archived", pause=1)


def wait_until_complete(kubectl: Kubectl, timeout: float = 600) -> None:
    """Wait until three instances follow one leader, and the operator has nothing left to do."""

    def complete() -> bool:
        pods = kubectl.items("-n", "database", "pods", "--selector", PODS)
        roles = sorted(one["metadata"]["labels"].get("spilo-role", "") for one in pods)
        state = kubectl.get("-n", "database", "postgresql", CLUSTER).get("status", {})
        if roles != ["master", "replica", "replica"] or state.get("PostgresClusterStatus") != "Running":
            return False
        return sql(kubectl, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == "2"

    processes.wait_until(complete, timeout, "the database has no three instances", pause=1)
    time.sleep(1)
