"""Run pelicanconf.py without Pelican, whose import takes longer than to see that nothing has changed.

Reads pelicanconf.py, and runs it. No writes, no network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

SETTINGS = "pelicanconf.py"
PLUGIN = "pipelines.site.pelican.plugin"
_PACKAGES = re.compile(r"/(\.venv|site-packages|pipelines|node_modules)/")  # not part of a site


@contextmanager
def no_bytecode() -> Iterator[None]:
    """Do not write __pycache__ beside pelicanconf.py: a build writes only to out/."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def run_settings_file(project: Path) -> dict[str, Any] | None:
    """Return the settings that *project*/pelicanconf.py sets, without Pelican's defaults; None if it fails.

    They are its names in upper case, as for ``pelican.settings.get_settings_from_file``, with which
    this shares the name of the module.
    """
    file = project / SETTINGS
    name = file.stem
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():  # a named pipe would block
        return None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        with no_bytecode():
            spec.loader.exec_module(module)
    except (Exception, SystemExit):
        return None
    return {key: value for key, value in vars(module).items() if key.isupper()}


def settings_files(project: Path) -> list[Path]:
    """Return pelicanconf.py and the modules of the project that it has imported, sorted."""
    files = [project / SETTINGS]
    root = str(project)
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        # Texts, not paths: there are thousands of modules.
        if file and file.startswith(f"{root}/") and not _PACKAGES.search(file[len(root) :]):
            files.append(Path(file))
    return sorted(file for file in files if file.is_file())


def has_other_plugins(settings: Mapping[str, Any]) -> bool:
    """Return whether *settings* name another plugin than the one of this program.

    Such a plugin may change anything at any time: its pages are written at once,
    one after the other, as Pelican does, and no build reuses them.
    """
    return [str(name) for name in settings.get("PLUGINS") or ()] != [PLUGIN]
