"""System tools that some tests need: present, or skipped with the line that installs them.

With CI=true a missing tool is a failure: nothing is skipped where it counts.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from pipelines.image import base, wheels
from pipelines.image.python_target import target_of
from tests.support.project import ROOT

INSTALL = {
    "chromium": "sudo apt-get install chromium",
    "java": "sudo apt-get install default-jre-headless",
    "nginx": "sudo apt-get install nginx-light libnginx-mod-http-brotli-static",
    "podman": "sudo apt-get install podman runc",
    "skopeo": "sudo apt-get install skopeo",
    "initdb": "sudo apt-get install postgresql",
    "openssl": "sudo apt-get install openssl",
    "bash": "sudo apt-get install bash",
    "make": "sudo apt-get install make",
    "sh": "sudo apt-get install dash",
    "tar": "sudo apt-get install tar",
    "unshare": "sudo apt-get install util-linux",
    "docker-registry": "sudo apt-get install docker-registry",
    "node": "sudo apt-get install nodejs npm",
    "git": "sudo apt-get install git",
    "rsync": "sudo apt-get install rsync",
    "helm": "make kube",
    "checkov": "make scanner",
    "dnsmasq": "sudo apt-get install dnsmasq-base",
    "kubectl": "make kube",
    "age-keygen": "sudo apt-get install age",
    "sops": "make sops",
    "cosign-verify": "make cosign",
    "versitygw": "make storage",
}
APT, TOOLS = "sudo apt-get install ", "make tools"
FILES = {
    "make base": "out/base/web",
    "make wheels": "out/wheels",
    "make schemas": ".venv/schemas",
    "make spec": ".venv/spec",
}


def find_tool(name: str) -> str | None:
    """Return the path of the program *name*, or None.

    Debian keeps NGINX, dnsmasq and PostgreSQL in directories that are not on the PATH of users.
    """
    postgresql = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join([*postgresql, "/usr/sbin"]))


def missing_tools() -> dict[str, list[str]]:
    """Return the programs and files that tests need and do not find, by the command that installs them."""
    found: dict[str, list[str]] = {}
    packages: list[str] = []
    for name, command in INSTALL.items():
        if find_tool(name):
            continue
        if command.startswith(APT):
            packages.append(command.removeprefix(APT))
        found.setdefault(TOOLS if command.startswith(APT) else command, []).append(name)
    for command, path in FILES.items():
        if not (ROOT / path).exists():
            found.setdefault(command, []).append(path)
    if packages:
        found[f"{TOOLS}, or {APT}{' '.join(packages)}"] = found.pop(TOOLS)
    return found


def need(name: str) -> str:
    """Return the path of the program *name*; skip the test, or fail in CI, without it."""
    return find_tool(name) or _lacking(f"{name} is not installed: {INSTALL[name]}")


def need_base(project: Path, name: str) -> None:
    """Give *project* the pinned base *name* of this checkout; skip the test, or fail in CI, without it."""
    place = ROOT / "out" / "base" / name
    if not place.exists():
        _lacking(f"there is no base {name}: make base (needs buildah and debootstrap)")
    target = project / "out" / "base" / name
    if target != place and not target.exists():
        shutil.copytree(place, target)


def need_wheels(project: Path) -> None:
    """Give *project* the packages of the API's image; skip the test, or fail in CI, without them.

    Tests send no traffic: what is fetched is fetched before.
    """
    need_base(project, "api")
    target = target_of(base.pinned_base(ROOT, "api"))
    place = wheels.wheel_directory(ROOT, target)
    if not place.exists():
        _lacking("there are no packages of the API: make wheels")
    copy = project / place.relative_to(ROOT)
    if not copy.exists():
        shutil.copytree(place, copy)


def need_schemas() -> Path:
    """Return the folder of the schemas of Flux's kinds; skip the test, or fail in CI, without it."""
    place = ROOT / ".venv" / "schemas"
    return place if place.exists() else _lacking("there are no schemas of Flux: make schemas")


def need_spec(name: str) -> str:
    """Return the text of a specification, "commonmark" or "gfm"; skip the test, or fail in CI, without it."""
    place = ROOT / ".venv" / "spec" / f"{name}.txt"
    return (
        place.read_text("utf-8")
        if place.exists()
        else _lacking("there are no examples of CommonMark: make spec")
    )


def _lacking(message: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
