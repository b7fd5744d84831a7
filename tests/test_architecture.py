"""The import contracts of pyproject.toml, and what import-linter cannot see."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.project import ROOT

MODULES = sorted(file for name in ("pipelines", "nodes") for file in (ROOT / name).rglob("*.py"))


def test_data_directories_hold_no_code() -> None:
    """content, theme, helm, flux and images are data: anyone may replace them."""
    directories = [ROOT / name for name in ("content", "theme", "helm", "flux", "images")]
    assert [file for directory in directories for file in directory.rglob("*.py")] == []


def test_every_module_has_a_docstring() -> None:
    """The first thing that a reader wants to know: what, reads, writes, network."""
    assert [
        file
        for file in MODULES
        if file.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ] == []


FORBIDDEN = {  # module -> what it must not import
    "flow/run.py": "pipelines.preview.server",
    "preview/server.py": "pipelines.flow.run",
    "commands/build.py": "pipelines.commands.check",
    "core/errors.py": "pipelines.tools.git",
    "publish/images.py": "pipelines.archive.save",
    "site/content/scan.py": "pipelines.site.html.links",
    "tools/retry.py": "pipelines.site.check.internal",
    "charts/build.py": "subprocess",
    "site/build.py": "django",
}


def test_a_forbidden_import_breaks_a_contract(tmp_path: Path) -> None:
    """A contract that accepts everything would be worth nothing."""
    for name in ("pipelines", "api", "nodes"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module, imported in FORBIDDEN.items():
        with (tmp_path / "pipelines" / module).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")
    argv = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environ = {"PYTHONPATH": str(tmp_path)}
    run = subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert run.returncode == 1, run.stdout + run.stderr
    broken = re.findall(r"(pipelines[.\w]+) -> ([.\w]+) \(l", run.stdout)
    wanted = [("pipelines." + m.removesuffix(".py").replace("/", "."), i) for m, i in FORBIDDEN.items()]
    assert [pair for pair in wanted if pair not in broken] == []
