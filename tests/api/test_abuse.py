"""What somebody tries who is not meant to come in."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.running import API, PASSWORD, Browser, Site, gunicorn
from tests.preview import free_port, until
from tests.web.conftest import CANARY

PAGE = "/members/inside/"


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


def test_a_mail_server_that_is_away_is_no_fault_of_who_asks(site: Site) -> None:
    away = {"LOGIN_MAIL_PORT": "1"}
    told = site.manage("invite", "away@example.org", code=1, more=away)
    assert "the mail was not sent (ConnectionRefusedError" in told
    assert "Traceback" not in told
    assert "there is the member" in site.invite("away@example.org")


def test_a_mail_that_waits_is_sent_before_a_process_ends(site: Site, tmp_path: Path) -> None:
    """Whoever asked was told that it comes."""
    site.invite("waiting@example.org")
    port = free_port()
    with gunicorn(tmp_path, port, site.environment) as process:
        one = site.browser()
        one.send("GET", f"{API}/config")
        count, site.mails.delay = len(site.mails.all), 1.5
        try:
            body = {"email": "waiting@example.org"}
            asked = one.call(
                "POST", "auth/password/request", body, port=port, headers={"X-Real-IP": one.address}
            )
            assert asked.status == 200
            process.terminate()
            assert process.wait(30) == 0
            assert [mail["To"] for mail in site.mails.all[count:]] == ["waiting@example.org"]
        finally:
            site.mails.delay = 0.0


def test_nobody_signs_up(site: Site) -> None:
    one = site.browser()
    body = {"email": "new@example.org", "password": "a password of mine"}
    assert one.call("POST", "auth/signup", body).status == 403
    assert one.call("POST", "auth/webauthn/signup", {"email": "new@example.org"}).status in (403, 404)
    assert one.send("POST", "/_allauth/app/v1/auth/login", body).status == 404  # the API without CSRF
    assert [mail for mail in site.mails.all if mail["To"] == "new@example.org"] == []


def test_a_session_is_new_after_the_login(site: Site) -> None:
    """Fixation: whoever planted a session knows another one than the member then has."""
    site.invite("fixed@example.org")
    one = site.browser()
    one.set_password("fixed@example.org")
    one.jar[site.session] = "planted0planted0planted0planted0"
    assert one.login("fixed@example.org").status == 200
    assert one.jar[site.session] != "planted0planted0planted0planted0"
    thief = site.browser()
    thief.jar[site.session] = "planted0planted0planted0planted0"
    assert thief.send("GET", PAGE).status == 401


def test_a_stolen_session_ends_with_the_logout(site: Site) -> None:
    one = site.member("stolen@example.org")
    thief = site.browser()
    thief.jar |= one.jar
    assert thief.send("GET", PAGE).status == 200
    one.logout()
    assert thief.send("GET", PAGE).status == 401


def test_a_changed_password_ends_all_other_sessions(site: Site) -> None:
    one = site.member("changed@example.org")
    other = site.browser()
    other.login("changed@example.org")
    assert other.send("GET", PAGE).status == 200
    body = {"current_password": PASSWORD, "new_password": "another long walk"}
    assert one.call("POST", "account/password/change", body).status == 200
    assert one.send("GET", PAGE).status == 200
    assert other.send("GET", PAGE).status == 401
    assert "password" in site.mails.to("changed@example.org", "assword").get_content().lower()


def test_a_reset_password_ends_every_session(site: Site) -> None:
    one = site.member("reset@example.org")
    other = site.browser()
    assert other.call("POST", "auth/password/request", {"email": "reset@example.org"}).status == 200
    key = site.mails.key("reset@example.org", "new password")
    body = {"key": key, "password": "another long walk"}
    assert other.call("POST", "auth/password/reset", body).status == 401
    assert one.send("GET", PAGE).status == 401
    again = site.browser().call("POST", "auth/password/reset", body)  # the key is used up
    assert again.status == 400


def test_a_member_who_is_switched_off_is_out_at_once(site: Site) -> None:
    one = site.member("off@example.org")
    switch = "from api.accounts.models import User; User.objects.filter(email='off@example.org').update({})"
    site.python(switch.format("is_active=False"))
    assert one.send("GET", PAGE).status == 401
    assert site.browser().login("off@example.org").status in (400, 401)
    site.python(switch.format("is_active=True"))
    site.python(
        "from api.accounts.models import User; User.objects.get(email='off@example.org').groups.clear()"
    )
    refused = one.send("GET", PAGE)
    assert (refused.status, CANARY.encode() in refused.body) == (403, False)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRFToken": ""},
        {"X-CSRFToken": "a" * 32},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "", "Referer": "https://evil.example/x", "X-Forwarded-Proto": "https"},
        {"Cookie": "csrftoken="},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "auth/login"), ("DELETE", "auth/session"), ("POST", "account/password/change")],
)
def test_a_request_of_another_site_is_refused(
    site: Site, method: str, path: str, headers: dict[str, str]
) -> None:
    one = site.browser()
    one.send("GET", f"{API}/config")
    answer = one.send(method, f"{API}/{path}", {"email": "a@example.org", "password": PASSWORD}, headers)
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1", "x" * 300])
def test_another_host_is_no_host_of_ours(site: Site, host: str) -> None:
    answer = site.browser().send("GET", f"{API}/config", headers={"Host": host})
    assert answer.status == 400
    assert host.encode() not in answer.body


def test_mails_hold_the_right_host_whatever_the_request_says(site: Site) -> None:
    site.member("mailed@example.org")
    one = site.browser()
    one.send("GET", f"{API}/config")
    for forged in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        asked = one.call("POST", "auth/password/request", {"email": "mailed@example.org"}, headers=forged)
        assert asked.status == 200
    mail = site.mails.to("mailed@example.org", "new password")
    assert mail["From"] == "login@small.example"
    links = re.findall(r"https?://[^\s/]+", mail.get_content())
    assert set(links) == {site.url}


def test_unknown_addresses_get_no_mail(site: Site) -> None:
    site.invite("known@example.org")
    one, before = site.browser(), len(site.mails.all)
    for email in ("stranger@example.org", "known@example.org"):
        assert one.call("POST", "auth/password/request", {"email": email}).status == 200
    until(lambda: "known@example.org" in [mail["To"] for mail in site.mails.all[before:]])
    assert "stranger@example.org" not in [mail["To"] for mail in site.mails.all]


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
@pytest.mark.parametrize("name", ["next", "redirect_to", "callback_url"])
def test_nothing_leads_away(site: Site, target: str, name: str) -> None:
    one = site.browser()
    for path in (f"{API}/config", "/admin/login/", "/accounts/login/", "/account/login/", PAGE, "/posts/one"):
        answer = one.send("GET", f"{path}?{name}={target}")
        location = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), (path, location)


def test_cookies_are_of_this_host_over_tls_alone(project: object, site: Site) -> None:
    """Names with __Host- are believed by browsers only with Secure, with Path=/ and without Domain."""
    settings = {"LOGIN_SITE_URL": "https://small.example"}
    told = site.manage(
        "shell", "--no-imports", "-c",
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH)",
        more=settings,
    )  # fmt: skip
    assert told.split() == ["__Host-sessionid", "__Host-csrftoken", "True", "True", "None", "/"]
    one = site.member("cookies@example.org")
    session, csrf = one.flags[site.session], one.flags[site.csrf]
    assert re.search("HttpOnly", session)
    assert "SameSite=Lax" in session
    assert "Max-Age=43200" in session  # 12 hours, as the privacy page says
    assert "SameSite=Lax" in csrf
    assert sorted(one.jar) == ["csrftoken", "sessionid"]


def test_readers_who_do_not_log_in_get_no_cookie(site: Site) -> None:
    one = site.browser()
    for path in ("/", "/posts/one/", "/account/login/", PAGE, "/admin/", "/feed.atom"):
        assert "set-cookie" not in one.send("GET", path).headers, path


BODIES = {
    "17 KB": b'{"email": "' + b"a" * 17_000 + b'"}',
    "3 MB": b"[" + b"1," * 1_500_000 + b"1]",
    "a list": b"[1]",
    "a text": b'"x"',
    "null": b"null",
    "nothing": b"",
    "no JSON": b"{",
    "bad UTF-8": b'{"email": "\xff\xfe", "password": "x"}',
    "deep lists": b"[" * 16_000,
    "deep objects": b'{"a":' * 3_200,
    "NUL": b'{"email": "a\\u0000b@example.org", "password": "\\u0000"}',
    "lone surrogate": b'{"email": "a@example.org", "password": "\\ud800"}',
    "numbers": b'{"email": 1, "password": 1e400}',
    "lists within": b'{"email": ["a"], "password": {"a": 1}}',
    "NaN": b'{"email": NaN, "password": NaN}',
    "huge number": b'{"email": ' + b"9" * 5000 + b"}",
    "large number": b'{"authenticators": [99999999999999999999], "email": 1, "id": -9223372036854775809}',
    "same name twice": b'{"email": "a", "email": "b", "password": "c"}',
    "long password": json.dumps({"email": "a@example.org", "password": "p" * 9000}).encode(),
}
PATHS = ["auth/login", "auth/password/request", "auth/password/reset", "auth/email/verify",
         "auth/2fa/authenticate", "auth/webauthn/login", "auth/reauthenticate", "auth/signup"]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("what", BODIES)
def test_no_body_breaks_the_api(site: Site, path: str, what: str) -> None:
    """Through NGINX, and to the API itself: never a 5xx, always JSON."""
    one = site.browser()
    one.send("GET", f"{API}/config")
    for port in (None, site.ports[0]):
        answer = one.send(
            "POST", f"{API}/{path}", raw=BODIES[what], port=port, headers={"X-Real-IP": one.address}
        )
        # A mail is asked for whatever else the body holds: 200 tells nothing.
        assert (answer.status == 200 and path == "auth/password/request") or 400 <= answer.status < 500
        if port:
            assert answer.headers["content-type"] == "application/json"
            assert answer.json["status"] == answer.status


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "x", ""]
)
def test_no_other_kind_of_body_breaks_it(site: Site, kind: str) -> None:
    one = site.browser()
    one.send("GET", f"{API}/config")
    answer = one.send("POST", f"{API}/auth/login", raw=b"email=a&password=b", headers={"Content-Type": kind})
    assert 400 <= answer.status < 500


@pytest.mark.parametrize(
    "cookie",
    ["x", "'", "a" * 32, "A" * 4000, "\xff", "../../x", "a b", '"a"', "%00", "0" * 40, "a;b", "\u0661" * 4],
)
def test_no_cookie_breaks_the_gate(site: Site, cookie: str) -> None:
    """The gate looks a key up that a stranger has written."""
    one = site.browser()
    raw = cookie.encode("utf-8", "surrogateescape").decode("latin-1")
    answer = one.send("GET", PAGE, headers={"Cookie": f"{site.session}={raw}"})
    assert answer.status in (400, 401)


def test_the_admin_wants_staff_and_a_second_factor(site: Site) -> None:
    """Its own login is not there, at NGINX or behind it."""
    stranger, member = site.browser(), site.member("plain@example.org")
    owner = site.member("boss@example.org", owner=True)
    for path in ("/admin/", "/admin/login/", "/admin/accounts/user/", "/admin/static/admin/css/base.css"):
        assert stranger.send("GET", path).status == 401
        assert member.send("GET", path).status == 403
        assert owner.send("GET", path).status == 403
    for one in (stranger, member, owner):  # past NGINX: the API refuses by itself
        direct = one.send("GET", "/admin/", port=site.ports[0])
        assert direct.status in (302, 403)
        login = one.send("GET", "/admin/login/", port=site.ports[0])
        assert (login.status, b"password" in login.body) == (403, False)


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff", "/livez", "/readyz", "/metrics"])
def test_what_is_not_for_readers_is_not_there_for_them(site: Site, path: str) -> None:
    assert site.browser().send("GET", path).status == 404


def _guess(site: Site, browsers: list[Browser], email: str) -> Counter[str]:
    def one(browser: Browser) -> str:
        answer = browser.login(email, "a guess that fails")
        return str(answer.json["errors"][0]["code"]) if answer.status == 400 else str(answer.status)

    with ThreadPoolExecutor(12) as pool:
        return Counter(pool.map(one, browsers))


def test_guesses_at_once_are_counted_one_by_one(site: Site) -> None:
    """Two requests that read the counter before either writes would both be let through."""
    site.member("atonce@example.org")
    browsers = [site.browser() for _ in range(24)]
    for one in browsers:
        one.send("GET", f"{API}/config")
    found = _guess(site, browsers, "atonce@example.org")
    assert found["email_password_mismatch"] <= 5
    assert set(found) <= {"email_password_mismatch", "too_many_login_attempts", "429"}
    assert site.browser().login("atonce@example.org").status == 400
