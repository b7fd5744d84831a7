"""The walls of the house: which room may import which (docs/decisions/0001)."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.project import ROOT

PACKAGE = ROOT / "pipelines"
# The one outside thing that each tool stands for, and that nobody else may import.
OUTSIDE = {
    "shell": "subprocess",
    "git": "git",
    "http": "httpx",
    "web": "httpx",
    "fresh": "httpx",
    "s3": "boto3",
    "exchange": "ctypes",
    "gzip": "deflate",
    "signing": "cryptography",
}
# What a step may know: the rules between steps, and the tools.
COMMON = ("errors", "results", "config", "seal", "access", "checkout", "restored", "finished", "tools")
STEPS = ("image", "chart", "publish", "archive", "status", "version", "settings", "secrets", "checks")


def imports(file: Path) -> set[str]:
    """Return the full name of every module that *file* imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def named(modules: set[str], package: str) -> list[str]:
    return sorted(name for name in modules if name == package or name.startswith(package + "."))


@pytest.mark.parametrize("file", files(), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_outside_things_are_reached_through_their_tool(file: Path) -> None:
    """A step that starts processes or opens connections by itself could not be tested without them."""
    own = OUTSIDE.get(file.stem) if file.parent.name == "tools" else None
    strangers = [thing for thing in OUTSIDE.values() if thing != own and named(imports(file), thing)]
    assert strangers == []


@pytest.mark.parametrize("file", files(), ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_rooms_import_only_what_they_may(file: Path) -> None:
    """Data flows one way: a step knows the result of the one before, never its code."""
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    ours = {name for name in imports(file) if name.split(".")[0] == "pipelines"}
    allowed = {
        "errors": [],
        "results": ["errors"],
        "forms": ["errors"],
        "config": ["errors", "results", "forms"],
        "seal": ["errors"],
        "access": ["errors", "tools"],
        "checkout": ["errors", "tools"],
        "restored": ["errors", "tools"],
        "finished": ["errors", "results", "seal"],
        "tools": ["errors", "tools"],
        "site": ["errors", "results", "config", "seal", "tools", "site"],
        "terminal": ["errors", "results", "config", "site", "archive.record"],
    } | {step: [*COMMON, step] for step in STEPS}
    if room not in allowed:
        assert room in {"cli", "commands", "__main__", "__init__", "flow", "serve", "preview"}
        return
    may = allowed[room]
    assert [name for name in sorted(ours) if not any(named({name}, f"pipelines.{one}") for one in may)] == []


def test_data_folders_hold_no_code() -> None:
    """content, theme, helm, flux and images are data: anyone may replace them."""
    folders = [ROOT / name for name in ("content", "theme", "helm", "flux", "images")]
    assert [file for folder in folders for file in folder.rglob("*.py")] == []


def test_the_login_knows_nothing_of_the_pipeline() -> None:
    """It runs in an image of its own, where there is no pipeline."""
    files = sorted((ROOT / "api").rglob("*.py"))
    assert files
    assert [file.name for file in files if named(imports(file), "pipelines")] == []


def test_the_login_has_one_door() -> None:
    """Only the preview runs it, and the site without login never loads Django."""
    users = {
        file.relative_to(PACKAGE).as_posix()
        for file in files()
        if any(named(imports(file), package) for package in ("api", "django", "allauth"))
    }
    assert users == {"preview/login.py", "preview/accounts.py"}


def test_every_module_says_what_it_does() -> None:
    """The first thing that a reader wants to know: what, reads, writes, network."""
    silent = [
        f
        for f in files()
        if f.read_text("utf-8").strip() and not ast.get_docstring(ast.parse(f.read_text("utf-8")))
    ]
    assert silent == []
