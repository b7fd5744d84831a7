"""Tests of publishing with faults: transient errors are retried, permanent ones fail at once."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.fakes.nexus import Toxic
from tests.fakes.proxy import Proxy, Rule
from tests.support.delivery.release import release
from tests.support.delivery.storage import SECRET
from tests.support.delivery.targets import TOKEN, Publisher
from tests.support.previews import free_port
from tests.support.registry import LOGIN

SERVICES = ("registry", "storage", "nexus")
WRITES = {"registry": ("PATCH", "/blobs/uploads/"), "storage": ("PUT", ""), "nexus": ("PUT", "")}
SHORT_DEADLINE = ("publish", "--deadline", "4")  # seconds


def front(publisher: Publisher, name: str) -> Proxy:
    return publisher.services.front[name]


def assert_completes(publisher: Publisher) -> None:
    """Assert that a run without faults completes the publication."""
    for one in publisher.services.front.values():
        one.rules.clear()
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


def secrets(publisher: Publisher) -> list[str]:
    return [LOGIN[1], SECRET, TOKEN, publisher.services.nexus.writer[1], "/hook/abc"]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_request_is_retried_after_two_server_errors(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=2, status=500))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert "answered 500; retry in " in run.err
    assert len(publisher.charts()) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_retry_after_is_respected(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, status=429, headers={"Retry-After": "1"}))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert "answered 429; retry in 1.0 s" in run.err


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_retries_end_at_the_deadline(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, status=503))
    run = publisher.run(*SHORT_DEADLINE)
    assert run.code == 1
    assert "answered 503" in run.err or "not done within 4 s" in run.err
    assert publisher.charts() == {}
    assert_completes(publisher)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_refused_connection_is_an_error(publisher: Publisher, name: str) -> None:
    """Earlier targets are published then, and the chart is not."""
    host = front(publisher, name).host
    text = (publisher.project / "site.toml").read_text()
    (publisher.project / "site.toml").write_text(text.replace(host, f"127.0.0.1:{free_port()}"))
    run = publisher.run(*SHORT_DEADLINE)
    assert run.code == 1
    assert "no connection" in run.err
    assert publisher.charts() == {}
    publisher.write()
    assert_completes(publisher)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_hanging_server_fails_at_the_deadline(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, delay=8))
    run = publisher.run(*SHORT_DEADLINE)
    assert run.code == 1
    assert "in time" in run.err or "not done within 4 s" in run.err
    assert publisher.charts() == {}
    assert_completes(publisher)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_full_server_is_not_retried(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, status=507))
    run = publisher.run("publish")
    assert run.code == 1
    assert "is full" in run.err
    assert "retry in" not in run.err
    assert publisher.charts() == {}
    assert_completes(publisher)


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("times", [1, 3])
def test_an_upload_continues_after_a_broken_connection(publisher: Publisher, name: str, times: int) -> None:
    release(publisher.project, heavy=400_000)
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=times, cut=100))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1
    assert {key: hashlib.sha256(data).hexdigest() for key, data in publisher.objects("archive").items()
            if key.startswith("blobs/")} == {  # complete: each name is the digest of its content
        key: key.rpartition("/")[2] for key in publisher.objects("archive") if key.startswith("blobs/")
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SERVICES)
def test_a_lost_response_does_no_harm(publisher: Publisher, name: str) -> None:
    """The server has stored the upload, and the retry finds it."""
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, mute=True, times=2))
    front(publisher, "registry").rules.append(Rule("PUT", "/manifests/", mute=True))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


WRONG_PASSWORDS: dict[str, tuple[Mapping[str, str], str]] = {
    "registry": ({"SITE_REGISTRY_PASSWORD": "wrong but secret"}, "fix SITE_REGISTRY_USER"),
    "nexus": ({"SITE_CHARTS_PASSWORD": "wrong but secret"}, "fix SITE_CHARTS_USER"),
}
CALLS = {"registry": 2, "nexus": 1}


@pytest.mark.parametrize("name", WRONG_PASSWORDS)
def test_a_wrong_password_fails_once_with_a_hint(publisher: Publisher, name: str) -> None:
    env, fix = WRONG_PASSWORDS[name]
    run = publisher.run("publish", env=env)
    assert run.code == 1
    assert "does not know this login (401)" in run.err
    assert fix in run.err
    assert "retry in" not in run.err
    assert "wrong but secret" not in run.err + run.out
    assert not [secret for secret in secrets(publisher) if secret in run.err + run.out]
    assert len(front(publisher, name).calls) == CALLS[name]
    assert publisher.charts() == {}


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (("SITE_REGISTRY_USER", "SITE_REGISTRY_PASSWORD"), "requires a login; set SITE_REGISTRY_USER"),
        (("SITE_CHARTS_USER", "SITE_CHARTS_PASSWORD"), "requires a login; set SITE_CHARTS_USER"),
        (("SITE_ARCHIVE_KEY", "SITE_ARCHIVE_SECRET"), "requires a login; set SITE_ARCHIVE_KEY"),
        (("SITE_CHARTS_PASSWORD",), "SITE_CHARTS_USER is set and SITE_CHARTS_PASSWORD is not"),
        (("SITE_FLUX_TOKEN",), "SITE_FLUX_URL is set and SITE_FLUX_TOKEN is not"),
    ],
)
def test_a_missing_login_is_an_error_with_its_variables(
    publisher: Publisher, names: tuple[str, ...], fix: str
) -> None:
    run = publisher.run("publish", env=dict.fromkeys(names))
    assert run.code == 1
    assert fix in run.err
    assert publisher.charts() == {}


REFUSALS = [
    ("InvalidAccessKeyId", 403, "does not know this login (InvalidAccessKeyId); fix SITE_A"),
    ("SignatureDoesNotMatch", 403, "does not know this login (SignatureDoesNotMatch); fix SITE_A"),
    ("AccessDenied", 403, "gives this login no right (403)"),
    ("NoSuchBucket", 404, "does not exist; make it"),
    ("QuotaExceeded", 403, "gives this login no right"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "status", "text"), REFUSALS)
def test_a_refusal_of_the_store_is_not_retried(
    publisher: Publisher, code: str, status: int, text: str
) -> None:
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    front(publisher, "storage").rules.append(Rule("", "", times=1000, status=status, body=body))
    run = publisher.run("publish")
    assert run.code == 1
    assert text in run.err
    assert SECRET not in run.err
    assert "retry in" not in run.err


@pytest.mark.slow
def test_a_wrong_clock_is_reported(publisher: Publisher) -> None:
    """Stores refuse signatures that are 15 minutes off; the Date of the response has their time."""
    body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>off</Message></Error>"
    server_time = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)
    rule = Rule("PUT", "", times=1000, status=403, body=body, headers={"Date": server_time})
    front(publisher, "storage").rules.append(rule)
    run = publisher.run("publish")
    assert run.code == 1
    assert re.search(r"the clock of this machine is 72\d\d s ahead of it; set it \(NTP\)", run.err)
    assert "retry in" not in run.err
    assert_completes(publisher)


def test_an_untrusted_certificate_is_refused(publisher: Publisher) -> None:
    run = publisher.run("publish", env={"SITE_CA_FILE": None})
    assert run.code == 1
    assert "its certificate is not trusted" in run.err
    assert "name the authority's file in SITE_CA_FILE" in run.err
    assert front(publisher, "registry").calls == []


@pytest.mark.slow
def test_publish_waits_for_the_index(publisher: Publisher) -> None:
    publisher.services.nexus.lag = 1.0
    run = publisher.run("publish", "--json")
    assert run.code == 0, run.err
    waited = next(one["seconds"] for one in run.result["targets"] if one["name"] == "index")
    assert waited >= 0.9


@pytest.mark.slow
def test_an_index_without_the_chart_is_an_error(publisher: Publisher) -> None:
    """Flux would not find the chart, so it is not notified."""
    publisher.services.nexus.lag = 1000.0
    run = publisher.run("publish", "--index-wait", "1.5")
    assert run.code == 1
    assert "its index does not name site 1.0.4-rc after 1.5 s" in run.err
    assert publisher.services.flux.requests == []


@pytest.mark.slow
def test_an_index_without_digests_is_accepted(publisher: Publisher) -> None:
    """Some versions of Nexus write no SHA-256, so the file of the index is compared."""
    publisher.services.nexus.digests = False
    try:
        run = publisher.run("publish")
    finally:
        publisher.services.nexus.digests = True
    assert run.code == 0, run.err


@pytest.mark.slow
def test_transient_faults_of_nexus_do_no_harm(publisher: Publisher) -> None:
    publisher.services.nexus.toxics += [
        Toxic(status=503),
        Toxic("PUT", ".tgz", mute=True),
        Toxic(ending="/index.yaml", cut=10),
    ]
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(("status", "text"), [(404, "no Receiver there (404)"), (400, "refused the call")])
def test_a_receiver_that_fails_is_a_warning(publisher: Publisher, status: int, text: str) -> None:
    """The chart is published, and Flux polls every minute."""
    publisher.services.flux.respond(status)
    run = publisher.run("publish")
    assert run.code == 0
    assert text in run.err
    assert run.err.startswith("warning: Flux was not notified")
    assert "/hook/abc" not in run.err


@pytest.mark.slow
def test_each_cluster_is_notified_and_the_warning_names_the_failed_one(publisher: Publisher) -> None:
    """Staging and production may be two clusters, each with a Receiver and a token of its own."""
    flux = f"http://{publisher.services.front['flux'].host}/hook"
    publisher.services.flux.pages["/hook/staging"] = (404, b"")
    env = {"SITE_FLUX_URL": "", "SITE_FLUX_TOKEN": ""}
    env |= {"SITE_FLUX_STAGING_URL": f"{flux}/staging", "SITE_FLUX_STAGING_TOKEN": "one"}
    env |= {"SITE_FLUX_PRODUCTION_URL": f"{flux}/production", "SITE_FLUX_PRODUCTION_TOKEN": "two"}
    run = publisher.run("publish", env=env)
    assert run.code == 0
    assert run.err.count("warning: Flux was not notified") == 1
    assert "take SITE_FLUX_STAGING_URL from its status.webhookPath" in run.err
    assert [(one.path, one.headers["x-signature"]) for one in publisher.services.flux.requests] == [
        (path, "sha256=" + hmac.new(token, one.body, hashlib.sha256).hexdigest())
        for (path, token), one in zip(
            (("/hook/staging", b"one"), ("/hook/production", b"two")),
            publisher.services.flux.requests,
            strict=True,
        )
    ]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("kind", ["generic-hmac", "gitlab"])
def test_notifications_are_authenticated(publisher: Publisher, kind: str) -> None:
    publisher.run("publish", env={"SITE_FLUX_KIND": kind})
    (request,) = publisher.services.flux.requests
    digest = hmac.new(TOKEN.encode(), request.body, hashlib.sha256).hexdigest()
    header = {"generic-hmac": ("x-signature", f"sha256={digest}"), "gitlab": ("x-gitlab-token", TOKEN)}[kind]
    assert request.headers[header[0]] == header[1]
    assert (request.method, request.path) == ("POST", "/hook/abc")
