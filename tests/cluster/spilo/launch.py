"""Start Patroni as Spilo does, by the variables that Zalando's operator sets in its pods.

The entry point of the image that stands for ghcr.io/zalando/spilo. Sources: docs/reference/ of
github.com/zalando/postgres-operator; ENVIRONMENT.rst and configure_spilo.py of github.com/zalando/spilo.
Reads the environment. Writes PostgreSQL's data and /run/postgresql.
"""

import json
import os
import pathlib
import pwd
import subprocess
from collections.abc import Mapping
from typing import Any

from . import backup
from .backup import RUN

# Spilo makes these roles when a cluster begins; the operator relies on them. A clone has them.
ROLES = """#!/bin/sh
for role in "admin CREATEDB NOLOGIN" "robot_zmon NOLOGIN" "{human} CREATEDB NOLOGIN IN ROLE admin"; do
  found=$(psql -d "$1" -tAc "SELECT 1 FROM pg_roles WHERE rolname = '${{role%% *}}'")
  [ -n "$found" ] || psql -d "$1" -v ON_ERROR_STOP=1 -c "CREATE ROLE $role" || exit 1
done
"""
BACKUP = "env PYTHONPATH=/ python3 -m spilo.backup"
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
    if backup.location(env):
        own |= {"archive_mode": "on", "archive_command": f'{BACKUP} push "%p"'}
    users = {"superuser": "SUPERUSER", "replication": "STANDBY"}
    restore = {"recovery_conf": {"restore_command": f'{BACKUP} fetch "%f" "%p"'}}
    return {
        **(restore if backup.location(env) else {}),
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


def clone_settings(env: Mapping[str, str]) -> dict[str, Any]:
    """Return how the first instance begins: {} for an empty database, else with the data of another one."""
    if env.get("CLONE_METHOD") != "CLONE_WITH_WALE":
        return {}
    target = env.get("CLONE_TARGET_TIME", "")
    inclusive = env.get("CLONE_TARGET_INCLUSIVE", "true").lower() != "false"
    recovery = {
        "restore_command": f'{BACKUP} --clone fetch "%f" "%p"',
        "recovery_target_timeline": env.get("CLONE_TARGET_TIMELINE", "latest"),
        "recovery_target_action": "promote",
        "recovery_target_inclusive": str(inclusive).lower(),
        **({"recovery_target_time": target} if target else {}),
    }
    command = f'{BACKUP} clone --recovery-target-time="{target}"'
    return {"method": "clone_with_wale", "clone_with_wale": {"command": command, "recovery_conf": recovery}}


def patroni_config(env: Mapping[str, str], root: pathlib.Path) -> dict[str, Any]:
    """Return patroni.yml; JSON is YAML."""
    configured = json.loads(env.get("SPILO_CONFIGURATION") or "{}")
    bootstrap = configured.get("bootstrap", {})
    dcs = bootstrap.get("dcs", {})
    shared = dcs.setdefault("postgresql", {})
    shared.update({"use_pg_rewind": True, "use_slots": True})
    shared.setdefault("parameters", {}).setdefault("archive_timeout", "1800s")
    initdb = [*bootstrap.get("initdb", []), {"encoding": "UTF8"}, {"locale": "C.UTF-8"}]
    return {
        "scope": env["SCOPE"],
        "name": os.uname().nodename,
        "restapi": {"listen": "0.0.0.0:8008", "connect_address": f"{env['POD_IP']}:8008"},
        "kubernetes": kubernetes_settings(env),
        "bootstrap": {
            "post_init": str(RUN / "post_init"),
            "dcs": dcs,
            "initdb": initdb,
            **clone_settings(env),
        },
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
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    files = {
        "post_init": ROLES.format(human=env.get("HUMAN_ROLE") or "zalandos"),
        "patroni.yml": json.dumps(patroni_config(env, root)),
        "backup.json": json.dumps(backup.settings(env)),
        "clone.json": json.dumps(backup.settings(env, "CLONE_")),
    }
    for name, text in files.items():
        (RUN / name).write_text(text)
    for name in (*files, "server.crt", "server.key"):
        own(RUN / name, postgres, 0o700 if name == "post_init" else 0o600)
    env["HOME"] = "/home/postgres"
    if backup.location(env):
        with (RUN / "backup.log").open("ab") as log:
            own(RUN / "backup.log", postgres, 0o600)
            argv = [*as_postgres, *BACKUP.split(), "schedule"]
            subprocess.Popen(argv, stdout=log, stderr=log)
    os.execvp("dumb-init", ["dumb-init", *as_postgres, "patroni", str(RUN / "patroni.yml")])


if __name__ == "__main__":
    main()
