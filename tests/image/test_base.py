"""The bases: pinned by one line each, kept in a registry, the same whoever makes them."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from pipelines.cli import main
from pipelines.core.credentials import Login
from pipelines.core.errors import PipelineError, SourceError, ToolError
from pipelines.image import base, base_lock, oci_layout
from pipelines.image.base_lock import Base
from pipelines.image.base_registry import BaseRegistry, push_base
from pipelines.tools import environment
from tests.fakes.upstream import upstream
from tests.support.project import ROOT, tiny_site, write
from tests.support.registry import LOGIN, certificate, registry
from tests.support.tools import need, need_base

DIGEST = f"sha256:{'ab' * 32}"
WEB = Base("web", DIGEST, "amd64", ("libc6=2.41-12", "nginx=1.26.3-3+deb13u2"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that has the pinned base and nothing else."""
    one = tmp_path / "site"
    shutil.copytree(ROOT / "images/base", one / "images/base")
    need_base(one, "web")
    return one


def test_a_change_of_one_base_is_a_change_of_one_line(tmp_path: Path) -> None:
    write(tmp_path / base_lock.FILE, "")
    api = Base("api", DIGEST, "amd64", ("python3.13=3.13.5-2",))
    arm = Base("web", DIGEST, "arm64", WEB.packages)
    for one in (WEB, arm, api):
        base_lock.write_base_lock(tmp_path, one)
    before = (tmp_path / base_lock.FILE).read_text("utf-8").splitlines()
    base_lock.write_base_lock(tmp_path, Base("web", DIGEST.replace("ab", "cd"), "amd64", WEB.packages))
    after = (tmp_path / base_lock.FILE).read_text("utf-8").splitlines()
    assert [line.split()[0] for line in before] == ["#", "api", "web", "web"]
    assert [number for number, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1] == [
        2
    ]
    assert base_lock.read_base_lock(tmp_path)["web", "arm64"] == arm


def test_every_line_without_a_pin_is_reported(tmp_path: Path) -> None:
    write(
        tmp_path / base_lock.FILE, f"# a comment\n\nweb latest amd64 a=1\n{WEB}\n{WEB}\nweb {DIGEST} amd64\n"
    )
    with pytest.raises(SourceError) as caught:
        base_lock.read_base_lock(tmp_path)
    assert [str(fault) for fault in caught.value.faults] == [
        "images/base/base.lock:3: is not a pinned base; rewrite it by `make base`",
        "images/base/base.lock:5: pins web twice; remove one of the lines",
        "images/base/base.lock:6: is not a pinned base; rewrite it by `make base`",
    ]


@pytest.mark.parametrize("name", ["web", "api"])
def test_the_pinned_base_is_what_its_packages_make(name: str) -> None:
    """Equal Debian packages give an equal digest on any machine and day.

    `make base` has written out/base and the lock here; the lock of the last
    commit was made on another machine. If Debian has newer packages by now, the
    test compares only their names.
    """
    need_base(ROOT, name)
    shown = subprocess.run(
        [need("git"), "show", f"HEAD:{base_lock.FILE}"], cwd=ROOT, capture_output=True, check=False
    )
    committed = [line.split() for line in shown.stdout.decode().splitlines() if line.startswith(f"{name} ")]
    if not committed:  # no history, as in an unpacked archive
        committed = [str(base_lock.read_base_lock(ROOT)[name, "amd64"]).split()]
    now = base_lock.read_base_lock(ROOT)[name, "amd64"]
    assert oci_layout.read_layout(base.base_directory(ROOT, name)).digest == now.digest
    if tuple(committed[0][3:]) == now.packages:
        assert committed[0][1] == now.digest
    assert [row.split("=")[0] for row in committed[0][3:]] == [row.split("=")[0] for row in now.packages]


