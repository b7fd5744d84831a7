"""Publishing while things go wrong: what passes is tried again, what does not is said once."""

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
SLOW = ("publish", "--deadline", "4")  # seconds, where the test is about time


def front(publisher: Publisher, name: str) -> Proxy:
    return publisher.services.front[name]


def finishes(publisher: Publisher) -> None:
    """A plain run, with nothing wrong any more, does the rest."""
    for one in publisher.services.front.values():
        one.rules.clear()
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


def secrets(publisher: Publisher) -> list[str]:
    return [LOGIN[1], SECRET, TOKEN, publisher.services.nexus.writer[1], "/hook/abc"]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_fails_twice_is_asked_again(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=2, status=500))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert "answered 500; retry in " in run.err
    assert len(publisher.charts()) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_asks_to_wait_is_waited_for(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, status=429, headers={"Retry-After": "1"}))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert "answered 429; retry in 1.0 s" in run.err


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_tries_have_an_end(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, status=503))
    run = publisher.run(*SLOW)
    assert run.code == 1
    assert "answered 503" in run.err or "not done within 4 s" in run.err
    assert publisher.charts() == {}
    finishes(publisher)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_down_is_named(publisher: Publisher, name: str) -> None:
    """What is needed before it is there then; the chart is not."""
    host = front(publisher, name).host
    text = (publisher.project / "site.toml").read_text()
    (publisher.project / "site.toml").write_text(text.replace(host, f"127.0.0.1:{free_port()}"))
    run = publisher.run(*SLOW)
    assert run.code == 1
    assert "no connection" in run.err
    assert publisher.charts() == {}
    publisher.write()
    finishes(publisher)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_silent_is_left_in_time(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, delay=8))
    run = publisher.run(*SLOW)
    assert run.code == 1
    assert "in time" in run.err or "not done within 4 s" in run.err
    assert publisher.charts() == {}
    finishes(publisher)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_full_is_not_asked_again(publisher: Publisher, name: str) -> None:
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=1000, status=507))
    run = publisher.run("publish")
    assert run.code == 1
    assert "is full" in run.err
    assert "retry in" not in run.err
    assert publisher.charts() == {}
    finishes(publisher)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_breaks_within_a_body_is_taken_up(
    publisher: Publisher, name: str, times: int
) -> None:
    release(publisher.project, heavy=400_000)
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, times=times, cut=100))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1
    assert {key: hashlib.sha256(data).hexdigest() for key, data in publisher.objects("archive").items()
            if key.startswith("blobs/")} == {  # whole, under the names of their bytes
        key: key.rpartition("/")[2] for key in publisher.objects("archive") if key.startswith("blobs/")
    }  # fmt: skip


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_an_answer_that_is_lost_does_no_harm(publisher: Publisher, name: str) -> None:
    """The server has done its part: the second try finds that, and takes it for done."""
    method, path = WRITES[name]
    front(publisher, name).rules.append(Rule(method, path, mute=True, times=2))
    front(publisher, "registry").rules.append(Rule("PUT", "/manifests/", mute=True))
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


WRONG: dict[str, tuple[Mapping[str, str], str]] = {
    "registry": ({"SITE_REGISTRY_PASSWORD": "wrong but secret"}, "fix SITE_REGISTRY_USER"),
    "nexus": ({"SITE_CHARTS_PASSWORD": "wrong but secret"}, "fix SITE_CHARTS_USER"),
}
CALLS = {"registry": 2, "nexus": 1}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_password_is_said_once_with_the_remedy(publisher: Publisher, name: str) -> None:
    env, fix = WRONG[name]
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
def test_a_login_that_is_not_set_is_asked_for(publisher: Publisher, names: tuple[str, ...], fix: str) -> None:
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


@pytest.mark.parametrize(("code", "status", "text"), REFUSALS)
def test_what_a_store_refuses_is_not_tried_again(
    publisher: Publisher, code: str, status: int, text: str
) -> None:
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    front(publisher, "storage").rules.append(Rule("", "", times=1000, status=status, body=body))
    run = publisher.run("publish")
    assert run.code == 1
    assert text in run.err
    assert SECRET not in run.err
    assert "retry in" not in run.err


