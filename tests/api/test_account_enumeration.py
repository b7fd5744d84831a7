"""Account enumeration: neither responses nor their timing disclose whether an address is a member's."""

from __future__ import annotations

import json
import random
import statistics
import time

import pytest

from tests.api.live_site import API, PASSWORD, Site
from tests.api.second_factors import reauthenticate
from tests.support.previews import wait_until

pytestmark = pytest.mark.slow


def test_responses_are_equal_for_known_and_unknown_addresses(site: Site) -> None:
    """Status and body of login, password reset and sign-up."""
    site.member("taken@example.org")
    responses = []
    for email in ("taken@example.org", "free@example.org"):
        one = site.browser()
        login = one.login(email, "certainly not it")
        reset = one.call("POST", "auth/password/request", {"email": email})
        signup = one.call("POST", "auth/signup", {"email": email, "password": "a password of mine"})
        responses.append([(response.status, response.body) for response in (login, reset, signup)])
    assert responses[0] == responses[1]
    assert [status for status, _ in responses[0]] == [400, 200, 403]


def test_the_lockout_applies_to_unknown_addresses(site: Site) -> None:
    """Failed logins for an unknown address are counted and refused like all others."""
    site.member("counted@example.org")
    bodies = [
        [site.browser().login(email, f"guess number {number}").body for number in range(7)]
        for email in ("counted@example.org", "uncounted@example.org")
    ]
    assert bodies[0] == bodies[1]


# Profile a request in its own thread: its queries without values, and the number of calls of each Python
# function. The hash runs in another thread, and depends only on the password.
PROFILE_REQUESTS = """
import gc, json, re, sys
from collections import Counter
from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from api.accounts import mail_queue
from api.accounts.cache import RateLimitCache

mail_queue.enqueue = lambda job: None  # skip background jobs
RateLimitCache._purge_at = float("inf")  # no purge within one of the requests

def profile_request(email):
    cache.clear()
    client = Client(headers={{"host": {host!r}, "x-real-ip": "198.51.100.78"}})
    if {session!r}:
        client.cookies[settings.SESSION_COOKIE_NAME] = {session!r}
    calls = Counter()
    def profile(frame, event, arg):
        if event == "call":
            code = frame.f_code
            calls[f"{{code.co_filename}}:{{code.co_qualname}}"] += 1
    with transaction.atomic(), CaptureQueriesContext(connection) as captured:
        sys.setprofile(profile)
        try:
            response = client.post({path!r}, {{"email": email, **{more!r}}}, content_type="application/json")
        finally:
            sys.setprofile(None)
            transaction.set_rollback(True)
    queries = [re.sub(r"'[^']*'|[0-9]+(\\.[0-9]+)?", "?", one["sql"]) for one in captured.captured_queries]
    body = json.loads(response.content.decode().replace(email, "?"))
    if isinstance(body.get("data"), list):  # of addresses, which PostgreSQL returns in any order
        body["data"].sort(key=json.dumps)
    return response.status_code, json.dumps(body), queries, calls

emails = {emails!r}
gc.disable()  # it would call finalizers of previous requests
[profile_request(email) for email in emails]  # imports, caches, prepared statements
found = [profile_request(email) for email in emails]
def hashes(calls):
    return sum(count for name, count in calls.items() if re.search("api/accounts/hashers.py:Argon2", name))

print(json.dumps([[status, body, queries, hashes(calls), {{
    name: [one[3][name] for one in found] for name in calls
    # Random numbers in a range take a varying number of calls.
    if len({{one[3][name] for one in found}}) > 1 and "/random.py:" not in name
}}] for status, body, queries, calls in found]))
gc.enable()
"""


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("auth/password/request", {}),
        ("auth/signup", {"password": "a password of mine"}),
        ("auth/login", {"password": "a guess that fails"}),
        ("account/email", {}),
    ],
)
def test_a_request_does_equal_work_for_every_address(site: Site, path: str, more: dict[str, str]) -> None:
    """A member, an invited user without a password, and an unknown address.

    A member who adds an address must not learn whether it belongs to another member.
    """
    name = path.replace("/", "-")
    site.member(f"{name}@example.org")
    site.invite(f"invited-{name}@example.org")
    emails = [f"{who}{name}@example.org" for who in ("", "invited-", "nobody-")]
    session = ""
    if path == "account/email":
        one = site.member("adds@example.org")
        reauthenticate(one)
        session = one.jar[site.session]
    found = json.loads(
        site.python(
            PROFILE_REQUESTS.format(
                host=site.host, session=session, path=f"{API}/{path}", more=more, emails=emails
            )
        )
    )
    statuses, bodies, queries, hashes, differing = zip(*found, strict=True)
    assert len(set(statuses)) == len(set(bodies)) == 1
    assert queries[1:] == queries[:-1]
    assert set(hashes) == ({1} if path == "auth/login" else {0})
    # The other two read the found row, if any: microseconds.
    assert path in ("auth/login", "account/email") or differing == ({}, {}, {})