def test_a_base_is_pushed_to_the_registry_and_pulled(project: Path, tmp_path: Path) -> None:
    """Real registry, real TLS, two logins; the digest is the same on every way."""
    pinned = base_lock.read_base_lock(project)["web", "amd64"]
    with registry(tmp_path, closed=True) as there:
        writer = BaseRegistry(f"{there.host}/me/site", Login(*LOGIN), "WRITER", there.authority)
        with pytest.raises(ToolError, match=r"its certificate is not trusted"):
            push_base(base.base_directory(project, "web"), pinned, replace(writer, authority=None))
        push_base(base.base_directory(project, "web"), pinned, writer)
        push_base(base.base_directory(project, "web"), pinned, writer)  # again: nothing to send
        shutil.rmtree(project / "out/base")
        with pytest.raises(ToolError, match=r"requires a login; set READER"):
            base.find_base(project, "web", replace(writer, login=None, variables="READER"))
        with pytest.raises(ToolError, match=r"does not know this login \(401\); fix READER"):
            base.find_base(project, "web", replace(writer, login=Login("ci", "wrong"), variables="READER"))
        found = base.find_base(project, "web", writer)
        assert found.digest == pinned.digest
        assert oci_layout.read_layout(base.base_directory(project, "web")).digest == pinned.digest
        base_lock.write_base_lock(project, Base("web", DIGEST, "amd64", pinned.packages))
        with pytest.raises(ToolError, match=r"has no base sha256:ab.*or build it here by `make base`"):
            base.find_base(project, "web", writer)
    assert oci_layout.read_layout(base.base_directory(project, "web")).digest == pinned.digest  # as it was
    assert [path.name for path in (project / "out").iterdir() if path.is_dir()] == ["base"]


def test_skopeo_reads_a_base_that_was_pushed(project: Path, tmp_path: Path) -> None:
    """Another client's eye."""
    pinned = base_lock.read_base_lock(project)["web", "amd64"]
    with registry(tmp_path) as there:
        push_base(
            base.base_directory(project, "web"),
            pinned,
            BaseRegistry(f"{there.host}/me", authority=there.authority),
        )
        (tmp_path / "certs").mkdir()
        shutil.copy(there.authority, tmp_path / "certs/ca.crt")
        words = ["--insecure-policy", "copy", "-q", "--preserve-digests", f"--src-cert-dir={tmp_path}/certs"]
        source = f"docker://{there.host}/me/base-web:amd64-{pinned.digest[7:19]}"
        subprocess.run([need("skopeo"), *words, source, f"oci:{tmp_path}/copy"], check=True)
    assert oci_layout.read_layout(tmp_path / "copy").digest == pinned.digest


def test_a_token_for_packing_has_pull_scope_only(tmp_path: Path) -> None:
    """A login without the right to push may be refused a token that asks for it."""
    write(tmp_path / base_lock.FILE, f"{WEB}\n")
    (tmp_path / "edge").mkdir()
    certificate(tmp_path / "edge")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority = tmp_path / "edge/certificate.pem"
    tls.load_cert_chain(authority, tmp_path / "edge/key.pem")
    with upstream(tls=tls) as issuer:
        issuer.respond(401, WWW_Authenticate=f'Bearer realm="https://127.0.0.1:{issuer.port}/token"')
        store = BaseRegistry(f"127.0.0.1:{issuer.port}/me", Login("reader", "x"), "V", authority)
        with pytest.raises(ToolError, match="does not know this login"):
            base.find_base(tmp_path, "web", store)
        (asked,) = [one.path for one in issuer.requests if one.path.startswith("/token")]
    assert parse_qs(urlsplit(asked).query)["scope"] == ["repository:me/base-web:pull"]


NOT_SECRET = {"SITE_REGISTRY_USER", "SITE_CHARTS_USER", "SITE_ASSETS_KEY", "SITE_ARCHIVE_KEY",
              "SITE_FLUX_KIND", "SITE_CA_FILE"}  # fmt: skip


