"""WAL and base backups in S3, where Spilo puts them: `python3 -m spilo.backup COMMAND`, as postgres.

push FILE            archive_command
fetch NAME FILE      restore_command; with --clone from the cluster that is cloned
base                 a base backup, and removal of old ones; does nothing on a follower
schedule             the same once this is the leader, then by BACKUP_SCHEDULE, for ever
clone --datadir D    the newest base backup before --recovery-target-time: a bootstrap method of Patroni

Barman's programs for object storage do what WAL-G does in Spilo. Reads the settings that launch.py writes.
Network: the object storage.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any

RUN = pathlib.Path("/run/postgresql")
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_WAIT = 3600  # seconds until the leader runs, as in Spilo's launch.sh


def location(env: Mapping[str, str], prefix: str = "") -> str:
    """Return the directory of WAL and base backups, as "s3://BUCKET/…/wal/17"; "" without backups.

    *prefix* is "CLONE_" for the cluster that is cloned. Source: write_wale_environment of Spilo.
    """
    version = env.get("PGVERSION", "17")
    whole = env.get(f"{prefix}WALE_S3_PREFIX") or env.get(f"{prefix}WALG_S3_PREFIX")
    if not whole:
        bucket, scope = env.get(f"{prefix}WAL_S3_BUCKET"), env.get(f"{prefix}SCOPE")
        if not bucket or not scope:
            return ""
        namespace = env.get("POD_NAMESPACE", "default")
        own = "" if prefix or namespace == "default" else f"{namespace}-"
        before = env.get(f"{prefix}WAL_BUCKET_SCOPE_PREFIX", own)
        after = env.get(f"{prefix}WAL_BUCKET_SCOPE_SUFFIX", "")
        whole = f"s3://{bucket}/spilo/{before}{scope}{after}/wal/{env.get(f'{prefix}PGVERSION', '')}"
    whole = whole.rstrip("/")
    return f"{whole}/{version}" if whole.endswith("/wal") else whole


def settings(env: Mapping[str, str], prefix: str = "") -> dict[str, str]:
    """Return what the programs of Barman are given; {} without backups."""
    where = location(env, prefix)
    if not where:
        return {}
    folder, _, server = where.rpartition("/")
    return {
        "url": folder,
        "server": server,
        "endpoint": env.get(f"{prefix}AWS_ENDPOINT", ""),
        "retain": env.get("BACKUP_NUM_TO_RETAIN", "5"),
        "schedule": env.get("BACKUP_SCHEDULE", "0 1 * * *"),
        "AWS_ACCESS_KEY_ID": env.get(f"{prefix}AWS_ACCESS_KEY_ID", ""),
        "AWS_SECRET_ACCESS_KEY": env.get(f"{prefix}AWS_SECRET_ACCESS_KEY", ""),
        "AWS_DEFAULT_REGION": env.get(f"{prefix}AWS_REGION") or "us-east-1",
        "AWS_CA_BUNDLE": env.get(f"{prefix}WALG_S3_CA_CERT_FILE", AUTHORITIES),
    }


def command(name: str, given: Mapping[str, str], options: Sequence[str], words: Sequence[str]) -> list[str]:
    """Return the command line of barman-cloud-NAME; credentials are in its environment."""
    endpoint = ["--endpoint-url", given["endpoint"]] if given["endpoint"] else []
    return [f"barman-cloud-{name}", *endpoint, *options, given["url"], given["server"], *words]


def choose(backups: Sequence[Mapping[str, Any]], target: datetime.datetime | None) -> str:
    """Return the id of the newest base backup that ended before *target*; raise LookupError without one."""
    done = [one for one in backups if one.get("status") == "DONE"]
    times = {str(one["backup_id"]): ended(one) for one in done}
    early = [name for name, time_ in times.items() if target is None or time_ < target]
    if not early:
        raise LookupError(f"no base backup before {target}; there are {times or 'none'}")
    return max(early, key=times.__getitem__)


def ended(backup: Mapping[str, Any]) -> datetime.datetime:
    """Return when a base backup of `barman-cloud-backup-list --format json` ended; UTC where it says none."""
    text = str(backup["end_time"])
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        found = datetime.datetime.strptime(text, "%a %b %d %H:%M:%S %Y")
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _run(name: str, given: Mapping[str, str], options: Sequence[str] = (), words: Sequence[str] = ()) -> int:
    environ = os.environ | {key: value for key, value in given.items() if key.startswith("AWS_")}
    return subprocess.run(command(name, given, options, words), env=environ, check=False).returncode


def _list(given: Mapping[str, str]) -> list[dict[str, Any]]:
    environ = os.environ | {key: value for key, value in given.items() if key.startswith("AWS_")}
    argv = command("backup-list", given, ["--format", "json"], [])
    done = subprocess.run(argv, env=environ, stdout=subprocess.PIPE, check=True)
    return list(json.loads(done.stdout)["backups_list"])


def is_leader() -> bool:
    """Return whether Patroni runs this instance as leader."""
    try:
        with urllib.request.urlopen("http://127.0.0.1:8008/primary", timeout=10) as response:
            return bool(response.status == 200)
    except OSError:  # not started, or 503: a follower
        return False


def is_due(schedule: str, now: datetime.datetime) -> bool:
    """Return whether *schedule*, as in crontab(5) with numbers, names the minute of *now*."""
    values = (now.minute, now.hour, now.day, now.month, now.isoweekday() % 7)
    due = [_matches(field, value) for field, value in zip(schedule.split(), values, strict=True)]
    days = schedule.split()[2], schedule.split()[4]
    either = any if "*" not in (days[0][0], days[1][0]) else all  # crontab(5): one of both is enough
    return all((due[0], due[1], due[3], either((due[2], due[4]))))


def _matches(field: str, value: int) -> bool:
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        low = 0 if first == "*" else int(first)
        high = int(last or first) if first != "*" and (last or not step) else 59
        if low <= value <= high and (value - low) % int(step or 1) == 0:
            return True
    return False


def follow_schedule(given: Mapping[str, str]) -> None:
    """Make a base backup at the start of a leader, as Spilo does, and at each time of the schedule."""
    end = time.monotonic() + _WAIT
    while not is_leader() and time.monotonic() < end:
        time.sleep(5)
    base(given)
    while True:
        time.sleep(60 - time.time() % 60)
        if is_due(given["schedule"], datetime.datetime.now(datetime.UTC)):
            base(given)


def base(given: Mapping[str, str]) -> int:
    """Make a base backup, and delete those beyond the number to retain, unless this is a follower."""
    if not is_leader():
        return 0
    options = ["--gzip", "--host", str(RUN), "--user", "postgres", "--immediate-checkpoint"]
    retain = f"REDUNDANCY {max(2, int(given['retain']))}"  # Spilo keeps two at least
    return _run("backup", given, options) or _run("backup-delete", given, ["--retention-policy", retain])


def clone(given: Mapping[str, str], datadir: str, target: str) -> int:
    """Restore a base backup into *datadir*."""
    time_ = datetime.datetime.fromisoformat(target) if target else None
    if time_ and not time_.tzinfo:
        raise SystemExit(f"error: CLONE_TARGET_TIME: {target}: has no time zone; add +00:00")
    status = _run("restore", given, (), [choose(_list(given), time_), datadir])
    os.chmod(datadir, 0o700)  # PostgreSQL does not start with another one
    return status


def main(argv: Sequence[str]) -> int:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="backup")
    parser.add_argument("command", choices=("push", "fetch", "base", "schedule", "clone"))
    parser.add_argument("words", nargs="*")
    parser.add_argument("--clone", action="store_true")
    for name in ("--datadir", "--scope", "--recovery-target-time"):  # Patroni adds the first two
        parser.add_argument(name, default="")
    options = parser.parse_args(argv)
    which = "clone" if options.clone or options.command == "clone" else "backup"
    given = json.loads((RUN / f"{which}.json").read_text())
    if options.command == "push":
        return _run("wal-archive", given, ["--gzip"], options.words)
    if options.command == "fetch":
        return _run("wal-restore", given, (), options.words)
    if options.command == "schedule":
        follow_schedule(given)
    if options.command == "base":
        return base(given)
    return clone(given, options.datadir, options.recovery_target_time)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
