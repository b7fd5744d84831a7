"""Who is a member is nobody's business: not by what is said, and not by how long it takes."""

from __future__ import annotations

import time

from tests.api.running import API, Site
from tests.preview import until


def test_taken_and_free_addresses_look_the_same(site: Site) -> None:
    """By what is said."""
    site.member("taken@example.org")
    answers = []
    for email in ("taken@example.org", "free@example.org"):
        one = site.browser()
        login = one.login(email, "certainly not it")
        reset = one.call("POST", "auth/password/request", {"email": email})
        signup = one.call("POST", "auth/signup", {"email": email, "password": "a password of mine"})
        answers.append([(answer.status, answer.body) for answer in (login, reset, signup)])
    assert answers[0] == answers[1]
    assert [status for status, _ in answers[0]] == [400, 200, 403]


def test_a_lock_does_not_tell_who_is_a_member(site: Site) -> None:
    """Guesses at an address that nobody has are counted and refused as all others."""
    site.member("counted@example.org")
    said = [
        [site.browser().login(email, f"guess number {number}").body for number in range(7)]
        for email in ("counted@example.org", "uncounted@example.org")
    ]
    assert said[0] == said[1]


def test_taken_and_free_addresses_take_the_same_time(site: Site) -> None:
    """A hash is computed for nobody, too: without it the answer comes in a tenth of the time."""
    site.invite("timed@example.org")
    times: dict[str, list[float]] = {"timed@example.org": [], "unknown@example.org": []}
    for _ in range(4):
        for email, spent in times.items():
            one = site.browser()
            one.send("GET", f"{API}/config")
            begin = time.perf_counter()
            one.login(email, "a guess that fails")
            spent.append(time.perf_counter() - begin)
    least = [min(spent) for spent in times.values()]
    assert max(least) < 4 * min(least)


def test_a_mail_that_is_sent_takes_no_time_to_ask_for(site: Site) -> None:
    """A mail server takes its time; only for addresses that are known there is a mail to send."""
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
        until(lambda: len(site.mails.all) > count)
    finally:
        site.mails.delay = 0.0


def test_unknown_addresses_get_no_mail(site: Site) -> None:
    site.invite("known@example.org")
    one, before = site.browser(), len(site.mails.all)
    for email in ("stranger@example.org", "known@example.org"):
        assert one.call("POST", "auth/password/request", {"email": email}).status == 200
    until(lambda: "known@example.org" in [mail["To"] for mail in site.mails.all[before:]])
    assert "stranger@example.org" not in [mail["To"] for mail in site.mails.all]


def test_nobody_signs_up(site: Site) -> None:
    one = site.browser()
    body = {"email": "new@example.org", "password": "a password of mine"}
    assert one.call("POST", "auth/signup", body).status == 403
    assert one.call("POST", "auth/webauthn/signup", {"email": "new@example.org"}).status in (403, 404)
    assert one.send("POST", "/_allauth/app/v1/auth/login", body).status == 404  # the API without CSRF
    assert [mail for mail in site.mails.all if mail["To"] == "new@example.org"] == []
