"""The cache of Go programs, and what a machine lacks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cluster import debian, prerequisites, programs
from tests.cluster.layout import HERE, layout
from tests.cluster.programs import Program

GO = "go1.26.8 linux amd64"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program whose module is in tmp_path."""
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("go.mod", "go.sum", "main.go"):
        (folder / name).write_text(name)
    return Program("one", sources=tmp_path)


@pytest.mark.parametrize("name", ["go.mod", "go.sum", "main.go"])
def test_another_source_is_another_program(program: Program, name: str) -> None:
    """A cached program of other sources would be tested under the name of these."""
    before = program.key(GO)
    (program.source / name).write_text("changed")
    assert program.key(GO) != before


def test_another_go_or_other_flags_are_another_program(program: Program, tmp_path: Path) -> None:
    others = [
        program.key("go1.27.0 linux amd64"),
        Program("one", package="./cmd", sources=tmp_path).key(GO),
        Program("one", variables={"main.version": "2"}, sources=tmp_path).key(GO),
        Program("one", files={"crds": "crds"}, sources=tmp_path).key(GO),
    ]
    assert len({program.key(GO), *others}) == 5


def test_the_key_does_not_depend_on_the_checkout(program: Program, tmp_path: Path) -> None:
    """Two checkouts share the cache."""
    before = program.key(GO)
    (tmp_path / "one").rename(tmp_path / "moved")
    (tmp_path / "other").mkdir()
    (tmp_path / "moved").rename(tmp_path / "other" / "one")
    assert Program("one", sources=tmp_path / "other").key(GO) == before


def test_every_program_is_pinned() -> None:
    """go.sum makes a program the same one tomorrow; the one that holds namespaces imports nothing."""
    modules = {path.name for path in (HERE / "go").iterdir()}
    assert modules == {one.name for one in programs.PROGRAMS}
    assert [name for name in modules - {"pause"} if not (HERE / "go" / name / "go.sum").exists()] == []


def test_all_parts_of_kubernetes_have_one_version() -> None:
    """v1.35.4 of k8s.io/kubernetes belongs to v0.35.4 of its parts: mixed ones compile too."""
    text = (HERE / "go" / "hyper" / "go.mod").read_text("utf-8")
    version = programs.kubernetes_version(text)
    replaced = set(re.findall(r"^replace k8s\.io/\S+ => k8s\.io/\S+ (\S+)$", text, re.M))
    assert replaced == {version.replace("v1.", "v0.")}
    assert f"{programs.KUBERNETES.variables}".count(version) == 1


def test_the_cache_is_outside_of_the_checkout() -> None:
    """`make clean` keeps it, and so does a new clone."""
    assert layout({"HOME": "/home/me"}).cache == Path("/home/me/.cache/site-cluster")
    assert layout({"XDG_CACHE_HOME": "/caches", "HOME": "/home/me"}).cache == Path("/caches/site-cluster")
    assert layout({"SITE_CLUSTER_CACHE": "/there"}).cache == Path("/there")


def test_what_is_missing_is_named_with_its_fix() -> None:
    lines = prerequisites.missing(
        has=lambda name: name not in ("runc", "iptables", "go"),
        exists=lambda path: True,
        uid=1000,
        go_toolchain="",
    )
    assert lines == [
        "root is missing; run it as root in a throwaway machine with Debian 12 or 13",
        "missing: iptables, runc; run apt-get install iptables runc",
        "Go 1.26 or newer is missing; install it from https://go.dev/dl, or run make .venv/go",
    ]


def test_sops_is_built_by_its_target() -> None:
    lines = prerequisites.missing(
        has=lambda name: name != "sops", exists=lambda path: True, uid=0, go_toolchain="local"
    )
    assert lines == ["sops is missing; run make sops"]


def test_go_counts_on_the_path_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Builds look for it there; other programs may be in /usr/sbin."""
    monkeypatch.setenv("PATH", str(tmp_path))
    lines = prerequisites.missing(has=lambda name: True, exists=lambda path: True, uid=0)
    assert [line.partition(" is missing")[0] for line in lines] == ["Go 1.26 or newer"]


def test_what_the_checkout_lacks_is_named_with_its_target() -> None:
    lines = prerequisites.missing(
        has=lambda name: True, exists=lambda path: "out" not in path.parts, uid=0, go_toolchain="local"
    )
    assert lines == ["missing: out/base/web, out/base/api, out/wheels; run make base"]


@pytest.mark.parametrize(
    "targets",
    [
        "http://deb.debian.org/debian-security/\nhttp://deb.debian.org/debian/\n",
        "http://deb.debian.org/debian\n",
    ],
)
def test_the_mirror_is_that_of_the_main_archive(targets: str) -> None:
    assert debian.mirror_of(targets) == "http://deb.debian.org/debian"


def test_a_machine_without_a_mirror_is_refused() -> None:
    with pytest.raises(SystemExit, match="apt has no mirror of Debian"):
        debian.mirror_of("http://security.example.org/debian-security/\n")
