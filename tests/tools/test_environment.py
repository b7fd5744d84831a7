"""Tests of logins: from variables or files, and never printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.core.credentials import Credentials
from pipelines.core.errors import PipelineError, ToolError
from pipelines.tools import environment
from pipelines.tools.http import refuse_plain_http
from pipelines.tools.retry import RetryPolicy, TransientError, is_retryable

REGISTRY, CHARTS = "registry.example.org/me/site", "https://nexus.example.org/repository/charts"


def read(**environ: str) -> Credentials:
    return environment.credentials_from(environ, REGISTRY, CHARTS)


def test_a_value_may_be_in_a_file(tmp_path: Path) -> None:
    """Kubernetes and GitLab provide files, and editors end them with a newline."""
    (tmp_path / "password").write_text("secret\n")
    found = read(SITE_CHARTS_USER="me", SITE_CHARTS_PASSWORD_FILE=str(tmp_path / "password"))
    assert found.charts
    assert found.charts.password == "secret"


def test_no_secret_is_in_a_repr() -> None:
    found = read(
        SITE_ASSETS_KEY="key", SITE_ASSETS_SECRET="secret", SITE_FLUX_URL="https://x.example/hook/secret",
        SITE_FLUX_TOKEN="secret",
    )  # fmt: skip
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"SITE_CHARTS_USER": "me"}, "SITE_CHARTS_USER is set and SITE_CHARTS_PASSWORD is not; set both"),
        ({"SITE_ASSETS_KEY": "a", "SITE_ASSETS_KEY_FILE": "b"}, "are both set; set one"),
        ({"SITE_ASSETS_KEY_FILE": "/nowhere"}, "SITE_ASSETS_KEY_FILE: cannot be read"),
        ({"SITE_ASSETS_KEY": "a\nb"}, "holds a line break"),
        ({"SITE_FLUX_URL": "https://x.example/hook"}, "SITE_FLUX_TOKEN is not"),
        ({"SITE_FLUX_URL": "x.example/hook", "SITE_FLUX_TOKEN": "t"}, "SITE_FLUX_URL: is not a URL"),
        (
            {"SITE_FLUX_URL": "https://x.example", "SITE_FLUX_TOKEN": "t", "SITE_FLUX_KIND": "gitlap"},
            "did you mean gitlab?",
        ),
        ({"SITE_FLUX_STAGING_URL": "https://x.example/hook"}, "SITE_FLUX_STAGING_TOKEN is not; set both"),
        ({"SITE_CA_FILE": "/nowhere"}, "SITE_CA_FILE: no such file"),
        ({"REGISTRY_AUTH_FILE": "/nowhere"}, "nowhere: credentials cannot be read"),
    ],
)
def test_incomplete_variables_are_reported(environ: dict[str, str], fault: str) -> None:
    with pytest.raises(PipelineError, match=fault.replace("?", r"\?")):
        read(**environ)


BAD = '{"auths": {"registry.example.org": {"auth": "?secret"}}}'


@pytest.mark.parametrize("text", ["", "[]", '{"auths": 4}', BAD])
def test_an_invalid_file_of_credentials_is_refused_without_its_content(tmp_path: Path, text: str) -> None:
    (tmp_path / "auth.json").write_text(text)
    with pytest.raises(PipelineError, match="not a credentials file") as raised:
        read(REGISTRY_AUTH_FILE=str(tmp_path / "auth.json"))
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "retryable"),
    [
        *((status, False) for status in (200, 400, 401, 403, 404, 409, 501, 505, 507)),
        *((status, True) for status in (408, 425, 429, 500, 502, 503, 504, 522)),
    ],
)
def test_only_transient_statuses_are_retryable(status: int, retryable: bool) -> None:
    assert is_retryable(status) == retryable


def test_passwords_are_not_sent_over_plain_http() -> None:
    for url in ("https://nexus.example.org/x", "http://127.0.0.1:8081/x", "http://localhost/x"):
        refuse_plain_http(url)
    with pytest.raises(ToolError, match="no password is sent without TLS"):
        refuse_plain_http("http://nexus.example.org/x")


def test_a_wait_past_the_deadline_fails_at_once() -> None:
    """A Retry-After of an hour is not waited for."""
    runs: list[int] = []

    def act() -> None:
        runs.append(1)
        raise TransientError("busy", retry_after=3600)

    with pytest.raises(ToolError, match="no time for another"):
        RetryPolicy(60).call(act)
    assert len(runs) == 1


def test_tries_are_counted_and_logged() -> None:
    messages: list[str] = []

    def act() -> None:
        raise TransientError("busy")

    with pytest.raises(ToolError, match=r"busy \(3 tries\)"):
        RetryPolicy(60, tries=3, log=messages.append).call(act)
    assert len(messages) == 2
