#!/usr/bin/python3
"""Start Patroni as Spilo does, by the variables that Zalando's operator sets in its pods.

The entry point of the image that stands for ghcr.io/zalando/spilo. Sources: docs/reference/ of
github.com/zalando/postgres-operator, and ENVIRONMENT.rst of github.com/zalando/spilo. No WAL-G: backups
do not run. Reads the environment. Writes PostgreSQL's data and /run/postgresql.
"""

import json
import os
import pathlib
import pwd
import subprocess
from collections.abc import Mapping
from typing import Any

RUN = pathlib.Path("/run/postgresql")
# Spilo makes these roles when a cluster begins; the operator relies on them.
ROLES = """#!/bin/sh
psql -d "$1" -v ON_ERROR_STOP=1 -c "CREATE ROLE admin CREATEDB NOLOGIN" -c "CREATE ROLE robot_zmon NOLOGIN" \\
  -c "CREATE ROLE {human} CREATEDB NOLOGIN IN ROLE admin"
"""
ACCESS = [
    "local all all trust",
    "host all all 127.0.0.1/32 md5",
    "hostssl replication standby all md5",
    "hostnossl all all all reject",
    "hostssl all all all md5",
]


def kubernetes_settings(env: Mapping[str, str]) -> dict[str, Any]:
    """Return Patroni's section for the objects that hold its state."""
    return {
        "namespace": env["POD_NAMESPACE"],
        "labels": json.loads(env.get("KUBERNETES_LABELS") or '{"application": "spilo"}'),
        "scope_label": env.get("KUBERNETES_SCOPE_LABEL", "version"),
        "role_label": env.get("KUBERNETES_ROLE_LABEL", "role"),
        "leader_label_value": "master",
        "standby_leader_label_value": "master",
        "pod_ip": env["POD_IP"],
        "use_endpoints": env.get("KUBERNETES_USE_CONFIGMAPS") != "true",
        "bypass_api_service": True,
        "ports": [{"port": 5432, "name": "postgresql"}],
        "bootstrap_labels": json.loads(env.get("KUBERNETES_BOOTSTRAP_LABELS") or "{}"),
    }


def postgresql_settings(
    env: Mapping[str, str], configured: dict[str, Any], root: pathlib.Path
) -> dict[str, Any]:
    """Return Patroni's section for the server."""
    own = {
        "ssl": "on",
        "ssl_cert_file": str(RUN / "server.crt"),
        "ssl_key_file": str(RUN / "server.key"),
        "unix_socket_directories": str(RUN),
    }
    users = {"superuser": "SUPERUSER", "replication": "STANDBY"}
    return {
        "listen": "0.0.0.0:5432",
        "connect_address": f"{env['POD_IP']}:5432",
        "data_dir": str(root / "data"),
        "bin_dir": f"/usr/lib/postgresql/{env.get('PGVERSION', '17')}/bin",
        "pgpass": str(RUN / "pgpass"),
        "parameters": own | configured.get("parameters", {}),
        "authentication": {
            kind: {"username": env[f"PGUSER_{name}"], "password": env[f"PGPASSWORD_{name}"]}
            for kind, name in users.items()
        },
        "pg_hba": configured.get("pg_hba") or ACCESS,
    }


def patroni_config(env: Mapping[str, str], root: pathlib.Path) -> dict[str, Any]:
    """Return patroni.yml; JSON is YAML."""
    configured = json.loads(env.get("SPILO_CONFIGURATION") or "{}")
    bootstrap = configured.get("bootstrap", {})
    dcs = bootstrap.get("dcs", {})
    dcs.setdefault("postgresql", {}).update({"use_pg_rewind": True, "use_slots": True})
    initdb = [*bootstrap.get("initdb", []), {"encoding": "UTF8"}, {"locale": "C.UTF-8"}]
    return {
        "scope": env["SCOPE"],
        "name": os.uname().nodename,
        "restapi": {"listen": "0.0.0.0:8008", "connect_address": f"{env['POD_IP']}:8008"},
        "kubernetes": kubernetes_settings(env),
        "bootstrap": {"post_init": str(RUN / "post_init"), "dcs": dcs, "initdb": initdb},
        "postgresql": postgresql_settings(env, configured.get("postgresql", {}), root),
    }


def own(path: pathlib.Path, user: pwd.struct_passwd, mode: int = 0o700) -> None:
    """Give *path* to *user*."""
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(mode)


def main() -> None:
    """Prepare the directories, and become Patroni."""
    env = os.environ
    postgres = pwd.getpwnam("postgres")
    root = pathlib.Path(env.get("PGROOT", "/home/postgres/pgdata/pgroot"))
    for directory in (root, RUN):
        directory.mkdir(parents=True, exist_ok=True)
        own(directory, postgres)
    own(root.parent, postgres)
    names = [
        "-subj",
        f"/CN={env['SCOPE']}",
        "-keyout",
        str(RUN / "server.key"),
        "-out",
        str(RUN / "server.crt"),
    ]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "365", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *key, *names], check=True, capture_output=True)
    (RUN / "post_init").write_text(ROLES.format(human=env.get("HUMAN_ROLE") or "zalandos"))
    (RUN / "patroni.yml").write_text(json.dumps(patroni_config(env, root)))
    for name, mode in {
        "server.crt": 0o600,
        "server.key": 0o600,
        "post_init": 0o700,
        "patroni.yml": 0o600,
    }.items():
        own(RUN / name, postgres, mode)
    env["HOME"] = "/home/postgres"
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    os.execvp("dumb-init", ["dumb-init", *as_postgres, "patroni", str(RUN / "patroni.yml")])


if __name__ == "__main__":
    main()
