"""Tests of `pipelines secrets`: it generates the login's secrets, writes them privately, and rotates them."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.config import environment
from pipelines import cli
from pipelines.commands import secrets as command
from pipelines.flux import secrets
from tests.support import fast_yaml
from tests.support.project import ROOT
from tests.support.tools import need


@pytest.fixture(autouse=True)
def not_in_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)


def run(project: Path, *argv: str | Path) -> int:
    return cli.main(["--project", str(project), "secrets", *map(str, argv)])


def body(text: str | bytes) -> dict[str, Any]:
    found = fast_yaml.load(text)
    assert isinstance(found, dict)
    return found


def keys_of(file: Path, name: str) -> list[str]:
    return str(body(file.read_bytes())["stringData"][name]).split()


def test_the_login_takes_the_keys(tmp_path: Path) -> None:
    """The login's own parser reads them, since a key that is too short would stop the pods."""
    assert run(tmp_path, "--out", tmp_path / "keys.yaml") == 0
    data = body((tmp_path / "keys.yaml").read_text())["stringData"]
    read = environment.load_environment({
        "LOGIN_SITE_URL": "https://n.example",
        "LOGIN_SITE_NAME": "N",
        "LOGIN_SECRET_KEYS": data["secret-keys"],
        "LOGIN_ENCRYPTION_KEYS": data["encryption-keys"],
        "DATABASE_URL": "sqlite:////x",
    })  # fmt: skip
    assert (len(read.secret_keys), len(read.encryption_keys)) == (1, 1)


def test_no_two_are_alike() -> None:
    assert (
        len({secrets.secret_key() for _ in range(50)} | {secrets.encryption_key() for _ in range(50)}) == 100
    )


def test_only_its_owner_reads_the_file_and_it_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Overwriting the keys would make every second factor unreadable."""
    out = tmp_path / "keys.yaml"
    assert run(tmp_path, "--out", out) == 0
    first = out.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    capsys.readouterr()
    assert run(tmp_path, "--out", out) == 1
    assert "exists already; remove it, or name another file" in capsys.readouterr().err
    assert out.read_bytes() == first


def test_nothing_in_clear_is_written_below_flux(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor through another path of the directory."""
    (tmp_path / "flux").mkdir()
    (tmp_path / "else").symlink_to(tmp_path / "flux")
    for folder in ("flux", "else", "flux/../flux"):
        assert run(tmp_path, "--out", tmp_path / folder / "keys.yaml") == 2
        assert "flux/ is published, and this Secret is not encrypted; add --sops" in capsys.readouterr().err
    assert list((tmp_path / "flux").iterdir()) == []


def test_the_log_of_a_pipeline_gets_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    assert run(tmp_path, "keys") == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert "a Secret must not be printed to the log of a CI job" in output.err


def test_the_repr_of_a_secret_hides_its_data() -> None:
    """Tracebacks and logs show the repr."""
    given = secrets.SecretInput(user="u", value="hush")
    assert "hush" not in repr(given)
    assert "hush" not in repr(secrets.make_secret("mail", given))


