"""Guesses: how many there may be, also at once, from many places, and at three processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.factors import entered, lasting, recovery, with_app
from tests.api.running import API, PASSWORD, Answer, Browser, Site
from tests.support.previews import until

PAGE = "/members/inside/"


def codes(answers: Iterable[Answer]) -> Counter[str]:
    """Count what was said: the code of an error, or the status."""
    return Counter(one.json["errors"][0]["code"] if one.status == 400 else str(one.status) for one in answers)


def at_once(ask: Callable[[int], Answer], count: int) -> Counter[str]:
    """Count the answers to *count* requests, each by *ask* with its number, all on their way at once."""
    with ThreadPoolExecutor(count) as pool:
        return codes(pool.map(ask, range(count)))


def ready(site: Site, count: int) -> list[Browser]:
    """Return browsers that have the CSRF cookie, so that they need one request for a guess."""
    found = [site.browser() for _ in range(count)]
    for one in found:
        one.send("GET", f"{API}/config")
    return found


def test_a_password_is_guessed_five_times_and_no_more(site: Site) -> None:
    """For one account, from wherever the guesses come; the right one is refused too while it lasts."""
    site.member("locked@example.org")
    found = [site.browser().login("locked@example.org", f"guess number {number}") for number in range(8)]
    codes = [answer.json["errors"][0]["code"] for answer in found]
    assert codes == ["email_password_mismatch"] * 5 + ["too_many_login_attempts"] * 3
    late = site.browser().login("locked@example.org")
    assert (late.status, late.json["errors"][0]["code"]) == (400, "too_many_login_attempts")
    site.member("other@example.org")  # nobody else is locked out


def test_a_reader_who_guesses_many_accounts_is_stopped(site: Site) -> None:
    """10 failures a minute from one address; what he writes into X-Forwarded-For is no other address."""
    one = site.browser()
    found = []
    for number in range(14):
        forged = {"X-Forwarded-For": f"10.0.0.{number}, {one.address}", "X-Real-IP": f"10.1.0.{number}"}
        body = {"email": f"nobody{number}@example.org", "password": "a guess of mine"}
        found.append(one.call("POST", "auth/login", body, headers=forged).json["errors"][0]["code"])
    assert found == ["email_password_mismatch"] * 10 + ["too_many_login_attempts"] * 4


def test_guesses_at_once_are_counted_one_by_one_over_all_processes(site: Site) -> None:
    """Stuffing from many addresses: two that read the counter before either writes must not both pass."""
    site.member("spread@example.org")
    browsers = ready(site, 24)

    def guess(number: int) -> Answer:
        body = {"email": "spread@example.org", "password": f"a guess {number} of many"}
        forged = {"X-Forwarded-For": f"10.9.8.{number}, {browsers[number].address}"}
        return browsers[number].send("POST", f"{API}/auth/login", body, forged)

    found = at_once(guess, 24)
    assert 1 <= found["email_password_mismatch"] <= 5
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429", "503"}
    for port in site.ports:  # each process knows of it
        body = {"email": "spread@example.org", "password": PASSWORD}
        late = site.browser().call("POST", "auth/login", body, port=port, headers={"X-Real-IP": "10.1.2.3"})
        assert codes([late]) == {"too_many_login_attempts": 1}


def test_many_accounts_at_once_are_counted_for_the_reader_who_tries_them(site: Site) -> None:
    """Past NGINX, which would refuse most of it, and with another forged address each time."""
    one = ready(site, 1)[0]

    def guess(number: int) -> Answer:
        body = {"email": f"many{number}@example.org", "password": "a guess of mine"}
        headers = {"X-Real-IP": one.address, "X-Forwarded-For": f"10.9.7.{number}"}
        port = site.ports[number % len(site.ports)]
        return Browser(site, one.address, one.jar).send("POST", f"{API}/auth/login", body, headers, port=port)

    found = at_once(guess, 24)
    assert 1 <= found["email_password_mismatch"] <= 10
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429", "503"}


def test_codes_at_once_are_counted_one_by_one(site: Site) -> None:
    """Each guess from another browser that knows the password, at another process."""
    email = "codes@example.org"
    member, _ = with_app(site, email)
    right = recovery(member)
    browsers = [entered(site, email) for _ in range(15)]

    def guess(number: int) -> Answer:
        return browsers[number].call("POST", "auth/2fa/authenticate", {"code": f"{number:06}"})

    found = at_once(guess, 15)
    assert 1 <= found["incorrect_code"] <= 5
    assert set(found) <= {"incorrect_code", "too_many_login_attempts", "429"}
    assert codes([guess(0)]) == {"too_many_login_attempts": 1}
    late = browsers[0].call("POST", "auth/2fa/authenticate", {"code": right})
    assert codes([late]) == {"too_many_login_attempts": 1}


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_that_is_sent_many_times_at_once_opens_one_door(site: Site, kind: str) -> None:
    """Replay by somebody who is as quick as the member."""
    email = f"replay-{kind}@example.org"
    member, secret = with_app(site, email)
    browsers = [entered(site, email) for _ in range(5)]
    code = lasting(secret) if kind == "app" else recovery(member)
    found = at_once(lambda number: browsers[number].call("POST", "auth/2fa/authenticate", {"code": code}), 5)
    assert found["200"] == 1
    assert [one.send("GET", PAGE).status for one in browsers].count(200) == 1


def test_mails_for_one_address_that_are_asked_for_at_once_are_few(site: Site) -> None:
    """Five in a minute, whoever asks: nobody's letter box is filled."""
    email = "flooded@example.org"
    site.member(email)
    before, browsers = len(site.mails.all), ready(site, 15)

    def ask(number: int) -> Answer:
        return browsers[number].call("POST", "auth/password/request", {"email": email})

    found = at_once(ask, 15)
    assert set(found) == {"200", "429"}
    assert found["200"] <= 5
    until(lambda: [one["To"] for one in site.mails.all[before:]].count(email) >= found["200"])
    site.mails.to(email)
    assert [one["To"] for one in site.mails.all[before:]].count(email) == found["200"]


def test_mails_that_one_reader_asks_for_at_once_are_few(site: Site) -> None:
    """Twenty in a minute; past NGINX, which lets through not many more."""
    one = ready(site, 1)[0]

    def ask(number: int) -> Answer:
        body, port = {"email": f"asked{number}@example.org"}, site.ports[number % len(site.ports)]
        other = Browser(site, one.address, one.jar)
        return other.send("POST", f"{API}/auth/password/request", body, {"X-Real-IP": one.address}, port=port)

    found = at_once(ask, 30)
    assert set(found) == {"200", "429"}
    assert found["200"] <= 20


@pytest.mark.parametrize(
    ("path", "body", "limit"),
    [
        ("auth/reauthenticate",     {"password": "a guess"}, 10),
        ("account/password/change", {"current_password": "a guess", "new_password": "a long new one"}, 5),
    ],
)  # fmt: skip
def test_who_stole_a_session_guesses_the_password_no_longer_than_others(
    site: Site, path: str, body: dict[str, str], limit: int
) -> None:
    """Also with all guesses at once, from many addresses and at every process."""
    one = site.member(f"borrowed-{limit}@example.org")

    def guess(number: int) -> Answer:
        thief = Browser(site, f"198.51.100.{number}", one.jar)
        return thief.call("POST", path, body)

    found = at_once(guess, 20)
    assert 1 <= found["incorrect_password"] + found["enter_current_password"] <= limit
    assert "200" not in found
