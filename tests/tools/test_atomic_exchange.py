"""The exchange of two directories: atomic, or in steps with a journal."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pipelines.tools.atomic_exchange as exchange_module
from pipelines.tools.atomic_exchange import exchange, recover_exchange, supports_exchange
from tests.site.output.generated_site import (
    PROJECT,
    unsupported,
    visible,
    write,
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Return two directories: a new one, and the published one."""
    write(tmp_path, {"new/name": b"new", "current/name": b"old"})
    return tmp_path / "new", tmp_path / "current"


@pytest.fixture(params=["atomic", "in steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Run a test with and without an atomic exchange."""
    if request.param == "in steps":
        monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    elif not supports_exchange(tmp_path):
        pytest.skip("this file system has no atomic exchange")
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_exchange_swaps_two_directories(pair: tuple[Path, Path]) -> None:
    """The old directory remains, since the caller deletes it."""
    exchange(*pair)
    assert [(path / "name").read_bytes() for path in pair] == [b"old", b"new"]
    assert visible(pair[0].parent) == ["current", "new"]
    assert not recover_exchange(pair[1])


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("missing", [0, 1])
def test_exchange_requires_both_directories(pair: tuple[Path, Path], missing: int) -> None:
    """A missing one is an error of the caller; the other is unchanged."""
    pair[missing].rename(pair[missing].with_name("moved"))
    with pytest.raises(FileNotFoundError):
        exchange(*pair)
    assert pair[1 - missing].exists()
    assert len(visible(pair[0].parent)) == 2


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP])
def test_an_unsupported_exchange_falls_back_to_steps(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """renameat2(2): EINVAL from the file system, ENOSYS from the kernel."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(code))
    assert not supports_exchange(pair[0].parent)
    exchange(*pair)
    assert (pair[1] / "name").read_bytes() == b"new"


def test_a_c_library_without_renameat2_falls_back_to_steps(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some C libraries do not have renameat2."""
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert not supports_exchange(pair[0].parent)
    exchange(*pair)
    assert (pair[1] / "name").read_bytes() == b"new"


def test_an_exchange_in_steps_requires_one_parent_directory(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal is beside the target and contains the name of the other directory."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    (pair[0].parent / "sub").mkdir()
    with pytest.raises(OSError, match="one folder"):
        exchange(pair[0].rename(pair[0].parent / "sub/fresh"), pair[1])
    assert (pair[1] / "name").read_bytes() == b"old"


@pytest.mark.parametrize("failing", [1, 2, 3])
@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), KeyboardInterrupt()])
def test_a_failed_step_is_rolled_back(
    pair: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
    error: BaseException,
) -> None:
    """The error is raised, and nothing has changed."""
    monkeypatch.setattr(exchange_module, "_at_once", unsupported(errno.EINVAL))
    rename, calls = os.rename, iter(range(1, 9))

    def step(source: Path, target: Path) -> None:
        if next(calls) == failing:
            raise error
        rename(source, target)

    monkeypatch.setattr(os, "rename", step)
    with pytest.raises(type(error)):
        exchange(*pair)
    assert [(path / "name").read_bytes() for path in pair] == [b"new", b"old"]
    assert visible(pair[0].parent) == ["current", "new"]


KILLED = """
import os, sys
from pathlib import Path
import pipelines.tools.atomic_exchange as module
left = int(sys.argv[1])
def refuse(one, two):
    raise OSError(22, "no such exchange here")
module._at_once = refuse
def killing(act):
    def before(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), 9)
        left -= 1
        return act(*args, **kwargs)
    return before
os.rename = killing(os.rename)
Path.unlink = killing(Path.unlink)
write = Path.write_text
def half(path, text, **kwargs):
    write(path, text[:3], **kwargs)
    killing(write)(path, text, **kwargs)
Path.write_text = half
module.exchange(Path("new"), Path("current"))
"""


@pytest.mark.parametrize("steps", range(6))
def test_recovery_completes_an_exchange_killed_before_any_step(pair: tuple[Path, Path], steps: int) -> None:
    """Steps: write the journal, three renames, remove the journal; killed before each, or not at all."""
    argv = [sys.executable, "-c", KILLED, str(steps)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(argv, cwd=pair[0].parent, env=environment, check=False)
    assert done.returncode == (0 if steps == 5 else -signal.SIGKILL)
    assert recover_exchange(pair[1]) == (steps < 5)
    names = [(path / "name").read_bytes() for path in pair]
    assert names == ([b"new", b"old"] if steps < 2 else [b"old", b"new"])
    assert visible(pair[0].parent) == ["current", "new"]
    assert not recover_exchange(pair[1])


def test_recovery_rolls_back_if_the_new_directory_is_missing(pair: tuple[Path, Path]) -> None:
    """Someone removed it by hand: the old site is restored."""
    pair[1].rename(pair[1].with_name("new.old"))
    pair[1].with_name(".current.swap").write_text("new\n")
    pair[0].rename(pair[0].with_name("moved"))
    assert recover_exchange(pair[1])
    assert (pair[1] / "name").read_bytes() == b"old"
    assert visible(pair[0].parent) == ["current", "moved"]
