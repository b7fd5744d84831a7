"""Fetch the Debian packages that the cluster runs, and PostgreSQL's root, without installing anything.

Writes into the cache. Network: the Debian mirror of this machine's apt.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.cluster.images import Layer, pack_root

SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = ("etcd-server", "containerd")  # those of Debian 12 are too old for Kubernetes 1.35
# What Spilo holds, the database image of Zalando's operator: PostgreSQL, Patroni, a program for backups.
# barman-cli-cloud stands for its WAL-G. Without cron: Debian's brings systemd.
# python3-cffi-backend provides a virtual package, which debootstrap does not resolve.
DATABASE_PACKAGES = (
    "postgresql-17 patroni python3-kubernetes python3-psycopg2 python3-cffi-backend barman-cli-cloud "
    "ca-certificates openssl dumb-init"
).split()
_UNUSED = (
    "var/cache/apt var/lib/apt/lists usr/share/doc usr/share/man usr/share/locale usr/share/info".split()
)


def apt_options(state: Path) -> list[str]:
    """Return the options of apt for a state of its own in *state*: the machine's keeps unchanged."""
    options = {
        "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State": state,
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def mirror_of(targets: str) -> str:
    """Return the first address of `apt-get indextargets` that has the main archive."""
    found = re.search(r"^(https?://\S*?/debian)/?$", targets, re.M)
    if not found:
        raise SystemExit("error: apt has no mirror of Debian; add a line to /etc/apt/sources.list")
    return found[1]


def mirror() -> str:
    """Return the mirror of this machine's apt."""
    argv = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    return mirror_of(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


def _key(*words: str) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]


def packages(store: Path, names: tuple[str, ...] = PACKAGES) -> Path:
    """Return the directory with the unpacked *names*, fetched first if it is not in the cache *store*."""
    there = store / f"debian-{_key(SUITE, *names)}"
    if there.exists():
        return there
    print(f"fetching {', '.join(names)} of Debian {SUITE}", file=sys.stderr, flush=True)
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".debian-") as folder:
        state, new = Path(folder, "apt"), Path(folder, "new")
        for name in ("lists/partial", "cache/archives/partial", "get"):
            (state / name).mkdir(parents=True)
        (state / "status").touch()
        (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
        options = apt_options(state)
        subprocess.run(["apt-get", "-qq", *options, "update"], check=True)
        words = [f"{name}/{SUITE}" for name in names]
        subprocess.run(["apt-get", "-qq", *options, "download", *words], check=True, cwd=state / "get")
        for package in sorted((state / "get").glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(package), str(new)], check=True)
        new.rename(there)
    return there


def database_root(store: Path) -> tuple[Layer, Path]:
    """Return a layer of Debian with PostgreSQL and Patroni, made first if the cache *store* lacks it."""
    there = store / f"database-{_key(SUITE, *DATABASE_PACKAGES)}"
    record = there / "layer.json"
    if there.exists():
        return Layer(**json.loads(record.read_text())), there / "layer"
    print("installing PostgreSQL and Patroni into a directory (minutes)", file=sys.stderr, flush=True)
    store.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store, prefix=".database-") as folder:
        root, new = Path(folder, "root"), Path(folder, "new")
        argv = ["debootstrap", "--variant=minbase", f"--include={','.join(DATABASE_PACKAGES)}"]
        log = store / "debootstrap.log"
        with log.open("wb") as output:
            done = subprocess.run(
                [*argv, SUITE, str(root), mirror()], stdout=output, stderr=output, check=False
            )
        if done.returncode:
            raise SystemExit(f"error: debootstrap failed; read {log}")
        subprocess.run(["rm", "-rf", *(str(root / name) for name in _UNUSED)], check=True)
        home = ["install", "-d", "-o", "postgres", "-g", "postgres", "/home/postgres"]
        subprocess.run(["chroot", str(root), *home], check=True)
        new.mkdir()
        layer = pack_root(root, new / "layer")
        (new / "layer.json").write_text(json.dumps(asdict(layer)))
        new.rename(there)
    return layer, there / "layer"
