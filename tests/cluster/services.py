"""Start what stands outside of the nodes: registries, Nexus, object storage, Git, mail, the edge.

Runs inside the namespaces. Writes configurations and data below run/.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from tests.cluster import processes, programs
from tests.cluster.edge import (
    GHCR_PORT,
    GIT_PORT,
    NEXUS_PORT,
    REGISTRY_PORT,
    STORAGE_PORT,
    config,
    guide,
)
from tests.cluster.layout import GHCR, GIT, HOST, MAIL, NEXUS, REGISTRY, SITE, STORAGE, ZALANDO, Layout
from tests.support.registry import HTPASSWD

MAIL_PORT = 587


def registry_config(data: Path, port: int, htpasswd: Path | None) -> str:
    """Return the configuration of docker-registry; without *htpasswd* it requires no login."""
    settings: dict[str, object] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(data)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True},
    }
    if htpasswd:
        settings["auth"] = {"htpasswd": {"realm": "cluster", "path": str(htpasswd)}}
    return json.dumps(settings, indent=1)


def _start_registry(there: Layout, name: str, port: int, login: bool) -> None:
    folder = there.run / name
    folder.mkdir(parents=True, exist_ok=True)
    htpasswd = folder / "htpasswd"
    htpasswd.write_text(HTPASSWD)
    file = folder / "config.yml"
    file.write_text(registry_config(folder / "data", port, htpasswd if login else None))
    processes.start(there, name, ["docker-registry", "serve", file])


def _start_server(there: Layout, name: str, *words: str | Path) -> None:
    processes.start(there, name, [sys.executable, "-m", "tests.cluster.servers", name, *words])


def _make_repository(there: Layout) -> None:
    repository = there.run / "git" / "site.git"
    if not repository.exists():
        processes.run(there, ["git", "init", "-q", "--bare", "-b", "main", repository])
        processes.run(there, ["git", "-C", repository, "config", "http.receivepack", "true"])


def start(there: Layout) -> None:
    """Start all, and wait until each responds through the edge."""
    _start_registry(there, "registry", REGISTRY_PORT, login=True)
    _start_registry(there, "ghcr", GHCR_PORT, login=False)
    _make_repository(there)
    _start_server(there, "git", there.run / "git", str(GIT_PORT))
    _start_server(there, "nexus", str(NEXUS_PORT))
    _start_server(there, "storage", str(STORAGE_PORT))
    _start_server(there, "mail", there.run / "mail", str(MAIL_PORT))
    folder = there.run / "edge"
    folder.mkdir(parents=True, exist_ok=True)
    charts = folder / "charts" / "postgres-operator" / "charts" / "postgres-operator"
    if not charts.exists():
        shutil.copytree(programs.OPERATOR.directory(there.cache) / "charts", charts)
    (folder / "nginx.conf").write_text(config(there, guide()))
    processes.start(there, "edge", ["nginx", "-p", folder, "-c", folder / "nginx.conf"])
    wait(there)


def wait(there: Layout) -> None:
    """Wait until each server responds through the edge."""
    for url, status in (
        (f"https://{REGISTRY}/v2/", "401"),
        (f"https://{GHCR}/v2/", "200"),
        (f"https://{NEXUS}/repository/helm/index.yaml", "401"),
        (f"https://{STORAGE}/assets", "200"),
        (f"https://{GIT}/site.git/info/refs?service=git-upload-pack", "200"),
        (f"https://{ZALANDO}/postgres-operator/charts/postgres-operator/index.yaml", "200"),
    ):
        argv = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "--max-time", "5", url]
        found = f"{url} does not respond with {status}; read the logs in {there.logs}"
        processes.wait_until(lambda a=argv, s=status: processes.run(there, a) == s, 40, found)  # type: ignore[misc]


def urls() -> dict[str, str]:
    """Return the addresses that a person opens from inside the namespaces."""
    return {
        "site": f"https://{SITE}/",
        "Git": f"https://{GIT}/site.git",
        "registry": f"https://{REGISTRY}/v2/",
        "Nexus": f"https://{NEXUS}/repository/helm/",
        "object storage": f"https://{STORAGE}/",
        "mail": f"{MAIL}:{MAIL_PORT} ({HOST})",
    }