def publishing_secrets() -> list[str]:
    """Return the secrets of publishing that the guide's table has, each also as a file."""
    guide = (ROOT / "docs/operator.md").read_text("utf-8")
    rows = guide.partition("Set these as protected variables")[2].partition("\n\n`pack` runs")[0]
    cells = [row.split("|")[1] for row in rows.splitlines() if row.startswith("| `")]
    names = sorted(set(re.findall(r"`([A-Z_]+)`", " ".join(cells))) - NOT_SECRET)
    files = [f"{name}_FILE" for name in names if name.startswith("SITE_") and not name.endswith("_FILE")]
    return sorted({*names, *files})


def test_the_secrets_of_publishing_are_those_of_the_guide() -> None:
    """One that is in neither list would reach the code of a merge request unnoticed."""
    clusters = {name for name in environment.PUBLISHING if re.match("SITE_FLUX_(STAGING|PRODUCTION)_", name)}
    plain = {
        name if name == "REGISTRY_AUTH_FILE" else name.removesuffix("_FILE") for name in publishing_secrets()
    }
    assert plain == set(environment.PUBLISHING) - clusters
    assert len(plain) == 10


@pytest.mark.parametrize(
    "name", [*publishing_secrets(), "SITE_FLUX_STAGING_TOKEN", "SITE_FLUX_PRODUCTION_TOKEN_FILE"]
)
def test_a_packing_job_refuses_credentials_of_publishing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job runs code of merge requests; a build outside of CI has no such limit."""
    project = tiny_site(tmp_path, {})
    monkeypatch.setenv(name, str(tmp_path / "secret"))
    monkeypatch.setenv("GITLAB_CI", "true")
    assert main(["--project", str(project), "image", "web"]) == 1
    stderr = capsys.readouterr().err
    plain = name if name == "REGISTRY_AUTH_FILE" else name.removesuffix("_FILE")
    assert f"{plain}: this job packs, and must not be able to publish; scope the variable to" in stderr
    assert "set SITE_PULL_USER and SITE_PULL_PASSWORD" in stderr
    assert str(tmp_path / "secret") not in stderr
    monkeypatch.setenv("GITLAB_CI", "false")
    assert main(["--project", str(project), "image", "web"]) == 1
    assert "this job packs" not in capsys.readouterr().err


def test_a_packing_job_accepts_credentials_to_pull() -> None:
    """And names of users, keys' ids and certificates, which let nobody publish."""
    environment.refuse_publishing_credentials(
        {"GITLAB_CI": "true", "SITE_PULL_USER": "reader", "SITE_PULL_PASSWORD": "x"}
        | dict.fromkeys(NOT_SECRET, "x")
    )


def test_credentials_of_publishing_are_never_used_for_packing() -> None:
    environ = {"SITE_REGISTRY_USER": "ci", "SITE_REGISTRY_PASSWORD": "secret"}
    assert environment.pull_login(environ, "registry.example.org") is None
    read = {"SITE_PULL_USER": "reader", "SITE_PULL_PASSWORD": "x"}
    assert environment.pull_login({**environ, **read}, "registry.example.org") == Login("reader", "x")


def test_a_missing_base_is_reported_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"no base web for amd64; run `make base`"):
        base.find_base(tmp_path, "web", BaseRegistry(""))
    write(tmp_path / base_lock.FILE, f"{WEB}\n")
    with pytest.raises(PipelineError, match=r"no such base, and site\.toml names no registry"):
        base.find_base(tmp_path, "web", BaseRegistry(""))


def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half made: neither pin nor base."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"buildah|debootstrap"):
        base.make_bases(tmp_path, ["web", "api"], None, lambda line: None)
    assert not (tmp_path / base_lock.FILE).exists()
    assert not (tmp_path / "out/base").exists()


def test_a_push_requires_a_configured_registry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before half an hour of work, not after it."""
    project = tiny_site(tmp_path, {})
    assert main(["--project", str(project), "base", "web", "--push"]) == 1
    assert "error: site.toml: nowhere to push to; set registry under [images]" in capsys.readouterr().err
