"""The packages of the API's image: chosen for its Python, whatever runs here, and checked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.tags import parse_tag

from pipelines.core.errors import PipelineError, SourceError, ToolError
from pipelines.image import wheels
from pipelines.image.base_lock import Base
from pipelines.image.python_target import PythonTarget, target_of
from tests.image.packing import api_project, copy_project
from tests.support.project import run_cli, write

TARGET = PythonTarget("amd64", "3.13.5", 41)
ARM = PythonTarget("arm64", "3.13.5", 41)
HASH = "ab" * 32


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything that is packed; tests only look at it."""
    return api_project(tmp_path_factory.mktemp("wheels"))


def listed(folder: Path, *lines: str) -> Path:
    """Return a project whose list of packages has *lines*, each with a hash."""
    text = "".join(f"{line} \\\n    --hash=sha256:{HASH}\n" for line in lines)
    write(folder / wheels.FILE, text)
    return folder


@pytest.mark.parametrize(
    ("marker", "needed"),
    [
        ("sys_platform == 'win32'",                                 False),
        ("sys_platform == 'linux' and platform_machine == 'x86_64'", True),
        ("platform_machine == 'aarch64'",                           False),
        ("implementation_name != 'pypy'",                           True),
        ("platform_python_implementation == 'PyPy'",                False),
        ("python_version < '3.13'",                                 False),
        ("python_version == '3.13'",                                True),
        ("python_full_version < '3.13.5'",                          False),
        ("python_full_version >= '3.13.5'",                         True),
        ("os_name == 'nt' or platform_system == 'Darwin'",          False),
    ],
)  # fmt: skip
def test_markers_are_evaluated_for_the_python_of_the_base(tmp_path: Path, marker: str, needed: bool) -> None:
    project = listed(tmp_path, "always==1.0", f"perhaps==2.0 ; {marker}")
    assert [pin.name for pin in wheels.pinned_wheels(project, TARGET)] == [
        "always",
        *(["perhaps"] if needed else []),
    ]


def test_the_python_that_runs_the_pipeline_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip judges markers by itself, and would leave this package out under Python 3.11, or take it."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr("platform.python_implementation", lambda: "PyPy")
    monkeypatch.setattr("sys.platform", "win32")
    other = "3.13" if here != "3.13" else "3.12"
    target = PythonTarget("amd64", f"{other}.1", 41)
    rows = (
        f"theirs==1 ; python_version == '{other}'",
        f"ours==1 ; python_version == '{here}'",
        "windows==1 ; sys_platform == 'win32'",
        "pypy==1 ; platform_python_implementation == 'PyPy'",
    )
    assert [str(pin) for pin in wheels.pinned_wheels(listed(tmp_path, *rows), target)] == ["theirs==1"]


def test_no_marker_depends_on_this_machine() -> None:
    """What the target does not say, `packaging` takes from where it runs."""
    from packaging.markers import default_environment

    assert set(TARGET.environment) == set(default_environment())


@pytest.mark.parametrize(
    ("tag", "amd64", "arm64"),
    [
        ("py3-none-any",                                       True,  True),
        ("cp313-cp313-manylinux_2_17_x86_64",                  True,  False),
        ("cp313-cp313-manylinux2014_aarch64",                  False, True),
        ("cp310-abi3-manylinux_2_41_x86_64",                   True,  False),
        ("cp310-abi3-manylinux_2_42_x86_64",                   False, False),  # a newer C library
        ("cp313-cp313-musllinux_1_2_x86_64",                   False, False),
        ("cp311-cp311-manylinux_2_17_x86_64",                  False, False),
        ("cp314-abi3-manylinux_2_17_x86_64",                   False, False),
        ("cp313-cp313t-manylinux_2_17_x86_64",                 False, False),  # without the lock of threads
        ("cp313-cp313-macosx_11_0_arm64",                      False, False),
    ],
)  # fmt: skip
def test_which_wheels_run_on_the_base(tag: str, amd64: bool, arm64: bool) -> None:
    (one,) = parse_tag(tag)
    assert (one in TARGET.tags, one in ARM.tags) == (amd64, arm64)


def test_the_target_is_what_the_lock_says() -> None:
    packages = ("libc6=2.41-12+deb13u5", "libpython3.13-stdlib=3.13.5-2+deb13u5", "zlib1g=1:1.3")
    assert target_of(Base("api", f"sha256:{HASH}", "amd64", packages)) == TARGET
    with pytest.raises(PipelineError, match="web has no Python; run `make base`"):
        target_of(Base("web", f"sha256:{HASH}", "amd64", packages[:1]))


def test_every_line_without_a_pin_is_reported(tmp_path: Path) -> None:
    rows = f"django>=5 --hash=sha256:{HASH}\nflask==1\n-r other.txt\ngood==1 --hash=sha256:{HASH}  # a word\n"
    write(tmp_path / wheels.FILE, f"# a comment\n\n{rows}")
    with pytest.raises(SourceError) as caught:
        wheels.pinned_wheels(tmp_path, TARGET)
    assert [fault.text.split("'")[1] for fault in caught.value.faults] == [
        "-r other.txt",
        "django>=5",
        "flask==1",
    ]


