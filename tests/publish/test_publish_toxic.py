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
from tests.support.delivery.targets import TOKEN, Place
from tests.support.previews import free_port
from tests.support.registry import LOGIN

SERVICES = ("registry", "storage", "nexus")
WRITES = {"registry": ("PATCH", "/blobs/uploads/"), "storage": ("PUT", ""), "nexus": ("PUT", "")}
SLOW = ("publish", "--deadline", "4")  # seconds, where the test is about time


def front(place: Place, name: str) -> Proxy:
    return place.services.front[name]


def finishes(place: Place) -> None:
    """A plain run, with nothing wrong any more, does the rest."""
    for one in place.services.front.values():
        one.rules.clear()
    run = place.run("publish")
    assert run.code == 0, run.err
    assert len(place.charts()) == 1


def secrets(place: Place) -> list[str]:
    return [LOGIN[1], SECRET, TOKEN, place.services.nexus.writer[1], "/hook/abc"]


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_fails_twice_is_asked_again(place: Place, name: str) -> None:
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, times=2, status=500))
    run = place.run("publish")
    assert run.code == 0, run.err
    assert "answered 500; again in " in run.err
    assert len(place.charts()) == 1


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_asks_to_wait_is_waited_for(place: Place, name: str) -> None:
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, status=429, headers={"Retry-After": "1"}))
    run = place.run("publish")
    assert run.code == 0, run.err
    assert "answered 429; again in 1.0 s" in run.err


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_tries_have_an_end(place: Place, name: str) -> None:
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, times=1000, status=503))
    run = place.run(*SLOW)
    assert run.code == 1
    assert "answered 503" in run.err or "not done within 4 s" in run.err
    assert place.charts() == {}
    finishes(place)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_down_is_named(place: Place, name: str) -> None:
    """What is needed before it is there then; the chart is not."""
    host = front(place, name).host
    text = (place.project / "site.toml").read_text()
    (place.project / "site.toml").write_text(text.replace(host, f"127.0.0.1:{free_port()}"))
    run = place.run(*SLOW)
    assert run.code == 1
    assert "no connection" in run.err
    assert place.charts() == {}
    place.write()
    finishes(place)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_silent_is_left_in_time(place: Place, name: str) -> None:
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, times=1000, delay=8))
    run = place.run(*SLOW)
    assert run.code == 1
    assert "in time" in run.err or "not done within 4 s" in run.err
    assert place.charts() == {}
    finishes(place)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_full_is_not_asked_again(place: Place, name: str) -> None:
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, times=1000, status=507))
    run = place.run("publish")
    assert run.code == 1
    assert "is full" in run.err
    assert "again in" not in run.err
    assert place.charts() == {}
    finishes(place)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_breaks_within_a_body_is_taken_up(place: Place, name: str, times: int) -> None:
    release(place.project, heavy=400_000)
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, times=times, cut=100))
    run = place.run("publish")
    assert run.code == 0, run.err
    assert len(place.charts()) == 1
    assert {key: hashlib.sha256(data).hexdigest() for key, data in place.objects("archive").items()
            if key.startswith("blobs/")} == {  # whole, under the names of their bytes
        key: key.rpartition("/")[2] for key in place.objects("archive") if key.startswith("blobs/")
    }  # fmt: skip


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("name", SERVICES)
def test_an_answer_that_is_lost_does_no_harm(place: Place, name: str) -> None:
    """The server has done its part: the second try finds that, and takes it for done."""
    method, path = WRITES[name]
    front(place, name).rules.append(Rule(method, path, mute=True, times=2))
    front(place, "registry").rules.append(Rule("PUT", "/manifests/", mute=True))
    run = place.run("publish")
    assert run.code == 0, run.err
    assert len(place.charts()) == 1


WRONG: dict[str, tuple[Mapping[str, str], str]] = {
    "registry": ({"SITE_REGISTRY_PASSWORD": "wrong but secret"}, "mend SITE_REGISTRY_USER"),
    "nexus": ({"SITE_CHARTS_PASSWORD": "wrong but secret"}, "mend SITE_CHARTS_USER"),
}
CALLS = {"registry": 2, "nexus": 1}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_password_is_said_once_with_the_remedy(place: Place, name: str) -> None:
    env, fix = WRONG[name]
    run = place.run("publish", env=env)
    assert run.code == 1
    assert "does not know this login (401)" in run.err
    assert fix in run.err
    assert "again in" not in run.err
    assert "wrong but secret" not in run.err + run.out
    assert not [secret for secret in secrets(place) if secret in run.err + run.out]
    assert len(front(place, name).calls) == CALLS[name]
    assert place.charts() == {}


@pytest.mark.parametrize(
    ("names", "fix"),
    [
        (("SITE_REGISTRY_USER", "SITE_REGISTRY_PASSWORD"), "wants a login; set SITE_REGISTRY_USER"),
        (("SITE_CHARTS_USER", "SITE_CHARTS_PASSWORD"), "wants a login; set SITE_CHARTS_USER"),
        (("SITE_ARCHIVE_KEY", "SITE_ARCHIVE_SECRET"), "wants a login; set SITE_ARCHIVE_KEY"),
        (("SITE_CHARTS_PASSWORD",), "SITE_CHARTS_USER is set and SITE_CHARTS_PASSWORD is not"),
        (("SITE_FLUX_TOKEN",), "SITE_FLUX_URL is set and SITE_FLUX_TOKEN is not"),
    ],
)
def test_a_login_that_is_not_set_is_asked_for(place: Place, names: tuple[str, ...], fix: str) -> None:
    run = place.run("publish", env=dict.fromkeys(names))
    assert run.code == 1
    assert fix in run.err
    assert place.charts() == {}