@pytest.mark.parametrize(
    ("kind", "argv", "name", "data"),
    [
        ("mail", ["--user", "login"], ("site", "mail"), {"user": "login", "password": "0123"}),
        ("charts", ["--user", "ci"], ("site", "charts"), {"username": "ci", "password": "0123"}),
        ("alerts", [], ("flux-system", "alerts"), {"address": "0123"}),
    ],
)
def test_passwords_are_read_from_standard_input(
    kind: str, argv: list[str], name: tuple[str, str], data: dict[str, str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Every user of a machine can read arguments. A numeric password stays a string."""
    monkeypatch.setattr("sys.stdin", io.StringIO("0123\n"))
    assert run(tmp_path, kind, *argv) == 0
    found = body(capsys.readouterr().out)
    assert (found["metadata"]["namespace"], found["metadata"]["name"]) == name
    assert found["stringData"] == data


def test_the_registrys_secret_is_what_nodes_read() -> None:
    given = secrets.SecretInput(user="ci", server="registry.n.example", value="p: #'\"ü")
    found = body(secrets.secret_manifest(secrets.make_secret("images", given)))
    login = json.loads(found["stringData"][".dockerconfigjson"])["auths"]["registry.n.example"]
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    assert base64.b64decode(login["auth"]).decode() == "ci:p: #'\"ü"


def test_the_backups_secret_serves_a_restore_too() -> None:
    """Spilo reads a clone's credentials under names of their own."""
    found = secrets.make_secret("backup", secrets.SecretInput(user="id", value="key")).values
    assert found["CLONE_AWS_ACCESS_KEY_ID"] == found["AWS_ACCESS_KEY_ID"] == "id"
    assert found["CLONE_AWS_SECRET_ACCESS_KEY"] == found["AWS_SECRET_ACCESS_KEY"] == "key"


def test_a_missing_option_is_an_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run(tmp_path, "mail", "--user", "login") == 2
    assert "mail: its value is missing; write it to standard input" in capsys.readouterr().err
    assert run(tmp_path, "--step", "use") == 2


def test_the_command_line_offers_every_kind() -> None:
    assert tuple(secrets.KINDS) == command.KINDS
    assert secrets.STEPS == command.STEPS


@pytest.mark.parametrize("name", ["secret-keys", "encryption-keys"])
def test_a_key_is_trusted_before_and_after_it_signs(name: str, tmp_path: Path) -> None:
    """The first key signs. During a rollout old pods verify signatures of new ones with the same keys."""
    file = tmp_path / "keys.yaml"
    run(tmp_path, "--out", file)
    (first,) = keys_of(file, name)
    before = body(file.read_bytes())
    rotate = ("--rotate", "site-keys", name, file)
    assert run(tmp_path, *rotate) == 0
    unchanged, second = keys_of(file, name)
    assert unchanged == first
    assert second != first
    assert run(tmp_path, *rotate, "--step", "use") == 0
    assert keys_of(file, name) == [second, first]
    assert run(tmp_path, *rotate, "--step", "retire") == 0
    assert keys_of(file, name) == [second]
    after = body(file.read_bytes())
    del before["stringData"][name], after["stringData"][name]
    assert after == before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("argv", "text", "expected"),
    [
        (["site-keys", "secret-key"], None, "'secret-key' is an unknown key set; did you mean secret-keys?"),
        (["mail", "secret-keys"], None, "holds 'site-keys', not the Secret 'mail'; name the file"),
        (["site-keys", "secret-keys"], "a: [", "is not one manifest in YAML; name the file"),
        (["site-keys", "secret-keys"], "{kind: Secret, metadata: {name: site-keys}}", "stringData has no"),
        (["site-keys", "secret-keys", "--step", "retire"], None, "has one key, which is still needed"),
        (["site-keys", "secret-keys", "--step", "use"], None, "needed; introduce another, and roll out"),
    ],
)  # fmt: skip
def test_an_invalid_rotation_keeps_the_file(
    argv: list[str], text: str | None, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.yaml"
    run(tmp_path, "--out", file)
    if text is not None:
        file.write_text(text)
    before = file.read_bytes()
    capsys.readouterr()
    assert run(tmp_path, "--rotate", *argv[:2], file, *argv[2:]) in (1, 2)
    output = capsys.readouterr()
    assert expected in output.err
    assert not re.search(r"[A-Za-z0-9_-]{40,}", output.out + output.err)
    assert file.read_bytes() == before


def test_encryption_without_recipients_is_an_error_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A fork starts with a placeholder, and the message names the fix."""
    (tmp_path / ".sops.yaml").write_bytes(PLACEHOLDER)
    assert run(tmp_path, "--sops") == 1
    assert (
        ".sops.yaml:6: error: names no recipient; run `age-keygen -o ../site.agekey`,"
        " and write the public key that it prints, age1…"
    ) in capsys.readouterr().err


PLACEHOLDER = re.sub(rb"age: .*", b"age: age1-write-your-public-key-here", (ROOT / ".sops.yaml").read_bytes())


@pytest.fixture
def with_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose .sops.yaml names a real key of age."""
    need("sops")
    key = tmp_path / "site.agekey"
    subprocess.run([need("age-keygen"), "-o", key], check=True, capture_output=True)
    public = subprocess.run([need("age-keygen"), "-y", key], check=True, capture_output=True).stdout
    (tmp_path / ".sops.yaml").write_bytes(
        PLACEHOLDER.replace(b"age1-write-your-public-key-here", public.strip())
    )
    (tmp_path / "flux/secrets/production").mkdir(parents=True)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(key))
    return tmp_path


def opened(file: Path) -> dict[str, Any]:
    done = subprocess.run([need("sops"), "decrypt", file], check=True, capture_output=True, timeout=60)
    return body(done.stdout)


def test_sops_encrypts_the_values_and_nothing_else(with_age: Path) -> None:
    """The real sops and age: Flux opens what they wrote, and a diff still shows which Secret it is."""
    out = with_age / "flux/secrets/production/keys.yaml"
    assert run(with_age, "--sops", "--out", out) == 0
    sealed = body(out.read_text())
    assert sealed["metadata"] == {"name": "site-keys", "namespace": "site"}
    assert all(value.startswith("ENC[AES256_GCM,") for value in sealed["stringData"].values())
    clear = opened(out)["stringData"]
    assert len(clear["secret-keys"].split()[0]) == 64
    assert clear["secret-keys"].split()[0] not in out.read_text()


def test_a_rotation_behind_a_link_reaches_the_file(tmp_path: Path) -> None:
    """Otherwise a file would replace the link, and the cluster would keep the old keys."""
    file, link = tmp_path / "keys.yaml", tmp_path / "link.yaml"
    assert run(tmp_path, "--out", file) == 0
    link.symlink_to(file)
    assert run(tmp_path, "--rotate", "site-keys", "secret-keys", link) == 0
    assert (link.is_symlink(), len(keys_of(file, "secret-keys"))) == (True, 2)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "wrong", ["metadata: site-keys", "metadata: [1]", "stringData: a", "stringData: [1]"]
)
def test_an_invalid_manifest_is_an_error_with_its_file(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys.yaml"
    whole = {"kind": "Secret", "metadata": {"name": "site-keys"}, "stringData": {"secret-keys": "x"}}
    file.write_text(yaml.safe_dump(whole | fast_yaml.load(wrong)))
    assert run(tmp_path, "--rotate", "site-keys", "secret-keys", file) == 1
    assert "keys.yaml: " in capsys.readouterr().err


def test_an_encrypted_file_is_rotated_without_plain_text_on_disk(
    with_age: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = with_age / "flux/secrets/production/keys.yaml"
    assert run(with_age, "--sops", "--out", out) == 0
    (first,) = opened(out)["stringData"]["secret-keys"].split()
    assert run(with_age, "--rotate", "site-keys", "secret-keys", out) == 0
    unchanged, second = opened(out)["stringData"]["secret-keys"].split()
    assert unchanged == first
    assert sorted(os.listdir(out.parent)) == ["keys.yaml"]
    output = capsys.readouterr()
    assert first not in output.out + output.err
    assert second not in output.out + output.err


def test_nothing_secret_is_among_the_arguments_of_sops(
    with_age: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ps` shows arguments to every user; a wrapper of sops records them."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sops").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/seen\nexec {need("sops")} "$@"\n')
    (programs / "sops").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    out = with_age / "flux/secrets/production/keys.yaml"
    assert run(with_age, "--sops", "--out", out) == 0
    assert run(with_age, "--rotate", "site-keys", "encryption-keys", out) == 0
    seen = (tmp_path / "seen").read_text()
    assert len(seen.splitlines()) == 3
    for value in opened(out)["stringData"].values():
        assert all(key not in seen for key in value.split())


def test_without_the_key_an_encrypted_file_is_unchanged(
    with_age: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = with_age / "flux/secrets/production/keys.yaml"
    assert run(with_age, "--sops", "--out", out) == 0
    before = out.read_bytes()
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(with_age / "none"))
    assert run(with_age, "--rotate", "site-keys", "secret-keys", out) == 1
    assert capsys.readouterr().err.startswith("error: sops: exit status")
    assert out.read_bytes() == before