def test_a_clock_that_is_off_is_named(publisher: Publisher) -> None:
    """Stores refuse signatures that are a quarter of an hour off; the answer tells their time."""
    body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>off</Message></Error>"
    theirs = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)
    rule = Rule("PUT", "", times=1000, status=403, body=body, headers={"Date": theirs})
    front(publisher, "storage").rules.append(rule)
    run = publisher.run("publish")
    assert run.code == 1
    assert re.search(r"the clock of this machine is 72\d\d s ahead of it; set it \(NTP\)", run.err)
    assert "retry in" not in run.err
    finishes(publisher)


def test_a_certificate_that_nobody_vouches_for_is_refused(publisher: Publisher) -> None:
    run = publisher.run("publish", env={"SITE_CA_FILE": None})
    assert run.code == 1
    assert "its certificate is not trusted" in run.err
    assert "name the authority's file in SITE_CA_FILE" in run.err
    assert front(publisher, "registry").calls == []


def test_the_index_is_waited_for(publisher: Publisher) -> None:
    publisher.services.nexus.lag = 1.0
    run = publisher.run("publish", "--json")
    assert run.code == 0, run.err
    waited = next(one["seconds"] for one in run.result["targets"] if one["name"] == "index")
    assert waited >= 0.9


def test_an_index_that_never_comes_is_no_success(publisher: Publisher) -> None:
    """Flux would not find the chart, and is not told of it."""
    publisher.services.nexus.lag = 1000.0
    run = publisher.run("publish", "--index-wait", "1.5")
    assert run.code == 1
    assert "its index does not name site 1.0.4-rc after 1.5 s" in run.err
    assert publisher.services.flux.asked == []


def test_an_index_without_digests_will_do(publisher: Publisher) -> None:
    """Some versions of Nexus keep no SHA-256: the file that the index leads to is compared."""
    publisher.services.nexus.digests = False
    try:
        run = publisher.run("publish")
    finally:
        publisher.services.nexus.digests = True
    assert run.code == 0, run.err


def test_a_nexus_that_is_busy_now_and_then_does_no_harm(publisher: Publisher) -> None:
    publisher.services.nexus.toxics += [
        Toxic(status=503),
        Toxic("PUT", ".tgz", mute=True),
        Toxic(ending="/index.yaml", cut=10),
    ]
    run = publisher.run("publish")
    assert run.code == 0, run.err
    assert len(publisher.charts()) == 1


@pytest.mark.parametrize(("status", "text"), [(404, "no Receiver there (404)"), (400, "refused the call")])
def test_a_receiver_that_fails_is_a_warning(publisher: Publisher, status: int, text: str) -> None:
    """The chart is out, and Flux looks for itself every minute."""
    publisher.services.flux.respond(status)
    run = publisher.run("publish")
    assert run.code == 0
    assert text in run.err
    assert run.err.startswith("warning: Flux was not notified")
    assert "/hook/abc" not in run.err


def test_each_cluster_is_told_and_the_warning_names_the_one_that_was_not(publisher: Publisher) -> None:
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
    assert [(one.path, one.headers["x-signature"]) for one in publisher.services.flux.asked] == [
        (path, "sha256=" + hmac.new(token, one.body, hashlib.sha256).hexdigest())
        for (path, token), one in zip(
            (("/hook/staging", b"one"), ("/hook/production", b"two")),
            publisher.services.flux.asked,
            strict=True,
        )
    ]


@pytest.mark.parametrize("kind", ["generic-hmac", "gitlab"])
def test_the_receiver_can_tell_who_calls(publisher: Publisher, kind: str) -> None:
    publisher.run("publish", env={"SITE_FLUX_KIND": kind})
    (asked,) = publisher.services.flux.asked
    digest = hmac.new(TOKEN.encode(), asked.body, hashlib.sha256).hexdigest()
    proof = {"generic-hmac": ("x-signature", f"sha256={digest}"), "gitlab": ("x-gitlab-token", TOKEN)}[kind]
    assert asked.headers[proof[0]] == proof[1]
    assert (asked.method, asked.path) == ("POST", "/hook/abc")