REFUSALS = [
    ("InvalidAccessKeyId", 403, "does not know this login (InvalidAccessKeyId); mend SITE_A"),
    ("SignatureDoesNotMatch", 403, "does not know this login (SignatureDoesNotMatch); mend SITE_A"),
    ("AccessDenied", 403, "gives this login no right (403)"),
    ("NoSuchBucket", 404, "does not exist; make it"),
    ("QuotaExceeded", 403, "gives this login no right"),
]


@pytest.mark.parametrize(("code", "status", "text"), REFUSALS)
def test_what_a_store_refuses_is_not_tried_again(place: Place, code: str, status: int, text: str) -> None:
    body = f"<Error><Code>{code}</Code><Message>{SECRET}</Message></Error>".encode()
    front(place, "storage").rules.append(Rule("", "", times=1000, status=status, body=body))
    run = place.run("publish")
    assert run.code == 1
    assert text in run.err
    assert SECRET not in run.err
    assert "again in" not in run.err


def test_a_clock_that_is_off_is_named(place: Place) -> None:
    """Stores refuse signatures that are a quarter of an hour off; the answer tells their time."""
    body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>off</Message></Error>"
    theirs = format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)
    rule = Rule("PUT", "", times=1000, status=403, body=body, headers={"Date": theirs})
    front(place, "storage").rules.append(rule)
    run = place.run("publish")
    assert run.code == 1
    assert re.search(r"the clock of this machine is 72\d\d s ahead of it; set it \(NTP\)", run.err)
    assert "again in" not in run.err
    finishes(place)


def test_a_certificate_that_nobody_vouches_for_is_refused(place: Place) -> None:
    run = place.run("publish", env={"SITE_CA_FILE": None})
    assert run.code == 1
    assert "its certificate is not trusted" in run.err
    assert "name the authority's file in SITE_CA_FILE" in run.err
    assert front(place, "registry").calls == []


def test_the_index_is_waited_for(place: Place) -> None:
    place.services.nexus.lag = 1.0
    run = place.run("publish", "--json")
    assert run.code == 0, run.err
    waited = next(one["seconds"] for one in run.result["targets"] if one["name"] == "index")
    assert waited >= 0.9


def test_an_index_that_never_comes_is_no_success(place: Place) -> None:
    """Flux would not find the chart, and is not told of it."""
    place.services.nexus.lag = 1000.0
    run = place.run("publish", "--index-wait", "1.5")
    assert run.code == 1
    assert "its index does not name site 1.0.4-rc after 1.5 s" in run.err
    assert place.services.flux.asked == []


def test_an_index_without_digests_will_do(place: Place) -> None:
    """Some versions of Nexus keep no SHA-256: the file that the index leads to is compared."""
    place.services.nexus.digests = False
    try:
        run = place.run("publish")
    finally:
        place.services.nexus.digests = True
    assert run.code == 0, run.err


def test_a_nexus_that_is_busy_now_and_then_does_no_harm(place: Place) -> None:
    place.services.nexus.toxics += [
        Toxic(status=503),
        Toxic("PUT", ".tgz", mute=True),
        Toxic(ending="/index.yaml", cut=10),
    ]
    run = place.run("publish")
    assert run.code == 0, run.err
    assert len(place.charts()) == 1


@pytest.mark.parametrize(
    ("status", "text"), [(404, "no Receiver there (404)"), (400, "did not believe the call")]
)
def test_a_receiver_that_fails_is_a_warning(place: Place, status: int, text: str) -> None:
    """The chart is out, and Flux looks for itself every minute."""
    place.services.flux.answers(status)
    run = place.run("publish")
    assert run.code == 0
    assert text in run.err
    assert run.err.startswith("warning: Flux was not told")
    assert "/hook/abc" not in run.err


def test_each_cluster_is_told_and_the_warning_names_the_one_that_was_not(place: Place) -> None:
    """Staging and production may be two clusters, each with a Receiver and a token of its own."""
    flux = f"http://{place.services.front['flux'].host}/hook"
    place.services.flux.pages["/hook/staging"] = (404, b"")
    env = {"SITE_FLUX_URL": "", "SITE_FLUX_TOKEN": ""}
    env |= {"SITE_FLUX_STAGING_URL": f"{flux}/staging", "SITE_FLUX_STAGING_TOKEN": "one"}
    env |= {"SITE_FLUX_PRODUCTION_URL": f"{flux}/production", "SITE_FLUX_PRODUCTION_TOKEN": "two"}
    run = place.run("publish", env=env)
    assert run.code == 0
    assert run.err.count("warning: Flux was not told") == 1
    assert "take SITE_FLUX_STAGING_URL from its status.webhookPath" in run.err
    assert [(one.path, one.headers["x-signature"]) for one in place.services.flux.asked] == [
        (path, "sha256=" + hmac.new(token, one.body, hashlib.sha256).hexdigest())
        for (path, token), one in zip(
            (("/hook/staging", b"one"), ("/hook/production", b"two")), place.services.flux.asked, strict=True
        )
    ]


@pytest.mark.parametrize("kind", ["generic-hmac", "gitlab"])
def test_the_receiver_can_tell_who_calls(place: Place, kind: str) -> None:
    place.run("publish", env={"SITE_FLUX_KIND": kind})
    (asked,) = place.services.flux.asked
    digest = hmac.new(TOKEN.encode(), asked.body, hashlib.sha256).hexdigest()
    proof = {"generic-hmac": ("x-signature", f"sha256={digest}"), "gitlab": ("x-gitlab-token", TOKEN)}[kind]
    assert asked.headers[proof[0]] == proof[1]
    assert (asked.method, asked.path) == ("POST", "/hook/abc")
