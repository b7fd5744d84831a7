"""The preview with its login: its keys, its tables, and what the environment says."""

from __future__ import annotations

import re
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from tests.api.live_site import API
from tests.api.mail_server import run_mail_server
from tests.support.preview_login import (
    CANARY,
    INSIDE,
    create_user,
    logged_in_browser,
    new_browser,
    project_with_login,
    run_pipelines,
)
from tests.support.previews import free_port, run_dev_server
from tests.support.project import ROOT


@pytest.mark.slow
def test_keys_are_generated_once_with_mode_600(tmp_path: Path) -> None:
    site = project_with_login(tmp_path)
    create_user(site, "ann@example.org")
    files = {file.name: file for file in (site / "var").iterdir()}
    assert stat.S_IMODE((site / "var").stat().st_mode) == 0o700
    names = {"login-secret-keys", "login-encryption-keys"}
    assert {stat.S_IMODE(files[name].stat().st_mode) for name in names} == {0o600}
    keys = {name: files[name].read_text() for name in names}
    assert len(set(keys.values())) == 2
    (site / "var").chmod(0o755)
    create_user(site, "bob@example.org")
    assert {name: files[name].read_text() for name in names} == keys
    assert stat.S_IMODE((site / "var").stat().st_mode) == 0o700
    other = tmp_path / "other"
    other.mkdir()
    second = project_with_login(other)
    create_user(second, "ann@example.org")
    assert (second / "var/login-secret-keys").read_text() != keys["login-secret-keys"]


def test_var_is_not_committed() -> None:
    assert "/var/" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.mark.slow
def test_a_restart_logs_nobody_out(tmp_path: Path) -> None:
    site, port = project_with_login(tmp_path), free_port()
    with run_dev_server(site, port=port) as one:
        reader = logged_in_browser(one, "ann@example.org")
        assert one.stop()[0] == 0
    with run_dev_server(site, port=port) as one:
        assert reader.send("GET", INSIDE).status == 200
        assert new_browser(one).login("ann@example.org").status == 200
        assert "tables" not in one.log


@pytest.mark.slow
def test_several_processes_may_start_at_once(tmp_path: Path) -> None:
    """Keys and tables are made by one of them; the others wait."""
    site = project_with_login(tmp_path)
    done: list[subprocess.CompletedProcess[str]] = []
    threads = [
        threading.Thread(
            target=lambda name=name: done.append(run_pipelines(site, "user", f"{name}@example.org"))
        )
        for name in ("ann", "bob", "eve")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(one.returncode, one.stderr) for one in done] == [(0, "")] * 3


@pytest.mark.slow
def test_environment_variables_override_defaults(tmp_path: Path) -> None:
    """For example another database, a mail server, other keys."""
    site = project_with_login(tmp_path)
    with run_mail_server() as mail_server:
        done = run_pipelines(
            site, "admin", "olga@example.org", "--name", "Olga",
            LOGIN_SITE_URL="https://small.example", LOGIN_SITE_NAME="Another Name",
            LOGIN_MAIL_HOST="127.0.0.1", LOGIN_MAIL_PORT=str(mail_server.port), LOGIN_MAIL_TLS="none",
            LOGIN_SECRET_KEYS="0123456789" * 6, DATABASE_URL=f"sqlite:///{tmp_path}/other.sqlite3",
        )  # fmt: skip
        assert done.stdout == "created the owner olga@example.org; the mail to set a password was sent\n"
        mail = mail_server.to("olga@example.org")
    assert mail["Subject"] == "[Another Name] You are invited"
    assert "https://small.example/account/reset/new/#" in mail.get_content()
    assert (tmp_path / "other.sqlite3").exists()
    assert sorted(file.name for file in (site / "var").iterdir()) == ["login-encryption-keys", "login.lock"]


@pytest.mark.slow
def test_a_project_may_lie_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "Grüße %41 #1 ?x"
    folder.mkdir()
    site = project_with_login(folder)
    create_user(site, "ann@example.org")
    assert (site / "var/login.sqlite3").exists()


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    ("arguments", "env", "stderr"),
    [
        (["nonsense"], {}, "error: 'nonsense' is not a mail address; write it as name@example.org\n"),
        (["--", "-x@"], {}, "error: '-x@' is not a mail address; write it as name@example.org\n"),
        (
            ["ann@example.org"], {"LOGIN_MAIL_PRT": "1", "LOGIN_PROXY": "maybe"},
            "error: the login's environment is invalid:\n"
            "LOGIN_MAIL_PRT: unknown; did you mean LOGIN_MAIL_PORT?\nLOGIN_PROXY: write yes or no\n",
        ),
        (
            ["ann@example.org"], {"DATABASE_URL": "postgresql://me:geheim@127.0.0.1:1/x"},
            r"error: the database of the login: .*; check DATABASE_URL, or var/login\.sqlite3\n",
        ),
        (
            ["ann@example.org"], {"LOGIN_MAIL_HOST": "127.0.0.1", "LOGIN_MAIL_PORT": "1"},
            r"error: the mail was not sent \(ConnectionRefused.*\); "
            r"check LOGIN_MAIL_\*, then invite .* again\n",
        ),
    ],
)  # fmt: skip
def test_a_login_fault_is_one_line(
    tmp_path: Path, arguments: list[str], env: dict[str, str], stderr: str
) -> None:
    done = run_pipelines(project_with_login(tmp_path), "user", *arguments, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == stderr or re.fullmatch(stderr, done.stderr), done.stderr
    assert "geheim" not in done.stderr


@pytest.mark.slow
def test_a_failing_login_denies_members_pages_and_serves_the_site(tmp_path: Path) -> None:
    """The terminal logs the error once, each page shows it, and each request tries again."""
    site = project_with_login(tmp_path)
    with run_dev_server(site, DATABASE_URL="postgresql://me:geheim@127.0.0.1:1/x") as one:
        for _ in range(2):
            for path in (INSIDE, f"{API}/config", "/admin/", "/accounts/"):
                response = one.get(path)
                assert (response.status, CANARY in response.text) == (503, False)
            assert "The login API does not run: the database of the login" in one.get(INSIDE).text
        assert one.get("/").status == one.get("/account/login/").status == 200
        assert one.log.count("the login does not run: ") == 1
        assert "geheim" not in one.log
