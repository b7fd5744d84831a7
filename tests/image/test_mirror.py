"""Debian's mirror: that of the machine, or the one that is named; no trace of it in what is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipelines.core.errors import PipelineError, ToolError
from pipelines.image import base, base_lock, debian_mirror, layer
from pipelines.image.base_registry import BaseRegistry
from pipelines.image.debian_mirror import Mirror
from tests.support.project import ROOT, write
from tests.support.tools import need_base

LINES = """\
# deb http://commented.example/debian trixie main
deb cdrom:[Debian GNU/Linux 13]/ trixie main
deb-src http://source.example/debian trixie main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] https://apt.example/debian/ trixie main contrib  # ours
deb http://later.example/debian trixie main
deb http://security.example/debian-security trixie-security main
"""
DEB822 = """\
Types: deb deb-src
# http://snapshot.example/archive
URIs: http://deb.example/debian
Suites: trixie trixie-updates
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie

Types: deb
URIs: http://deb.example/security
Suites: trixie-security
Components: main
"""
FOLDED = "types: deb\nuris:\n  http://folded.example/debian\nsuites:\n stable\n"
OTHERS = (
    "deb https://packages.other.example/apt cloud-trixie main\n"
    "deb http://archive.other.example/ubuntu noble main\n"
    "deb http://backports.example/debian trixie-backports main\n"
    "deb http://me:secret@private.example/debian trixie main\n"
)

OLD = "deb http://old.example/debian bookworm main\ndeb http://old.example/s bookworm/updates main\n"

CONFIGURATIONS = [
    (
        {"sources.list": LINES},
        Mirror("https://apt.example/debian", "http://security.example/debian-security"),
    ),
    (
        {"sources.list.d/debian.sources": DEB822},
        Mirror("http://deb.example/debian", "http://deb.example/security"),
    ),
    (
        {"sources.list": OTHERS, "sources.list.d/x.sources": FOLDED, "sources.list.d/y.list.disabled": LINES},
        Mirror("http://folded.example/debian", "http://folded.example/debian-security"),
    ),
    (
        {"sources.list": OLD},
        Mirror("http://old.example/debian", "http://old.example/s"),
    ),
]


@pytest.mark.parametrize(("files", "expected"), CONFIGURATIONS)
def test_the_mirror_is_the_one_of_apt(files: dict[str, str], expected: Mirror, tmp_path: Path) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    assert debian_mirror.find_mirror("", tmp_path) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("http://a.example/debian/", Mirror("http://a.example/debian", "http://a.example/debian-security")),
        (
            "https://a.example/debian https://b.example/s",
            Mirror("https://a.example/debian", "https://b.example/s"),
        ),
    ],
)
def test_the_setting_precedes_the_mirror_of_apt(setting: str, expected: Mirror, tmp_path: Path) -> None:
    write(tmp_path / "sources.list", LINES)
    assert debian_mirror.find_mirror(setting, tmp_path) == expected


@pytest.mark.parametrize(
    "setting", ["debian", "ftp://a.example/debian", "http://", "http://a/ http://b/ http://c/"]
)
def test_an_invalid_mirror_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="SITE_DEBIAN_MIRROR: is not a mirror; write http://HOST/debian"):
        debian_mirror.find_mirror(setting, tmp_path)


def test_a_missing_mirror_is_reported_with_the_setting(tmp_path: Path) -> None:
    """A machine without apt, or with another distribution's."""
    write(tmp_path / "sources.list", OTHERS)
    with pytest.raises(
        PipelineError, match="has no Debian mirror with http or https; set SITE_DEBIAN_MIRROR"
    ):
        debian_mirror.find_mirror("", tmp_path)


def test_debootstrap_gets_the_mirror_and_the_proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a machine that cannot reach the registry of Debian's image."""
    scripts = {
        "buildah": "exit 1",
        "debootstrap": f'echo "$http_proxy $*" > {tmp_path}/called; exit 1',
        "apt-config": """echo 'Acquire::http::Proxy "http://proxy.example:3142";'""",
    }
    for name, text in scripts.items():
        write(tmp_path / "bin" / name, f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin")
    with pytest.raises(ToolError, match="debootstrap: exit status 1"):
        base.make_bases(tmp_path, ["web"], None, lambda line: None, "http://a.example/debian")
    proxy, *arguments, url = (tmp_path / "called").read_text().split()
    assert (proxy, arguments[:2], url) == (
        "http://proxy.example:3142",
        ["--variant=minbase", "trixie"],
        "http://a.example/debian",
    )


def test_proxies_are_those_of_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "apt-config", '#!/bin/sh\necho \'Acquire::http::Proxy "http://proxy.example:3142";\'\n'
          'echo \'Acquire::https::Proxy "DIRECT";\'\n')  # fmt: skip
    (tmp_path / "apt-config").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert debian_mirror.apt_proxies() == {"http_proxy": "http://proxy.example:3142"}
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert debian_mirror.apt_proxies() == {}


def test_no_host_is_written_into_the_code() -> None:
    hosts = [
        file.name
        for file in (ROOT / "pipelines/image").glob("*.py")
        if re.search(r"https?://[a-z0-9.-]*debian\.org", re.sub(r"#.*|\"\"\".*?\"\"\"", "", file.read_text()))
    ]
    assert hosts == []


@pytest.mark.parametrize("name", ["web", "api"])
def test_nothing_of_the_mirror_is_in_a_base_or_its_lock(name: str) -> None:
    """Equal packages of two mirrors are one digest and one line."""
    need_base(ROOT, name)
    found = base.find_base(ROOT, name, BaseRegistry(""))
    sources = [
        file.path
        for one in found.layers
        for file in layer.unpack_files(one.data)
        if file.path.startswith(("etc/apt", "var/lib/apt", "var/cache/apt", "var/log"))
    ]
    assert sources == []
    assert "://" not in (ROOT / base_lock.FILE).read_text("utf-8")
