"""The installed wheel of the pipeline, run on a checkout in another directory."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

from pipelines.cli import SCRIPT
from tests.support.project import AS_OF, ROOT, build_site, files_of, small_site

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def requirements(name: str) -> set[str]:
    """Return the requirements of requirements/*name*, with those of the files that it includes."""
    found: set[str] = set()
    for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines():
        text = re.sub(r"\s*#.*", "", line).strip()
        if included := re.fullmatch(r"-r (\S+)", text):
            found |= requirements(included[1])
        elif text:
            found.add(text)
    return found


def test_the_dependencies_are_those_that_are_locked() -> None:
    """pip reads pyproject.toml, `make lock` reads run.in: two lists that must not drift apart."""
    dependencies = PYPROJECT["project"]["dependencies"]
    assert sorted(requirements("run.in")) == sorted(dependencies)
    assert len(dependencies) == len(set(dependencies))


def test_the_command_is_declared_under_its_name() -> None:
    assert PYPROJECT["project"]["scripts"] == {SCRIPT: "pipelines.__main__:run"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command of the wheel, in an environment of its own beside the packages of this one."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    offline = ["--no-index", "--no-deps"]
    environment = folder / "environment"
    python = environment / "bin" / "python"
    for argv in (
        [*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)],
        [sys.executable, "-m", "venv", "--without-pip", str(environment)],
    ):
        subprocess.run(argv, check=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", *offline, str(wheel)], check=True, timeout=120)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "running.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return environment / "bin" / SCRIPT


def run(program: Path, directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the installed command in *directory*."""
    return subprocess.run(
        [program, *words], cwd=directory, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.slow
def test_the_installed_command_builds_the_checkout_that_it_is_given(program: Path, tmp_path: Path) -> None:
    """With theme/ and content/ of that checkout: of the repository, the wheel has the code alone."""
    project = small_site(tmp_path)
    build_site(project)
    (project / "out").rename(tmp_path / "expected")
    for directory, words in ((project, []), (tmp_path, ["--project", "site"])):
        done = run(program, directory, *words, "build", "--json", "--as-of", str(AS_OF))
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["as_of"] == AS_OF
        for tree in ("public", "gated"):
            expected = files_of(tmp_path / "expected/site" / tree)
            assert files_of(project / "out/site" / tree) == expected
    with (project / "theme/less/base.less").open("a") as file:
        file.write("\n.of-this-checkout { color: @no-such-colour }\n")
    failed = run(program, project, "build")
    assert (failed.returncode, "theme/less/base.less" in failed.stderr) == (1, True)


@pytest.mark.slow
def test_the_wheel_holds_the_code_and_its_data_and_no_test(program: Path, tmp_path: Path) -> None:
    """The preview sends its script, and the login API renders its mails, from the package."""
    packages = next(program.parents[1].glob("lib/python*/site-packages"))
    for name in ("pipelines/preview/reload.js", "api/accounts/templates/admin/404.html"):
        assert (packages / name).is_file(), name
    assert not (packages / "tests").exists()
    help_text = run(program, tmp_path).stderr
    assert help_text.startswith(f"usage: {SCRIPT} [-h] [--project PROJECT] COMMAND")
