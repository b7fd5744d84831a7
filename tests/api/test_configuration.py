"""Configuration from the environment, and the settings of Django."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from api.config import environment
from api.config.environment import InvalidEnvironment
from tests.api.live_site import Site
from tests.support.project import ROOT

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
SECRET = "q" + "w4e5r6t7" * 8
GOOD = {
    "LOGIN_SITE_URL": "https://example.org",
    "LOGIN_SITE_NAME": "Example",
    "LOGIN_SECRET_KEYS": SECRET,
    "LOGIN_ENCRYPTION_KEYS": KEY,
    "DATABASE_URL": "postgresql://u:p@db/site",
    "PATH": "/bin",
}


def faults(**changes: str | None) -> list[str]:
    variables = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    with pytest.raises(InvalidEnvironment) as caught:
        environment.load_environment(variables)
    return str(caught.value).splitlines()


def test_optional_variables_have_defaults() -> None:
    read = environment.load_environment(GOOD)
    assert (read.host, read.tls, read.proxy, read.mail_host, read.database_pool) == (
        "example.org",
        True,
        True,
        "",
        8,
    )


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("LOGIN_SITE_URL",        "http://example.org",   "http is for localhost only"),
        ("LOGIN_SITE_URL",        "https://example.org/", "write scheme and host"),
        ("LOGIN_SITE_URL",        None,                   "is missing; set LOGIN_SITE_URL"),
        ("LOGIN_SITE_NAME",       "a\nb",                 "write one line"),
        ("LOGIN_SECRET_KEYS",     "short",                "50 characters or more"),
        ("LOGIN_SECRET_KEYS",     "a" * 60,               "50 characters or more"),
        ("LOGIN_SECRET_KEYS",     f"{SECRET},short",      "50 characters or more"),
        ("LOGIN_SECRET_KEYS",     None,                   "set LOGIN_SECRET_KEYS or LOGIN_SECRET_KEYS_FILE"),
        ("LOGIN_ENCRYPTION_KEYS", "abc",                  "32 random bytes"),
        ("DATABASE_URL",          "mysql://x",            "postgresql://user:password@host"),
        ("DATABASE_URLS",         "x",                    "unknown; did you mean DATABASE_URL?"),
        ("LOGIN_SITE_NAM",        "x",                    "unknown; did you mean LOGIN_SITE_NAME?"),
        ("LOGIN_MAIL_PORT",       "smtp",                 "write a number"),
        ("LOGIN_MAIL_TLS",        "ssl",                  "write starttls, tls or none"),
        ("LOGIN_MAIL_FROM",       "me",                   "write a mail address"),
        ("LOGIN_PROXY",           "true",                 "write yes or no"),
        ("LOGIN_SECRET_KEYS_FILE", "/x",                  "is set twice"),
        ("LOGIN_MAIL_PASSWORD_FILE", "/nonexistent",      "cannot be read (FileNotFoundError)"),
    ],
)  # fmt: skip
def test_each_invalid_value_is_named_with_its_fix(name: str, value: str | None, fix: str) -> None:
    (line,) = faults(**{name: value})
    assert fix in line
    assert line.split(":")[0] in {name, name.removesuffix("_FILE")}


def test_all_faults_are_reported_together_without_secrets(capfd: pytest.CaptureFixture[str]) -> None:
    """A deployment can be fixed in one round."""
    secret = "hunter2"
    lines = faults(
        LOGIN_SECRET_KEYS=secret, LOGIN_ENCRYPTION_KEYS=secret, DATABASE_URL=f"x://u:{secret}@h", LOGIN_X="1"
    )
    assert len(lines) == 4
    assert secret not in "".join(lines)


def test_secrets_are_read_from_files_with_several_keys(tmp_path: Path) -> None:
    other = base64.urlsafe_b64encode(os.urandom(32)).decode()
    (tmp_path / "keys").write_text(f"{other}\n{KEY}\n")
    variables = {name: value for name, value in GOOD.items() if name != "LOGIN_ENCRYPTION_KEYS"}
    read = environment.load_environment({**variables, "LOGIN_ENCRYPTION_KEYS_FILE": str(tmp_path / "keys")})
    assert read.encryption_keys == (other, KEY)


@pytest.mark.parametrize(
    "argv", [["api/manage.py", "check"], ["-m", "gunicorn", "--config", "python:api.config.gunicorn"]]
)
def test_a_process_names_missing_variables_and_exits(argv: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *argv], cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode != 0
    assert "LOGIN_SITE_URL: is missing; set LOGIN_SITE_URL" in done.stdout + done.stderr


@pytest.mark.slow
def test_deployment_checks_pass_and_no_migration_is_missing(site: Site) -> None:
    """`check --deploy` with warnings as errors."""
    safe = {"LOGIN_SITE_URL": "https://small.example"}
    assert "no issues" in site.manage("check", "--deploy", "--fail-level", "WARNING", more=safe)
    assert "No changes detected" in site.manage("makemigrations", "--check", "--dry-run")


def test_the_gate_costs_one_query(site: Site) -> None:
    one = site.member(f"query{secrets.token_hex(3)}@example.org")
    output = site.python(
        "from django.db import connection; from django.test import Client; "
        "from django.conf import settings as s; "
        "from django.test.utils import CaptureQueriesContext as Q; "
        f"c = Client(headers={{'host': '{site.host}'}})\n"
        f"c.cookies[s.SESSION_COOKIE_NAME] = '{one.jar[site.session]}'\n"
        "for path in ('/_gate', '/_gate/staff'):\n"
        "    with Q(connection) as q: status = c.get(path).status_code\n"
        "    print(path, status, len(q.captured_queries), q.captured_queries[0]['sql'].split()[0])\n"
        "c.cookies.clear()\n"
        "with Q(connection) as q: print(c.get('/_gate').status_code, len(q.captured_queries))\n"
    )
    assert output.splitlines() == ["/_gate 204 1 SELECT", "/_gate/staff 403 1 SELECT", "401 0"]


def test_password_hashes_use_owasps_parameters(site: Site) -> None:
    """Argon2id, 19 MiB, two rounds: the default of 100 MiB a hash would fill a pod."""
    site.member("hashed@example.org")
    stored = site.python(
        "from api.accounts.models import User; print(User.objects.get(email='hashed@example.org').password)"
    )
    assert stored.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize(
    "password",
    ["short", "password1234", "123456789012345", "policy@example.org", "x" * 257, "policy@example.orgs"],
)
def test_weak_passwords_are_refused(site: Site, password: str) -> None:
    site.invite("policy@example.org", name="policy")
    response = site.browser().set_password("policy@example.org", password)
    assert response.status == 400
    assert response.json["errors"][0]["param"] == "password"


def test_addresses_ignore_letter_case(site: Site) -> None:
    site.invite("Case@Example.org")
    assert "found the member" in site.invite("CASE@example.org")
    one = site.browser()
    one.set_password("case@example.org")
    assert one.login("cAsE@eXample.org").status == 200


def test_an_invalid_address_is_reported_in_one_line(site: Site) -> None:
    output = site.manage("invite", "nonsense", code=1)
    assert output == "CommandError: 'nonsense' is not a mail address; write it as name@example.org\n"
