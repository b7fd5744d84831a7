"""Checks of this machine and this checkout: programs, and the settings of the cluster.

Reads site.toml's values and flux/. Starts flux, which prints its version. No writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.core.config import SiteConfig
from pipelines.core.errors import SourceError
from pipelines.doctor.outcome import Outcome, failed, failed_message, ok
from pipelines.flux import settings
from pipelines.tools import shell

_PROGRAMS = {  # program -> how to install it
    "git": "install the package git",
    "kubectl": "run `make kube`",
    "flux": "install Flux's command: https://fluxcd.io/flux/installation/",
    "age-keygen": "install the package age",
    "sops": "run `make sops`",
}
_FLUX = (2, 9)


def check_programs() -> Iterator[Outcome]:
    """Check that the programs of the guide are installed."""
    missing = [name for name in _PROGRAMS if not shell.find_program(name)]
    for name in missing:
        yield failed(f"{name} is not on the PATH", _PROGRAMS[name])
    if "flux" not in missing:
        text = shell.run_program(["flux", "--version"], timeout=10).decode("utf-8", "replace").strip()
        match = re.search(r"(\d+)\.(\d+)\.\d+", text)
        if match and (int(match[1]), int(match[2])) < _FLUX:
            yield failed(f"{text} is too old", f"install 2.9 or newer; {_PROGRAMS['flux']}")
    if not missing:
        yield ok(", ".join(_PROGRAMS))


def check_settings(project: Path, site: SiteConfig) -> Iterator[Outcome]:
    """Check that site.toml describes the cluster, and that flux/clusters follows it."""
    try:
        settings.check_settings(project, settings.site_settings(project, site))
    except SourceError as error:
        for fault in error.faults:
            yield failed_message(str(fault))
    else:
        yield ok("flux/clusters is that of site.toml")