def test_the_list_of_this_checkout_is_whole(made: Path) -> None:
    """One wheel a pin, of pinned bytes; nothing of Windows."""
    target = target_of_project(made)
    found = wheels.read_wheels(made, target)
    assert [wheel.pin for wheel in found] == wheels.pinned_wheels(made, target)
    names = {wheel.pin.name for wheel in found}
    assert {"django", "psycopg-binary", "gunicorn", "cffi"} <= names
    assert not {"colorama", "tzdata"} & names


def test_another_list_or_target_has_another_folder(made: Path, tmp_path: Path) -> None:
    folders = {wheels.wheel_directory(made, TARGET).name, wheels.wheel_directory(made, ARM).name,
               wheels.wheel_directory(listed(tmp_path, "always==1.0"), TARGET).name}  # fmt: skip
    assert len(folders) == 3


def target_of_project(project: Path) -> PythonTarget:
    from pipelines.image import base

    return target_of(base.pinned_base(project, "api"))


def test_a_wheel_with_other_bytes_is_refused(made: Path, tmp_path: Path) -> None:
    one = copy_project(made, tmp_path)
    (wheel,) = wheels.wheel_directory(one, target_of_project(one)).glob("gunicorn-*.whl")
    data = bytearray(wheel.read_bytes())
    data[100] ^= 1
    wheel.write_bytes(data)
    done = run_cli(one, "image", "api")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: out/wheels/")
    assert f"{wheel.name}: does not match its hash in requirements/api.txt; run `make wheels`" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (one / "out/images").exists()


def test_a_wheel_that_is_missing_is_named(made: Path, tmp_path: Path) -> None:
    one = copy_project(made, tmp_path)
    (wheel,) = wheels.wheel_directory(one, target_of_project(one)).glob("whitenoise-*.whl")
    wheel.unlink()
    with pytest.raises(PipelineError, match=r"no wheel of whitenoise==\S+ for Python 3\.13 on"):
        wheels.read_wheels(one, target_of_project(one))


def test_a_wheel_of_another_platform_is_not_selected(tmp_path: Path) -> None:
    project = listed(tmp_path, "some-thing==1.0")
    folder = wheels.wheel_directory(project, TARGET)
    for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp313-cp313-win_amd64"):
        write(folder / f"some_thing-1.0-{tag}.whl", b"")
    with pytest.raises(PipelineError, match=r"no wheel of some-thing==1\.0"):
        wheels.read_wheels(project, TARGET)


def test_the_best_wheel_is_selected(tmp_path: Path) -> None:
    """Not the one whose name sorts first: a build for this Python comes before one for any."""
    import hashlib

    write(tmp_path / wheels.FILE, f"one==1.0 --hash=sha256:{hashlib.sha256(b'x').hexdigest()}\n")
    folder = wheels.wheel_directory(tmp_path, TARGET)
    for tag in ("cp310-abi3-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_17_x86_64", "py3-none-any"):
        write(folder / f"one-1.0-{tag}.whl", b"x")
    assert [wheel.name for wheel in wheels.read_wheels(tmp_path, TARGET)] == [
        "one-1.0-cp313-cp313-manylinux_2_17_x86_64.whl"
    ]


@pytest.mark.slow
def test_pip_downloads_for_the_target_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real pip with a folder as its index: a package without a wheel for the base is an error."""
    project = listed(tmp_path / "site", "some-thing==1.0", "colorama==1.0 ; sys_platform == 'win32'")
    index = tmp_path / "index"
    write(index / "some_thing-1.0-cp313-cp313-win_amd64.whl", b"")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    lines: list[str] = []
    with pytest.raises(
        PipelineError, match=r"api\.txt: some-thing==1\.0 has no wheel for Python 3\.13 on linux/amd64"
    ):
        wheels.fetch_wheels(project, TARGET, lines.append)
    assert lines == ["pip: 1 wheels for Python 3.13 on linux/amd64"]
    write(index / "some_thing-1.0-cp312-abi3-manylinux_2_39_x86_64.whl", b"")
    with pytest.raises(ToolError, match=r"DO NOT MATCH THE HASHES"):  # found, and not the pinned bytes
        wheels.fetch_wheels(project, TARGET, lines.append)
    assert not (project / "out/wheels").exists()


@pytest.mark.slow
def test_a_download_replaces_damaged_wheels(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faults name `make wheels` as the fix; its index is a folder here."""
    one = copy_project(made, tmp_path)
    target = target_of_project(one)
    folder = wheels.wheel_directory(one, target)
    (wheel,) = folder.glob("gunicorn-*.whl")
    wheel.write_bytes(b"broken")
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels.wheel_directory(made, target))}
    done = run_cli(one, "wheels", env=env)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert [one.name for one in wheels.read_wheels(one, target)] == [
        two.name for two in wheels.read_wheels(made, target)
    ]
    done = run_cli(one, "wheels", env={**env, "PIP_FIND_LINKS": str(tmp_path)})  # complete: no download
    assert (done.returncode, done.stderr) == (0, "")
