"""Rate limits of guesses and mails: concurrent, from many addresses, and over three processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.live_site import API, PASSWORD, Browser, Response, Site
from tests.api.second_factors import begin_login, fresh_totp_code, member_with_totp, recovery_code
from tests.support.previews import wait_until

pytestmark = pytest.mark.slow

PAGE = "/members/inside/"


def codes(responses: Iterable[Response]) -> Counter[str]:
    """Count the error codes, or else the statuses."""
    return Counter(
        one.json["errors"][0]["code"] if one.status == 400 else str(one.status) for one in responses
    )


def send_concurrently(send: Callable[[int], Response], count: int) -> Counter[str]:
    """Call *send* concurrently with each number below *count*, and count the responses."""
    with ThreadPoolExecutor(count) as pool:
        return codes(pool.map(send, range(count)))


def browsers_with_csrf(site: Site, count: int) -> list[Browser]:
    """Return browsers with the CSRF cookie, so that a guess is one request."""
    found = [site.browser() for _ in range(count)]
    for one in found:
        one.send("GET", f"{API}/config")
    return found


def test_five_failed_logins_lock_an_account(site: Site) -> None:
    """From any address; the right password is refused, too."""
    site.member("locked@example.org")
    found = [site.browser().login("locked@example.org", f"guess number {number}") for number in range(8)]
    codes = [response.json["errors"][0]["code"] for response in found]
    assert codes == ["email_password_mismatch"] * 5 + ["too_many_login_attempts"] * 3
    late = site.browser().login("locked@example.org")
    assert (late.status, late.json["errors"][0]["code"]) == (400, "too_many_login_attempts")
    site.member("other@example.org")  # other accounts are not locked


def test_failed_logins_for_many_accounts_are_limited_by_address(site: Site) -> None:
    """10 failures a minute from one address, whatever X-Forwarded-For contains."""
    one = site.browser()
    found = []
    for number in range(14):
        forged = {"X-Forwarded-For": f"10.0.0.{number}, {one.address}", "X-Real-IP": f"10.1.0.{number}"}
        body = {"email": f"nobody{number}@example.org", "password": "a guess of mine"}
        found.append(one.call("POST", "auth/login", body, headers=forged).json["errors"][0]["code"])
    assert found == ["email_password_mismatch"] * 10 + ["too_many_login_attempts"] * 4


def test_concurrent_guesses_are_counted_over_all_processes(site: Site) -> None:
    """Credential stuffing from many addresses: the counter must be atomic."""
    site.member("spread@example.org")
    browsers = browsers_with_csrf(site, 24)

    def guess(number: int) -> Response:
        body = {"email": "spread@example.org", "password": f"a guess {number} of many"}
        forged = {"X-Forwarded-For": f"10.9.8.{number}, {browsers[number].address}"}
        return browsers[number].send("POST", f"{API}/auth/login", body, forged)

    found = send_concurrently(guess, 24)
    assert 1 <= found["email_password_mismatch"] <= 5
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429", "503"}
    for port in site.ports:  # each process applies the lock
        body = {"email": "spread@example.org", "password": PASSWORD}
        late = site.browser().call("POST", "auth/login", body, port=port, headers={"X-Real-IP": "10.1.2.3"})
        assert codes([late]) == {"too_many_login_attempts": 1}


def test_concurrent_guesses_for_many_accounts_are_limited_by_address(site: Site) -> None:
    """Past NGINX, which would refuse most of them, with a forged X-Forwarded-For each time."""
    one = browsers_with_csrf(site, 1)[0]

    def guess(number: int) -> Response:
        body = {"email": f"many{number}@example.org", "password": "a guess of mine"}
        headers = {"X-Real-IP": one.address, "X-Forwarded-For": f"10.9.7.{number}"}
        port = site.ports[number % len(site.ports)]
        return Browser(site, one.address, one.jar).send("POST", f"{API}/auth/login", body, headers, port=port)

    found = send_concurrently(guess, 24)
    assert 1 <= found["email_password_mismatch"] <= 10
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429", "503"}


def test_concurrent_codes_are_counted(site: Site) -> None:
    """Each guess from another browser, after the password."""
    email = "codes@example.org"
    member, _ = member_with_totp(site, email)
    right = recovery_code(member)
    browsers = [begin_login(site, email) for _ in range(15)]

    def guess(number: int) -> Response:
        return browsers[number].call("POST", "auth/2fa/authenticate", {"code": f"{number:06}"})

    found = send_concurrently(guess, 15)
    assert 1 <= found["incorrect_code"] <= 5
    assert set(found) <= {"incorrect_code", "too_many_login_attempts", "429"}
    assert codes([guess(0)]) == {"too_many_login_attempts": 1}
    late = browsers[0].call("POST", "auth/2fa/authenticate", {"code": right})
    assert codes([late]) == {"too_many_login_attempts": 1}


@pytest.mark.parametrize("kind", ["app", "recovery"])
def test_a_code_that_is_sent_concurrently_works_once(site: Site, kind: str) -> None:
    """Replay at the same time as the member."""
    email = f"replay-{kind}@example.org"
    member, secret = member_with_totp(site, email)
    browsers = [begin_login(site, email) for _ in range(5)]
    code = fresh_totp_code(secret) if kind == "app" else recovery_code(member)
    found = send_concurrently(
        lambda number: browsers[number].call("POST", "auth/2fa/authenticate", {"code": code}), 5
    )
    assert found["200"] == 1
    assert [one.send("GET", PAGE).status for one in browsers].count(200) == 1


def test_mails_to_one_address_are_limited(site: Site) -> None:
    """Five a minute, from any address."""
    email = "flooded@example.org"
    site.member(email)
    before, browsers = len(site.mails.all), browsers_with_csrf(site, 15)

    def request_mail(number: int) -> Response:
        return browsers[number].call("POST", "auth/password/request", {"email": email})

    found = send_concurrently(request_mail, 15)
    assert set(found) == {"200", "429"}
    assert found["200"] <= 5
    wait_until(lambda: [one["To"] for one in site.mails.all[before:]].count(email) >= found["200"])
    site.mails.to(email)
    assert [one["To"] for one in site.mails.all[before:]].count(email) == found["200"]


def test_mails_requested_from_one_address_are_limited(site: Site) -> None:
    """Twenty a minute; past NGINX, which has a similar limit."""
    one = browsers_with_csrf(site, 1)[0]

    def request_mail(number: int) -> Response:
        body, port = {"email": f"asked{number}@example.org"}, site.ports[number % len(site.ports)]
        other = Browser(site, one.address, one.jar)
        return other.send("POST", f"{API}/auth/password/request", body, {"X-Real-IP": one.address}, port=port)

    found = send_concurrently(request_mail, 30)
    assert set(found) == {"200", "429"}
    assert found["200"] <= 20


@pytest.mark.parametrize(
    ("path", "body", "limit"),
    [
        ("auth/reauthenticate",     {"password": "a guess"}, 10),
        ("account/password/change", {"current_password": "a guess", "new_password": "a long new one"}, 5),
    ],
)  # fmt: skip
def test_a_stolen_session_has_the_rate_limit_of_passwords(
    site: Site, path: str, body: dict[str, str], limit: int
) -> None:
    """Concurrent guesses from many addresses and at every process."""
    one = site.member(f"borrowed-{limit}@example.org")

    def guess(number: int) -> Response:
        thief = Browser(site, f"198.51.100.{number}", one.jar)
        return thief.call("POST", path, body)

    found = send_concurrently(guess, 20)
    assert 1 <= found["incorrect_password"] + found["enter_current_password"] <= limit
    assert "200" not in found