def _seconds(site: Site, path: str, body: dict[str, str]) -> float:
    """Return the seconds of one request from a new network."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    headers = {"X-Real-IP": one.address}
    begin = time.perf_counter()
    response = one.send("POST", f"{API}/{path}", body, headers, port=site.ports[0])
    spent = time.perf_counter() - begin
    assert response.status in (200, 400), response
    return spent


@pytest.mark.parametrize(
    ("path", "more", "pairs"),
    [("auth/password/request", {}, 60), ("auth/login", {"password": "a guess that fails"}, 30)],
)
def test_known_and_unknown_addresses_take_the_same_time(
    site: Site, path: str, more: dict[str, str], pairs: int
) -> None:
    """In pairs, in random order: the difference is below the spread of equal requests."""
    name = path.replace("/", "-")
    known = [f"timed{number}-{name}@example.org" for number in range(pairs)]
    site.python(INSERT_MEMBERS.format(emails=known, password=PASSWORD))
    rng, differences, spread = random.Random(1), [], []
    for number, email in enumerate(known):
        sides = [(email, 1), (f"anonymous{number}-{name}@example.org", -1)]
        rng.shuffle(sides)
        spent = {sign: _seconds(site, path, {"email": address, **more}) for address, sign in sides}
        differences.append(spent[1] - spent[-1])
        spread.append(spent[-1])
    quarters = statistics.quantiles(spread, n=4)
    assert abs(statistics.median(differences)) < max(quarters[2] - quarters[0], 0.002)


INSERT_MEMBERS = """
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from api.accounts.models import User
password = make_password({password!r})
for email in {emails!r}:
    user = User.objects.create(email=email, password=password)
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=True)
"""


def test_a_slow_mail_server_does_not_delay_the_response(site: Site) -> None:
    """Only known addresses get a mail: waiting for the mail server would disclose them."""
    site.invite("slowmail@example.org")
    site.mails.delay = 2.0
    try:
        for email in ("slowmail@example.org", "nobody@example.org"):
            one = site.browser()
            one.send("GET", f"{API}/config")
            begin = time.perf_counter()
            assert one.call("POST", "auth/password/request", {"email": email}).status == 200
            assert time.perf_counter() - begin < 1.5
        count = len(site.mails.all)
        wait_until(lambda: len(site.mails.all) > count)
    finally:
        site.mails.delay = 0.0


FULL_QUEUE = """
from unittest import mock
from django.core.cache import cache
from django.test import Client
from api.accounts import mail_queue

queued = []
client = Client(headers={{"host": {host!r}, "x-real-ip": "198.51.100.79"}})
with mock.patch.object(mail_queue, "MAX_QUEUED", 0), mock.patch.object(mail_queue, "enqueue", queued.append):
    for email in {emails!r}:
        response = client.post({path!r}, {{"email": email}}, content_type="application/json")
        print(response.status_code, response.headers["Retry-After"], response.json()["errors"][0]["code"])
print(queued)
"""


def test_a_full_mail_queue_refuses_every_address(site: Site) -> None:
    """A hanging mail server must not exhaust the memory, and an accepted request must send its mail."""
    site.invite("crowded@example.org")
    emails = ["crowded@example.org", "uncrowded@example.org"]
    output = site.python(
        FULL_QUEUE.format(host=site.host, path=f"{API}/auth/password/request", emails=emails)
    )
    assert output.split("\n") == ["503 60 mail_busy", "503 60 mail_busy", "[]", ""]


def test_unknown_addresses_get_no_mail(site: Site) -> None:
    site.invite("known@example.org")
    one, before = site.browser(), len(site.mails.all)
    for email in ("anonymous@example.org", "known@example.org"):
        assert one.call("POST", "auth/password/request", {"email": email}).status == 200
    wait_until(lambda: "known@example.org" in [mail["To"] for mail in site.mails.all[before:]])
    assert "anonymous@example.org" not in [mail["To"] for mail in site.mails.all]


def test_sign_up_is_closed(site: Site) -> None:
    one = site.browser()
    body = {"email": "new@example.org", "password": "a password of mine"}
    assert one.call("POST", "auth/signup", body).status == 403
    assert one.call("POST", "auth/webauthn/signup", {"email": "new@example.org"}).status in (403, 404)
    assert one.send("POST", "/_allauth/app/v1/auth/login", body).status == 404  # the API without CSRF
    assert [mail for mail in site.mails.all if mail["To"] == "new@example.org"] == []
